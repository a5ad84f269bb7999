"""Reads WordNet 3.0 from its database files, whose format wndb(5) describes."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sparton.errors import SpartonError

NOUN, VERB, ADJECTIVE = "noun", "verb", "adj"
ARTIFACT, ATTRIBUTE, BODY, FOOD, SUBSTANCE = 6, 7, 8, 13, 27  # numbers of lexicographer files of nouns
_HYPERNYM = "@"
_EXAMPLE = re.compile(r'(?:^|[;:,])\s*"')  # a definition may have words in quotes; an example follows a mark

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Synset:
    """Lemmas that mean the same. gloss: the definition without examples. file: the number of the lexicographers'.
    hypernyms: offsets of the direct ones, which are of the same part of speech."""

    lemmas: tuple[str, ...]
    gloss: str
    file: int
    hypernyms: tuple[int, ...]


@dataclass(frozen=True)
class WordNet:
    """synsets: of nouns and verbs, by part of speech and offset. senses: of adjectives too, by part of speech and
    lemma in lower case, offsets of synsets, the most frequent sense first. singulars: of nouns whose plural is
    irregular, by the plural."""

    synsets: dict[str, dict[int, Synset]]
    senses: dict[str, dict[str, tuple[int, ...]]]
    singulars: dict[str, tuple[str, ...]]


def read_wordnet(folder: Path) -> WordNet:
    """Read data.noun, data.verb, index.noun, index.verb, index.adj and noun.exc of a folder.

    Raises:
        SpartonError: a file is missing, or a line is not of the format.
    """
    return WordNet(
        {part: dict(_entries(folder / f"data.{part}", _synset)) for part in (NOUN, VERB)},
        {part: dict(_entries(folder / f"index.{part}", _senses)) for part in (NOUN, VERB, ADJECTIVE)},
        dict(_entries(folder / "noun.exc", _singulars)),
    )


def above(nouns: Mapping[int, Synset], synset: Synset) -> set[int]:
    """The offsets of all hypernyms, theirs among them."""
    found, begun = set[int](), list(synset.hypernyms)
    while begun:
        if (one := begun.pop()) not in found:
            found.add(one)
            begun += nouns[one].hypernyms
    return found


def licence(folder: Path) -> str:
    """The licence at the beginning of WordNet's database files, without the numbers of its lines."""
    lines = []
    with (folder / "data.noun").open(encoding="utf-8") as data:
        for line in data:
            if not line.startswith(" "):
                break
            lines.append(line.strip().lstrip("0123456789").strip())
    return "\n".join(lines) + "\n"


def _entries(path: Path, parse: Callable[[str], Entry]) -> Iterator[Entry]:
    """What each line holds. Lines of the licence, at the beginning, begin with a space."""
    if not path.is_file():
        raise SpartonError(f"{path} is missing; --wordnet takes the folder of WordNet's database files")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith(" ") or not line.strip():
                continue
            try:
                entry = parse(line)
            except (ValueError, IndexError) as error:
                raise SpartonError(
                    f"{path}, line {number}, is not of the format of WordNet 3.0: {line[:60]!r}"
                ) from error
            yield entry


def _synset(line: str) -> tuple[int, Synset]:
    """`offset file type count (lemma id)… count (symbol offset type source/target)… … | gloss`."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    pointers = 4 + 2 * int(fields[3], 16)
    end = pointers + 1 + 4 * int(fields[pointers])
    if len(fields) < end:
        raise ValueError("pointers are missing")
    return int(fields[0]), Synset(
        tuple(lemma.replace("_", " ") for lemma in fields[4:pointers:2]),
        _EXAMPLE.split(gloss, maxsplit=1)[0].strip(" \n;:,"),
        int(fields[1]),
        tuple(
            int(offset)
            for symbol, offset in zip(fields[pointers + 1 : end : 4], fields[pointers + 2 : end : 4], strict=True)
            if symbol == _HYPERNYM
        ),
    )


def _senses(line: str) -> tuple[str, tuple[int, ...]]:
    """`lemma type count count symbol… count count offset…`, as many offsets as the first count says."""
    fields = line.split()
    count = int(fields[2])
    offsets = fields[6 + int(fields[3]) :]
    if len(offsets) != count:
        raise ValueError("offsets are missing")
    return fields[0].replace("_", " "), tuple(map(int, offsets))


def _singulars(line: str) -> tuple[str, tuple[str, ...]]:
    """`plural singular…`."""
    plural, *singulars = [word.replace("_", " ") for word in line.split()]
    return plural, tuple(singulars)
