"""Pyserini's own Python, in a process of its own: it asks for an API key at import, and reaches Java by pyjnius.

Its own start asks for a module (jdk.incubator.vector) that small runtimes lack; it stands back when it meets a running
JVM.
"""

import os
import subprocess
import sys

from sparton.indexer.java import find_jar, find_java

_BEFORE = """
import json, sys, types

class Module(types.ModuleType):
    def __init__(self, name, content):
        super().__init__(name)
        self.content = content

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.content

# From 2.1 on Pyserini asks the network for the indexes that it could download, at import.
sys.modules["pyserini.prebuilt_index_info"] = Module("pyserini.prebuilt_index_info", {})
# Its encoders, of which none is used, are most of what an import takes: torch, transformers, scikit-learn, openai.
sys.modules["pyserini.encode"] = Module("pyserini.encode", object)
import jnius_config
from sparton.indexer.java import find_jar
jnius_config.set_classpath(str(find_jar()))
import jnius
"""


def with_pyserini(program, *arguments, lines=()):
    """The lines that a program prints which uses Pyserini. lines: what it reads from standard input."""
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + program, *map(str, arguments)],
        input="".join(f"{line}\n" for line in lines),
        env={**os.environ, "OPENAI_API_KEY": "unused", "JAVA_HOME": str(find_java())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def index_collection(folder, into, collection, *options):
    """The Lucene index that Anserini makes of a collection, as `python -m pyserini.index.lucene` does: by the same call
    of Java. collection: of which of its classes."""
    command = [
        str(find_java() / "bin" / "java"),
        *("-cp", str(find_jar()), "io.anserini.index.IndexCollection", "-collection", collection),
        *("-input", str(folder), "-index", str(into), "-threads", "1"),
        *("-generator", "DefaultLuceneDocumentGenerator", *options),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return into
