"""Stage 1, on a CPU: read and clean texts, split off a development set, tokenize all, find hard negatives by BM25.

    python examples/train_embedded/prepare.py --data texts --backbone all-MiniLM-L6-v2 --out prepared

What it writes is all that the other stages need.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import mine
import numpy as np
import tokenizers
from other_words import OtherWords, add_other_words
from prepared import BACKBONE, CANDIDATES, EXAMPLES, SUMMARY, TOKENS, UNPAIRED, token_idf
from products import add_products
from safetensors.torch import load_file, save_file
from sentences import add_sentences, add_titles
from short_titles import SOURCES, short_titles
from split import Split, split
from synonyms import add_synonyms
from texts import Texts, read_texts
from token_lists import tokenize
from word_forms import word_numbers
from wordnet import read_wordnet

_DEEP = 100  # passages that BM25 ranks for a query of the development set


def add_short_titles(texts: Texts, parts: Split) -> np.ndarray:
    """Add queries made of the titles that are trained on; int32 numbers of those that are new."""
    before = len(texts.queries)
    for query in dict.fromkeys(parts.trained[:, 0].tolist()):
        source = texts.query_sources[query]
        if source in SOURCES:
            for short in short_titles(texts.queries[query]):
                texts.add_query(short, f"{source}, shortened")
    return np.arange(before, len(texts.queries), dtype=np.int32)


def add_wordnet(
    texts: Texts, parts: Split, unpaired: np.ndarray, folder: Path, most: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Add pairs of synonyms, products that go by one of several names, and queries in other words.

    Returns:
        int32 [P, 2], pairs to train on, and int32 [U], queries that have no passage: of these, some of `unpaired` may
        have got one.
    """
    wordnet = read_wordnet(folder)
    pairs, queries = len(texts.pairs), len(texts.queries)
    add_synonyms(texts, parts, wordnet, most, seed)
    add_products(texts, {texts.queries[query].casefold() for query in parts.queries.tolist()}, wordnet, seed)
    add_other_words(texts, parts, OtherWords(wordnet), seed)
    added = texts.pair_numbers()[pairs:]
    new = np.arange(queries, len(texts.queries), dtype=np.int32)
    return np.concatenate([parts.trained, added]), np.setdiff1d(np.concatenate([unpaired, new]), added[:, 0])


def copy_backbone(given: Path, into: Path) -> None:
    """Copy MiniLM with weights in float16, and with a tokenizer that neither cuts nor pads by itself."""
    into.mkdir()
    for name in ("config.json", "tokenizer_config.json"):
        shutil.copy(given / name, into)
    weights = load_file(given / "model.safetensors")
    halves = {name: tensor.half() for name, tensor in weights.items() if tensor.is_floating_point()}
    save_file(halves, into / "model.safetensors", {"format": "pt"})
    tokenizer = tokenizers.Tokenizer.from_file(str(given / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(into / "tokenizer.json"))


def numbered(names: list[str], sources: list[str]) -> np.ndarray:
    """uint8 [N], where each name is among `sources`."""
    numbers = {name: number for number, name in enumerate(sources)}
    return np.array([numbers[name] for name in names], np.uint8)


def summary_of(texts: Texts, parts: Split, examples: np.ndarray) -> dict[str, object]:
    """Counts by source, and the sources of the development queries."""
    paired = examples[examples[:, 1] != UNPAIRED]
    sources = [texts.query_sources[query] for query in parts.queries.tolist()]
    return {
        "passages": len(texts.passages),
        "queries": len(texts.queries),
        "examples": len(examples),
        "pairs_trained": Counter(texts.pairs[query, passage] for query, passage in paired.tolist()),
        "pairs_held_out": len(texts.pairs) - len(paired),
        "queries_without_a_passage": Counter(
            texts.query_sources[query] for query in examples[examples[:, 1] == UNPAIRED, 0].tolist()
        ),
        "development": Counter(sources),
        "development_sources": sources,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs, passages and queries .parquet")
    parser.add_argument("--backbone", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--wordnet", type=Path, help="folder of WordNet's database files, for other words")
    parser.add_argument("--synonyms", type=int, default=15_000, help="pairs of WordNet's synonyms, about")
    parser.add_argument("--sentences", type=int, default=30_000, help="of passages, as long queries")
    parser.add_argument("--development", type=int, default=150, help="queries of a source that are held out, at most")
    parser.add_argument("--candidates", type=int, default=31, help="of each query: 30 and its own passage")
    parser.add_argument("--passage-tokens", type=int, default=256)
    parser.add_argument("--query-tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begin = time.perf_counter()

    def tell(done: str) -> None:
        print(f"{time.perf_counter() - begin:6.0f} s  {done}", flush=True)

    arguments.out.mkdir(parents=True)
    copy_backbone(arguments.backbone, arguments.out / BACKBONE)
    texts = read_texts(arguments.data)
    parts = split(texts, arguments.development, arguments.seed)
    trained, unpaired = parts.trained, np.concatenate([parts.unpaired, add_short_titles(texts, parts)])
    if arguments.wordnet is not None:
        trained, unpaired = add_wordnet(texts, parts, unpaired, arguments.wordnet, arguments.synonyms, arguments.seed)
    before = len(texts.pairs)
    add_sentences(texts, parts, arguments.sentences, arguments.seed)
    sentences = texts.pair_numbers()[before:]
    trained, unpaired = np.concatenate([trained, sentences]), np.setdiff1d(unpaired, sentences[:, 0])
    add_titles(texts, trained)
    alone = np.stack([unpaired, np.full_like(unpaired, UNPAIRED)], axis=1)
    examples = np.concatenate([trained, alone])
    sources = list(dict.fromkeys([*texts.passage_sources, *texts.query_sources]))
    np.savez_compressed(
        arguments.out / EXAMPLES,
        examples=examples,
        pairs=texts.pair_numbers(),
        development=parts.queries,
        relevant=parts.relevant,
        passage_sources=numbered(texts.passage_sources, sources),
        query_sources=numbered(texts.query_sources, sources),
    )
    summary = summary_of(texts, parts, examples) | {"sources": sources}
    (arguments.out / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    tell(f"{len(texts.passages):,} passages, {len(texts.queries):,} queries, {len(examples):,} examples")

    tokenizer = tokenizers.Tokenizer.from_file(str(arguments.out / BACKBONE / "tokenizer.json"))
    passages = tokenize(tokenizer, texts.passages, arguments.passage_tokens)
    queries = tokenize(tokenizer, texts.queries, arguments.query_tokens)
    np.savez_compressed(
        arguments.out / TOKENS,
        passages=passages["flat"],
        passage_lengths=passages["lengths"],
        queries=queries["flat"],
        query_lengths=queries["lengths"],
        words=word_numbers(tokenizer, token_idf(passages["flat"], passages["lengths"], tokenizer.get_vocab_size())),
    )
    tell(f"{len(passages['flat']):,} tokens of passages, {len(queries['flat']):,} of queries")

    with tempfile.TemporaryDirectory() as folder:
        index = mine.build(texts.passages, Path(folder))
        tell("BM25 index built")
        ids, scores = mine.best(index, texts.queries, arguments.candidates)
        development = [texts.queries[query] for query in parts.queries.tolist()]
        deep, _ = mine.best(index, development, _DEEP)
        index.close()
    np.savez_compressed(arguments.out / CANDIDATES, ids=ids, scores=scores, development=deep)
    for path in sorted(file for file in arguments.out.rglob("*") if file.is_file()):
        tell(f"{path.relative_to(arguments.out)}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
