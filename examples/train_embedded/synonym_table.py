"""Other words for things, of WordNet and of shops, for queries whose own word an index hardly has
(sparton/search/rare_words.py)."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Container, Mapping
from pathlib import Path

from never_guessed import NEVER
from prepared import Prepared
from shop_words import shop_words
from wordnet import ARTIFACT, NOUN, Synset, WordNet, licence, read_wordnet

NAME, LICENCE = "synonyms.json", "WORDNET-LICENCE.txt"
_SENSES = 2  # of a noun that are looked at
_LONGEST = 3  # words that are one noun
_MOST = 20  # synonyms
_WIDEST = 60  # synsets below a hypernym
_SLANG = "ammo bawdyhouse bordello can cathouse crapper head john privy whorehouse"
_VAGUE = (
    "addition article building device equipment good instrument instrumentality item machine material place product "
    "structure thing unit"
)
_LEFT_OUT = frozenset(f"{_SLANG} {_VAGUE}".split())
_DRUGS = ("psychoactive drug", "controlled substance", "drug of abuse")
_WORDS = re.compile(r"[a-z]+(?: [a-z]+)*")


def synonyms(wordnet: WordNet, frequent: Container[str]) -> dict[str, list[list[str]]]:
    """For each noun that is an artifact in its first sense, the other lemmas of its synset, and of the second sense's
    if that is one too; for a noun that has no other sense also those of its hypernyms and hyponyms, in a second list.

    Left out are words that are names too, slang, what `never_guessed` lists, psychoactive drugs and wide hypernyms
    ("clothing"). frequent: words that have no entry, as "or", which is an operating room too.
    """
    nouns, found = wordnet.synsets[NOUN], dict[str, list[list[str]]]()
    wide = {offset for offset, count in _narrower(nouns).items() if count > _WIDEST}
    narrow = _hyponyms(nouns)
    drugs = {wordnet.senses[NOUN].get(kind, (0,))[0] for kind in _DRUGS}
    names = {lemma.lower() for synset in nouns.values() for lemma in synset.lemmas if lemma != lemma.lower()}
    for word, senses in sorted(wordnet.senses[NOUN].items()):
        entry, synset = _written(word), nouns[senses[0]]
        if entry is None or entry in found or word in names or entry in frequent or synset.file != ARTIFACT:
            continue
        if drugs & {senses[0], *_above(nouns, synset)}:
            continue
        artifacts = [one for one in senses[:_SENSES] if nouns[one].file == ARTIFACT and word in nouns[one].lemmas]
        near = () if len(senses) > 1 else (*(set(synset.hypernyms) - wide), *narrow[senses[0]])
        taken, lists = {entry}, []
        for offsets in (artifacts, near):
            lemmas = (lemma for one in offsets for lemma in map(_written, nouns[one].lemmas) if lemma)
            lists.append([lemma for lemma in dict.fromkeys(lemmas) if lemma not in taken][:_MOST])
            taken.update(lists[-1])
        if any(lists):
            found[entry] = [some for some in lists if some]
    return found


def _hyponyms(nouns: Mapping[int, Synset]) -> Mapping[int, list[int]]:
    """The offsets of what is directly below each synset."""
    found = defaultdict[int, list[int]](list)
    for offset, synset in nouns.items():
        for above in synset.hypernyms:
            found[above].append(offset)
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
    return written if plain and written not in _LEFT_OUT and not NEVER & set(words) else None


def with_shop_words(table: Mapping[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """WordNet's table with the words of shops, whose lists come first where both have a word."""
    found = dict(table)
    for word, lists in shop_words().items():
        near = {word, *(one for some in lists for one in some)}
        rest = ([one for one in some if one not in near] for some in table.get(word, ()))
        found[word] = [*lists, *(some for some in rest if some)]
    return dict(sorted(found.items()))


def save_synonyms(folder: Path, wordnet: Path, prepared: Prepared) -> int:
    """Write the table of both, and WordNet's licence, which asks to go along. Returns how many words it has.

    wordnet: the folder of WordNet's database files. Raises SpartonError as read_wordnet.
    """
    tokens = prepared.tokenizer().get_vocab().items()
    frequent = {token for token, number in tokens if prepared.words[number] < 0}
    table = with_shop_words(synonyms(read_wordnet(wordnet), frequent))
    (folder / NAME).write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / LICENCE).write_text(licence(wordnet), encoding="utf-8")
    return len(table)
