"""Pyserini in a process of its own, since a process holds one JVM and Pyserini starts its own by pyjnius.

`start_java` is what a script must do first where Java lacks the module that Pyserini asks for. `Pyserini` asks such a
process for what LuceneImpactSearcher finds, and how long that took there.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sparton.indexer.java import find_jar, find_java


def start_java() -> None:
    """Start the JVM as Pyserini can use it: its own start stands back when it meets one."""
    import jnius_config

    os.environ["JAVA_HOME"] = str(find_java())
    os.environ.setdefault("OPENAI_API_KEY", "unused")
    jnius_config.set_classpath(str(find_jar()))
    import jnius  # noqa: F401  # this starts it


class Pyserini:
    """LuceneImpactSearcher on a Lucene index, with its own query encoder on a model folder."""

    def __init__(self, lucene: Path, model: Path) -> None:
        command = [sys.executable, __file__, str(lucene), str(model)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: Any) -> tuple[Any, float]:
        """The response to one request, and the milliseconds that it took. do: "encode", "search" or "batch"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith("{"):
            if not line:
                raise SystemExit("the process with Pyserini has ended")
        content = json.loads(line)
        return content["found"], content["ms"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    start_java()
    from pyserini.encode import SpladeQueryEncoder
    from pyserini.search.lucene import LuceneImpactSearcher

    searcher = LuceneImpactSearcher(sys.argv[1], SpladeQueryEncoder(sys.argv[2], device="cpu"))
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        match request["do"]:
            case "encode":
                found: Any = searcher.encode(request["query"])
            case "search":
                found = [(hit.docid, hit.score) for hit in searcher.search(request["query"], request["k"])]
            case "batch":
                names = [str(number) for number in range(len(request["queries"]))]
                hits = searcher.batch_search(request["queries"], names, request["k"], request["threads"])
                found = {name: [(hit.docid, hit.score) for hit in some] for name, some in hits.items()}
        ms = 1000 * (time.perf_counter() - start)
        print(json.dumps({"found": found if request["do"] == "search" else len(found), "ms": ms}), flush=True)


if __name__ == "__main__":
    main()
