"""Other words for things, by WordNet, for queries whose own word an index hardly has (sparton/search/rare_words.py)."""

import json
import re
from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path

from never_guessed import NEVER
from prepared import Prepared
from wordnet import ARTIFACT, NOUN, Synset, WordNet, licence, read_wordnet

NAME, LICENCE = "synonyms.json", "WORDNET-LICENCE.txt"
_SENSES = 2  # of a noun that are looked at
_LONGEST = 3  # words that are one noun
_MOST = 20  # synonyms
_WIDEST = 60  # synsets below a hypernym
_DRUGS = ("psychoactive drug", "controlled substance", "drug of abuse")
_WORDS = re.compile(r"[a-z]+(?: [a-z]+)*")


def synonyms(wordnet: WordNet, frequent: Container[str]) -> dict[str, list[list[str]]]:
    """For each noun that is an artifact in its first two senses: the other lemmas of their synsets, and in a second
    list those of their hypernyms. Names, what `never_guessed` lists, psychoactive drugs and wide hypernyms ("clothing")
    are left out. frequent: words that have no entry, as "or", which is an operating room too."""
    nouns, found = wordnet.synsets[NOUN], dict[str, list[list[str]]]()
    below, drugs = _narrower(nouns), {wordnet.senses[NOUN].get(kind, (0,))[0] for kind in _DRUGS}
    for word, senses in sorted(wordnet.senses[NOUN].items()):
        entry = _written(word)
        artifacts = [
            nouns[offset]
            for offset in senses[:_SENSES]
            if nouns[offset].file == ARTIFACT
            and word in nouns[offset].lemmas  # and not a name, which the index has in lower case too
            and not drugs & {offset, *_above(nouns, nouns[offset])}
        ]
        kinds = [nouns[one] for synset in artifacts for one in synset.hypernyms if below[one] <= _WIDEST]
        if entry is None or entry in found or entry in frequent:
            continue
        taken, lists = {entry}, []
        for synsets in (artifacts, kinds):
            lemmas = (lemma for synset in synsets for lemma in map(_written, synset.lemmas) if lemma)
            lists.append([lemma for lemma in dict.fromkeys(lemmas) if lemma not in taken][:_MOST])
            taken.update(lists[-1])
        if any(lists):
            found[entry] = [some for some in lists if some]
    return found


def _narrower(nouns: Mapping[int, Synset]) -> Counter[int]:
    """How many synsets are below each one."""
    return Counter(one for synset in nouns.values() for one in _above(nouns, synset))


def _above(nouns: Mapping[int, Synset], synset: Synset) -> set[int]:
    """The offsets of all hypernyms, theirs among them."""
    found, begun = set[int](), list(synset.hypernyms)
    while begun:
        if (one := begun.pop()) not in found:
            found.add(one)
            begun += nouns[one].hypernyms
    return found


def _written(lemma: str) -> str | None:
    """A lemma as queries are looked up, None for one that is left out."""
    written = lemma.replace("-", " ").replace("'", " ")
    words = written.split()
    plain = _WORDS.fullmatch(written) is not None and len(words) <= _LONGEST
    return written if plain and not NEVER & set(words) else None


def save_synonyms(folder: Path, wordnet: Path, prepared: Prepared) -> int:
    """Write the table, and WordNet's licence, which asks to go along. Returns how many words it has. wordnet: the
    folder of WordNet's database files. Raises SpartonError as read_wordnet."""
    tokens = prepared.tokenizer().get_vocab().items()
    table = synonyms(read_wordnet(wordnet), {token for token, number in tokens if prepared.words[number] < 0})
    (folder / NAME).write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / LICENCE).write_text(licence(wordnet), encoding="utf-8")
    return len(table)
