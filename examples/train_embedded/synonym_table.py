"""Other words for things, of WordNet and of shops, for queries whose own word an index hardly has
(sparton/search/rare_words.py)."""

import json
import re
from collections.abc import Container, Mapping
from pathlib import Path

from never_guessed import NEVER
from prepared import Prepared
from shop_words import shop_words
from wordnet import ARTIFACT, NOUN, WordNet, above

NAME = "synonyms.json"
_LONGEST = 3  # words that are one noun
_SLANG = "ammo bawdyhouse bordello can cathouse crapper head john privy whorehouse"
_VAGUE = (
    "addition article building device equipment good instrument instrumentality item machine material place product "
    "structure thing unit"
)
_LEFT_OUT = frozenset(f"{_SLANG} {_VAGUE}".split())
_DRUGS = ("psychoactive drug", "controlled substance", "drug of abuse")
_WORDS = re.compile(r"[a-z]+(?: [a-z]+)*")


def synonyms(wordnet: WordNet, frequent: Container[str]) -> dict[str, list[list[str]]]:
    """For each noun that is an artifact in its first sense, the words that mean the same and mean it first of all.

    So "deck" is none for playing cards: a synonym is searched for in all its senses. Nor is an expression of several
    words one, whose words stand in texts for other things too. Left out are words that are names too, slang, what
    `never_guessed` lists and psychoactive drugs. frequent: words that have no entry, as "or", which is an operating
    room too.
    """
    nouns, senses = wordnet.synsets[NOUN], wordnet.senses[NOUN]
    found = dict[str, list[list[str]]]()
    drugs = {senses.get(kind, (0,))[0] for kind in _DRUGS}
    names = {lemma.lower() for synset in nouns.values() for lemma in synset.lemmas if lemma != lemma.lower()}
    for word, [first, *_] in sorted(senses.items()):
        entry, synset = _written(word), nouns[first]
        if entry is None or entry in found or word in names or entry in frequent or synset.file != ARTIFACT:
            continue
        if word not in synset.lemmas or drugs & {first, *above(nouns, synset)}:
            continue
        same = (lemma for lemma in synset.lemmas if lemma.lower() not in names and senses[lemma.lower()][0] == first)
        written = [one for one in dict.fromkeys(map(_written, same)) if one and one != entry and " " not in one]
        if written:
            found[entry] = [written]
    return found


def _written(lemma: str) -> str | None:
    """A lemma as queries are looked up, None for one that is left out."""
    written = lemma.replace("-", " ").replace("'", " ")
    words = written.split()
    plain = _WORDS.fullmatch(written) is not None and len(words) <= _LONGEST
    return written if plain and written not in _LEFT_OUT and not NEVER & set(words) else None


def with_shop_words(table: Mapping[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """WordNet's table with the words of shops, whose lists come first where both have a word."""
    found = dict(table)
    for word, lists in shop_words().items():
        near = {word, *(one for some in lists for one in some)}
        rest = ([one for one in some if one not in near] for some in table.get(word, ()))
        found[word] = [*lists, *(some for some in rest if some)]
    return dict(sorted(found.items()))


def save_synonyms(folder: Path, wordnet: WordNet, prepared: Prepared) -> int:
    """Write the table of both. Returns how many words it has."""
    tokens = prepared.tokenizer().get_vocab().items()
    frequent = {token for token, number in tokens if prepared.words[number] < 0}
    table = with_shop_words(synonyms(wordnet, frequent))
    (folder / NAME).write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    return len(table)
