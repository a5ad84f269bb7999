"""A collection of natural text of any size, of the sentences of a smaller one.

    python natural_text.py TRAINING 500000 --out corpus.parquet

TRAINING: a folder of Parquet files with a text column (`passage` or `text`) and `source`. A passage is a window of
sentences that follow each other in a document, and of another document of the same source where the first one ends too
soon, up to a number of words drawn for it. Documents are drawn by their number of sentences, and no passage stands
twice. The same files and number give the same passages; the digest that is printed says whether they did.
"""

import argparse
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

SEED = 20
MEAN_WORDS = 60
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")

Document = tuple[str, str]  # source, text


def documents_of(folder: Path) -> list[Document]:
    """The texts of a folder's Parquet files, each once, in order of source and file."""
    from pyarrow import parquet

    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.parquet")):
        table = parquet.read_table(path)
        column = next((name for name in ("passage", "text") if name in table.column_names), None)
        if column is not None:
            for text, source in zip(table[column].to_pylist(), table["source"].to_pylist(), strict=True):
                found.setdefault(" ".join(text.split()), source)
    return sorted(((source, text) for text, source in found.items()), key=lambda document: document[0])


def passages(documents: Sequence[Document], count: int, seed: int = SEED) -> Iterator[str]:
    """That many passages of the sentences of documents."""
    random = np.random.default_rng(seed)
    sentences = [_SENTENCE_END.split(text) for _, text in documents]
    ends = np.cumsum([len(one) for one in sentences]).tolist()
    sources = [source for source, _ in documents]
    first = {source: sources.index(source) for source in dict.fromkeys(sources)}
    last = {source: len(sources) - sources[::-1].index(source) for source in first}
    seen: set[bytes] = set()
    while len(seen) < count:
        wanted = MEAN_WORDS * random.lognormal(-0.08, 0.4)
        number = bisect_right(ends, int(random.integers(ends[-1])))
        taken: list[str] = []
        words = 0
        while words < wanted:
            own = sentences[number]
            for sentence in own[int(random.integers(len(own))) :]:
                taken.append(sentence)
                words += sentence.count(" ") + 1
                if words >= wanted:
                    break
            source = sources[number]
            number = int(random.integers(first[source], last[source]))
        text = " ".join(taken)
        if (digest := sha256(text.encode()).digest()[:12]) not in seen:
            seen.add(digest)
            yield text


def identified(texts: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Each text with an id, its number."""
    return ((f"n{number:07d}", text) for number, text in enumerate(texts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(identified(passages(documents_of(arguments.training), arguments.count)))
    digest = sha256("".join(f"{name}\t{text}\n" for name, text in rows).encode()).hexdigest()
    table = pa.table({"id": [name for name, _ in rows], "text": [text for _, text in rows]})
    parquet.write_table(table, arguments.out, compression="zstd")
    words = sum(text.count(" ") + 1 for _, text in rows) / len(rows)
    print(f"{len(rows):,} passages, {words:.1f} words each, sha256 {digest}")


if __name__ == "__main__":
    main()
