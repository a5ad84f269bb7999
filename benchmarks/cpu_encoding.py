"""Documents a second on a CPU: Sparton, sentence-transformers' SparseEncoder and Pyserini's encoder, in one run.

    python benchmarks/cpu_encoding.py corpus.parquet --documents 500

The same texts and the same model, tiny, from texts to sparse vectors in memory: Sparton as it comes, which is with the
head in bfloat16 where the CPU has instructions for it, in 8-bit integers and in float32; the others in float32.
sentence-transformers runs at each of several batch sizes and is quoted at its best. Rounds alternate between the
methods, so that a slow moment of the machine hits all. The vectors are compared as well.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from pyserini_side import start_java
from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

from sparton import Encoder
from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
from sparton.pipeline.encoding.impacts import Impacts
from sparton.pipeline.model.files import find_model

BATCH_SIZES = (1, 4, 8, 16, 32)
# Sparton's vectors are impacts: at this scale they tell weights apart to a millionth.
FINE = 1_000_000


def read_texts(corpus: Path, count: int) -> list[str]:
    """`count` texts, evenly spaced over the corpus."""
    source = Corpus([corpus])
    columns = choose_columns(source)
    shards = read_shards(source.rows(columns.all), 1024, partial(checked, columns=columns, skip_bad=False))
    texts = [text for shard in shards for text in shard.documents.texts]
    return [texts[row * len(texts) // count] for row in range(min(count, len(texts)))]


def sentence_transformer(folder: Path) -> SparseEncoder:
    """The same model as a SparseEncoder."""
    transformer = MLMTransformer(str(folder))
    transformer.max_seq_length = 512
    return SparseEncoder(modules=[transformer, SpladePooling("max")], device="cpu")


def pyserini_encoder(folder: Path) -> Any:
    """The same model in Pyserini's document encoder, or None where Pyserini cannot be imported."""
    start_java()
    from pyserini.encode import SpladeDocumentEncoder

    return SpladeDocumentEncoder(str(folder), device="cpu")


def largest_difference(ours: Impacts, theirs: torch.Tensor) -> float:
    """Largest |weight difference| over all documents and terms. theirs: sparse [n, V]."""
    largest = 0.0
    for (terms, values), row in zip(ours, theirs.to_dense(), strict=True):
        mine = torch.zeros_like(row)
        mine[torch.from_numpy(terms).long()] = torch.from_numpy(values).float() / FINE
        largest = max(largest, float((mine - row).abs().max()))
    return largest


def rates(methods: dict[str, Callable[[], Any]], documents: int, rounds: int) -> dict[str, list[float]]:
    """Documents a second of each method in each round, the methods taking turns."""
    result: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(rounds):
        for name, method in methods.items():
            if name == "pyserini" and turn:
                continue  # several times slower than the rest; once is enough to see it
            start = time.perf_counter()
            method()
            result[name].append(documents / (time.perf_counter() - start))
    return result


def pyserini_batches(encoder: Any, texts: Sequence[str], size: int = 32) -> None:
    """Encode in batches of 32, which is Pyserini's default."""
    for start in range(0, len(texts), size):
        encoder.encode(list(texts[start : start + size]), max_length=512)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    folder = find_model("tiny").folder
    texts = read_texts(arguments.corpus, arguments.documents)
    ours, whole, plain = (Encoder("tiny", device="cpu", dtype=dtype) for dtype in ("auto", "int8", "float32"))
    theirs, pyserini = sentence_transformer(folder), pyserini_encoder(folder)
    tokens = len(ours.tokenize(texts).ids)

    truth = theirs.encode_document(texts, batch_size=8, convert_to_tensor=True, show_progress_bar=False)
    differences = {
        dtype: largest_difference(Encoder("tiny", device="cpu", dtype=dtype, scale=FINE).encode(texts), truth)
        for dtype in dict.fromkeys((ours.settings.documents.dtype, "int8", "float32"))
    }
    methods: dict[str, Callable[[], Any]] = {
        "sparton": lambda: ours.encode(texts),
        "sparton, int8": lambda: whole.encode(texts),
        "sparton, float32": lambda: plain.encode(texts),
    }
    for size in BATCH_SIZES:
        methods[f"sentence-transformers, batch {size}"] = lambda size=size: theirs.encode_document(  # type: ignore[misc]
            texts, batch_size=size, show_progress_bar=False
        )
    methods["pyserini"] = lambda: pyserini_batches(pyserini, texts)
    measured = rates(methods, len(texts), arguments.rounds)

    medians = {name: statistics.median(values) for name, values in measured.items()}
    best = max((name for name in medians if name.startswith("sentence")), key=medians.__getitem__)
    result = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: metadata.version(name) for name in ("torch", "sentence-transformers", "pyserini")},
        "documents": len(texts),
        "tokens a document": tokens / len(texts),
        "dtype": ours.settings.documents.dtype,
        "documents a second": measured,
        "largest weight difference": differences,
        "ratio to the best of sentence-transformers": medians["sparton"] / medians[best],
        "ratio to the best of sentence-transformers, float32": medians["sparton, float32"] / medians[best],
        "ratio of int8": medians["sparton, int8"] / medians["sparton"],
        "ratio to pyserini": medians["sparton"] / medians["pyserini"],
    }
    print(f"{len(texts)} documents, {tokens / len(texts):.0f} tokens each, {result['machine']}")
    for name, values in measured.items():
        print(f"{name:34} {medians[name]:7.1f} documents/s  ({min(values):.1f} to {max(values):.1f})")
    print(f"sparton, int8 / sparton: {result['ratio of int8']:.2f}")
    for name in ("sparton", "sparton, float32"):
        print(f"{name} / {best}: {medians[name] / medians[best]:.2f}")
    for dtype, difference in differences.items():
        print(f"largest weight difference in {dtype}: {difference:.1e}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
