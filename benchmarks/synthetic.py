"""Documents and queries with the statistics of SPLADE's: terms Zipf-like and by topic, impacts log-normal.

    python synthetic.py 100000 --out vectors [--files 8]

writes JsonVectorCollection files. The same number gives the same documents; a document's text is 75 words of its terms.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

TERMS, MEAN_IMPACT, QUERY_TERMS = 200, 60, 30
_TOPICS, _BLOCK = 500, 2_000


def vocabulary() -> list[str]:
    """The 30,522 terms of the embedded models."""
    from transformers import AutoTokenizer

    from sparton.pipeline.model.files import find_model

    return AutoTokenizer.from_pretrained(find_model("small").documents.folder).convert_ids_to_tokens(range(30_522))


def vectors(count: int, mean_terms: float, seed: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(term ids, impacts) of each of `count` texts.

    Half of a text's terms come from the whole vocabulary, half from its topic's own order of the vocabulary.
    """
    ranks = np.arange(size)
    shares = 1 / (ranks + 25)  # the commonest term stands in a fifth of the documents
    cumulative = np.cumsum(shares / shares.sum())
    everywhere = np.random.default_rng(0).permutation(size)
    for block in range(0, count, _BLOCK):
        random = np.random.default_rng([seed, block])
        for _ in range(min(_BLOCK, count - block)):
            wanted = max(1, round(mean_terms * random.lognormal(-0.045, 0.3)))
            drawn = np.searchsorted(cumulative, random.random(2 * wanted)).clip(0, size - 1)
            topic = int(random.integers(_TOPICS))
            drawn[::2] = (drawn[::2] * 7_919 + topic * 61) % size  # 7,919 is prime, so this is an order of all terms
            terms = everywhere[np.unique(drawn)]
            terms = np.sort(random.permutation(terms)[:wanted])
            spread = 0.8
            impacts = np.rint(random.lognormal(np.log(MEAN_IMPACT) - spread**2 / 2, spread, len(terms)))
            yield terms, impacts.clip(1, 400).astype(int)


def write_documents(
    folder: Path, count: int, files: int = 8, fields_of: Callable[[int], dict[str, object]] | None = None
) -> int:
    """Write `count` documents and return the number of postings. fields_of: the fields of a document by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary()
    keys = [json.dumps(word, ensure_ascii=False) + ": " for word in words]
    per_file = -(-count // files)
    documents = vectors(count, TERMS, 1, len(words))
    postings = 0
    for number in range(files):
        with (folder / f"part-{number:05d}.jsonl").open("w", encoding="utf-8") as stream:
            for row in range(number * per_file, min(count, (number + 1) * per_file)):
                terms, impacts = next(documents)
                text = " ".join(words[term] for term in terms[:75])
                vector = ", ".join(f"{keys[term]}{impact}" for term, impact in zip(terms, impacts, strict=True))
                fields = f'"fields": {json.dumps(fields_of(row))}, ' if fields_of else ""
                stream.write(f'{{"id": "d{row}", "contents": {json.dumps(text)}, {fields}"vector": {{{vector}}}}}\n')
                postings += len(terms)
    return postings


def queries(count: int) -> list[dict[str, int]]:
    """Queries as {term: impact}."""
    words = vocabulary()
    return [
        {words[term]: int(impact) for term, impact in zip(terms, impacts, strict=True)}
        for terms, impacts in vectors(count, QUERY_TERMS, 2, len(words))
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", type=int)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--files", type=int, default=8)
    options = parser.parse_args()
    print(f"{write_documents(options.out, options.documents, options.files):,} postings")
