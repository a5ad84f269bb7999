"""Topics from every kind of file, and what bad ones get."""

import gzip
import json

import pytest

from sparton.errors import SpartonError
from sparton.search.evaluation.topics import Topic, count_topics, read_topics


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content, name="topics"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path.relative_to(tmp_path)

    return write


def test_tsv(write):
    path = write("\ufeffq1\tblack bag\r\n\nq2\ta line\u2028 inside\t\nq3\t\n")
    assert list(read_topics(path)) == [Topic("q1", "black bag"), Topic("q2", "a line\u2028 inside"), Topic("q3", "")]
    assert count_topics(path) == 3


@pytest.mark.parametrize("name", ["_id", "id", "qid"])
@pytest.mark.parametrize("text", ["text", "query", "title"])
def test_json_lines(write, name, text):
    path = write(json.dumps({name: 7, text: "black bag", "metadata": {}}) + "\n")
    assert list(read_topics(path)) == [Topic("7", "black bag")]


def test_encoded_topics(write):
    path = write(json.dumps({"qid": "a", "vector": {"##body": 12, "|": 3.0}}))
    assert list(read_topics(path)) == [Topic("a", None, {"##body": 12, "|": 3})]


def test_gzip_is_known_by_its_content(write):
    path = write(gzip.compress(b"q1\tblack bag\n"), "topics.tsv")
    assert list(read_topics(path)) == [Topic("q1", "black bag")]


def test_half_characters_are_replaced(write):
    path = write('{"id": "a", "text": "bag \\ud800"}')
    assert list(read_topics(path)) == [Topic("a", "bag ?")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", " holds no topics; expected an id, a tab and a text a line, or JSON lines"),
        ("q1\tbag\nbag", ", line 2: 'bag' has no tab; expected an id, a tab and a text, or a JSON object"),
        ("\tbag", ", line 1: the id '' is no single word; a run could not hold it"),
        ("q 1\tbag", ", line 1: the id 'q 1' is no single word; a run could not hold it"),
        ("q1\ta\n\nq1\tb", ", line 3: the id 'q1' stands in line 1 too; ids must differ"),
        ('{"_id": 1, "text": "a"}\n1\tb', ", line 2: the id '1' stands in line 1 too; ids must differ"),
        (
            '{"text": "a"}',
            ', line 1: the topic has no id; expected text or a number as "_id" or "qid" or "id"',
        ),
        (
            '{"id": 1, "text": 2}',
            ', line 1: the topic has no text; expected text as "text" or "query" or "title", or a vector',
        ),
        ('{"id": 1, "vector": [1]}', ", line 1: the vector is [1]; expected {term: impact}"),
        (
            '{"id": 1, "vector": {"a": 1.5}}',
            ", line 1: the impact of 'a' is 1.5; expected a whole number; float weights need scale",
        ),
        ('{"id": 1, "vector": {"a": NaN}}', ", line 1: the impact of 'a' is nan; expected a whole number"),
        ('{"id": 1, "vector": {"a": true}}', ", line 1: the impact of 'a' is True; expected a whole number"),
        ('{"id": 1, "vector": {"a": -1}}', ", line 1: the impact of 'a' is -1; expected one from 0 to 2147483647"),
        (b"q1\tbag\nq2\t\xff", ", line 2: this is not UTF-8 (invalid start byte)"),
    ],
)
def test_bad_topics_get_one_sentence(write, content, sentence):
    with pytest.raises(SpartonError) as caught:
        count_topics(write(content))
    assert str(caught.value) == f"topics{sentence}"


def test_what_is_no_json_is_said(write):
    with pytest.raises(SpartonError, match=r"^topics, line 1: this is no JSON object \(Expecting"):
        count_topics(write("{bag"))


def test_a_file_cut_short_is_said(write):
    path = write(gzip.compress(b"q1\tblack bag\n")[:-9], "topics.gz")
    with pytest.raises(SpartonError, match=r"^topics\.gz cannot be read \("):
        count_topics(path)


def test_a_missing_file_is_said(write, tmp_path):
    with pytest.raises(SpartonError, match=r"nothing cannot be read \(No such file or directory\)"):
        count_topics(tmp_path / "nothing")
