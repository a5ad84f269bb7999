"""Queries of an inference-free model: time to encode one, and wall time of one search from a cold start.

    python benchmarks/inference_free.py --out benchmarks/results/inference-free.json

The model is the embedded one with an idf.json beside it, whose weights are the BM25 idf of the sample catalogue's
tokens; the index is of that catalogue. A masked-LM index of the same documents is searched in turn.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import tokenizers
from cold_start import seconds

import sparton
from sparton.pipeline.encoding.open_encoder import open_query_encoder
from sparton.pipeline.model.files import find_model
from sparton.storage.manifest import load_manifest


def save_model(folder: Path, texts: list[str]) -> None:
    """The embedded model tiny with a table of idf weights."""
    shutil.copytree(find_model("tiny").folder, folder)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    counts = Counter(token for encoding in encodings for token in set(encoding.tokens))
    idf = {token: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for token, n in counts.items()}
    (folder / "idf.json").write_text(json.dumps(idf))


def encoding_ms(index: Path, queries: list[str]) -> tuple[float, list[float]]:
    """Milliseconds to load the query side, and of each query, the first included."""
    settings = load_manifest(index).settings
    assert settings.model is not None
    start = time.perf_counter()
    encoder = open_query_encoder(settings.model, settings.scale)
    loading = time.perf_counter() - start
    times = []
    for query in queries:
        start = time.perf_counter()
        encoder.terms(query)
        times.append(1e3 * (time.perf_counter() - start))
    return 1e3 * loading, times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = files("sparton.data")
    queries = [line.split("\t")[1] for line in (data / "queries.tsv").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table = pq.read_table(str(data / "catalog.parquet"))
        titles, descriptions = (table[name].to_pylist() for name in ("title", "description"))
        save_model(folder / "model", [f"{title} {text}" for title, text in zip(titles, descriptions, strict=True)])
        indexes = {"inference-free": str(folder / "model"), "masked LM": "tiny"}
        for name, model in indexes.items():
            sparton.build_index(str(data / "catalog.parquet"), folder / name, model=model, device="cpu")
        loading, times = encoding_ms(folder / "inference-free", queries)
        command = shutil.which("sparton") or str(Path(sys.executable).with_name("sparton"))
        cold: dict[str, list[float]] = {name: [] for name in indexes}
        for turn in range(arguments.rounds + 1):
            for name in indexes:
                query = queries[turn % len(queries)]
                took = seconds([command, "search", query, "--index", str(folder / name)], dict(os.environ))
                if turn:  # the first round fills the file cache
                    cold[name].append(took)
    print(f"loading the query side {loading:.1f} ms")
    print(
        f"encoding {len(times)} queries: median {statistics.median(times):.3f} ms, "
        f"99 % {np.percentile(times, 99):.3f} ms, longest {max(times):.3f} ms (first {times[0]:.3f} ms)"
    )
    for name, values in cold.items():
        print(
            f"cold search, {name:14} median {statistics.median(values):.2f} s  ({min(values):.2f} to {max(values):.2f})"
        )
    if arguments.out:
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {name: metadata.version(name) for name in ("tokenizers", "numpy", "torch", "pyserini")},
            "loading_ms": loading,
            "encoding_ms": times,
            "cold_search_s": cold,
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
