"""Nouns that weigh more where a query names a thing by them (sparton/search/head_nouns.py): of WordNet and of shops."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from prepared import Prepared
from shop_words import shop_words
from short_titles import SOURCES
from wordnet import ARTIFACT, ATTRIBUTE, NOUN, WordNet, above

from sparton.pipeline.tokens.stems import singulars
from sparton.search.written_words import written

NAME, WEIGHT = "head_nouns.json", 1.4
_SENSES = 2  # of a noun, the most frequent
_MOST_KINDS = 80  # of a thing that a word still names: a bag has 59, and a container 744
_FEWEST = 4  # texts that have a word, to tell which
_LEAST_SHARE = 0.6  # of texts about products that have it, beside that of others
_SHOPS = frozenset((*SOURCES, "webshop"))
_AT_ONCE = 1_000  # passages


def head_nouns(wordnet: WordNet, texts: Iterable[tuple[str, str]]) -> list[str]:
    """Singulars that are an artifact in one of their first two senses, or that shops have for something, sorted.

    Left out are attributes first of all ("blue"), words for very many things ("container"), and those that texts about
    products have less often than others do, "cell" and "network". texts: (source, text) of passages.
    """
    nouns, senses, kinds = wordnet.synsets[NOUN], wordnet.senses[NOUN], _kinds(wordnet)
    things = {next((one for one in singulars(word) if one in senses), word) for word in _words_of_shops()}
    things |= {
        word
        for word, found in senses.items()
        if word.isalpha() and any(nouns[one].file == ARTIFACT for one in found[:_SENSES])
    }
    left_out = {
        word
        for word in things & senses.keys()
        if nouns[senses[word][0]].file == ATTRIBUTE
        or any(nouns[one].file == ARTIFACT and kinds[one] > _MOST_KINDS for one in senses[word])
    }
    shares = _shares(texts)
    return sorted(word for word in things - left_out if shares.get(word, 1.0) >= _LEAST_SHARE)


def _words_of_shops() -> Iterator[str]:
    """Those that are one word."""
    for word, lists in shop_words().items():
        yield from (one for some in ([word], *lists) for one in some if one.isalpha())


def _kinds(wordnet: WordNet) -> Mapping[int, int]:
    """How many hyponyms each noun's synset has, theirs among them."""
    nouns = wordnet.synsets[NOUN]
    return Counter(one for synset in nouns.values() for one in above(nouns, synset))


def _shares(texts: Iterable[tuple[str, str]]) -> Mapping[str, float]:
    """How often texts of shops have a word, for once in as many others; of each that enough texts have, whatever its
    number."""
    shops, others = Counter[str](), Counter[str]()
    for source, text in texts:
        words = set(written(text))
        (shops if source in _SHOPS else others).update(words.union(*map(singulars, words)))
    ratio = sum(others.values()) / max(1, sum(shops.values()))
    return {
        word: (shops[word] + 1) * ratio / (others[word] + 1)
        for word in shops.keys() | others.keys()
        if shops[word] + others[word] >= _FEWEST
    }


def passages(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """The source and the text of each passage, as its tokens have it."""
    tokenizer, lists = prepared.tokenizer(), prepared.passages
    each = np.split(lists.flat.cpu().numpy(), np.cumsum(lists.lengths)[:-1])
    for start in range(0, len(each), _AT_ONCE):
        decoded = tokenizer.decode_batch([ids.tolist() for ids in each[start : start + _AT_ONCE]])
        sources = prepared.passage_sources[start : start + _AT_ONCE].tolist()
        yield from zip((prepared.sources[one] for one in sources), decoded, strict=True)


def save_head_nouns(folder: Path, wordnet: WordNet, prepared: Prepared) -> int:
    """Write the nouns. Returns how many there are."""
    found = head_nouns(wordnet, passages(prepared))
    (folder / NAME).write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    return len(found)
