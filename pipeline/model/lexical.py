"""lexical.json: what a model's folder says of words as such, which its weights do not know: how often one stands in a
text, which tokens are forms of it, and how rare it is in a collection."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
import orjson
import Stemmer

from ...errors import SpartonError, shortened
from ...storage.manifest import EncoderSpec, Ratio, WordWeight
from ...storage.untrusted import UnexpectedError, Where, load_json, read
from ..tokens.stems import ENGLISH, Stems
from ..tokens.tokenizer import Tokenizer

NAME = "lexical.json"
_SUFFIX = ".safetensors"  # what of a hub's repository is fetched
_FREQUENCIES, _DOCUMENTS = "document_frequency", "documents"
_WORDS = "word"
_Length = Annotated[float, Where("a number from 1 to 1,000,000", lambda length: 1 <= length <= 1_000_000)]
_Stemmer = Annotated[
    str, Where("one of Snowball's stemmers, as porter, english or german", lambda name: name in Stemmer.algorithms())
]
_HeadWeight = Annotated[float, Where("a number from 1 to 10", lambda weight: 1 <= weight <= 10)]
_Expansion = Annotated[int, Where("a whole number from 1 to 1,000,000", lambda most: 1 <= most <= 1_000_000)]
Synonyms: TypeAlias = list[list[str]]  # of one word: lists of them, the nearest ones first
_Content = TypeVar("_Content", dict[str, Any], list[Any])
_ENTRY = re.compile(r"[^\W_A-Z]+(?: [^\W_A-Z]+){0,2}")
_MOST_LISTS, _MOST_SYNONYMS = 10, 100  # of a word, and in a list


def _name_of(suffix: str) -> Where:
    return Where(
        f"the name of a {suffix} file beside {NAME}",
        lambda name: name.isprintable() and not {"/", "\\"} & set(name) and name.endswith(suffix),
    )


_File = Annotated[str, _name_of(_SUFFIX)]
_JSON = Annotated[str, _name_of(".json")]


@dataclass(frozen=True, slots=True)
class _Entries:
    """The object in lexical.json."""

    term_frequency: Ratio = 0.0
    own_words: WordWeight = 0.0
    mean_length: _Length | None = None
    words: _File | None = None
    stemmer: _Stemmer | None = None
    expansion: _Expansion | None = None
    idf_power: Ratio = 0.0
    document_frequency: _File | None = None
    synonyms: _JSON | None = None
    head_nouns: _JSON | None = None
    head_weight: _HeadWeight | None = None


@dataclass(frozen=True, slots=True)
class Lexical:
    """What a lexical.json says. path: its own. term_frequency, own_words: of documents, idf_power: of queries, as
    EncoderSpec has them. mean_length: of the texts that the model is for, in tokens. words: the file of word forms,
    table: that of document frequencies; None where it names none. stemmer: as WordForms has it.
    expansion: how many more terms than tokens a document has that are no words of its own; None for all. synonyms: the
    file of other words for the rare words of a query, or None. head_nouns: that of nouns whose impacts are multiplied
    by head_weight where a query names a thing by them, or None."""

    path: Path
    term_frequency: float = 0.0
    own_words: float = 0.0
    mean_length: float = 1.0
    words: Path | None = None
    stemmer: str | None = None
    expansion: int | None = None
    idf_power: float = 0.0
    table: Path | None = None
    synonyms: Path | None = None
    head_nouns: Path | None = None
    head_weight: float = 1.0

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it consists of."""
        every = (self.path, self.words, self.table, self.synonyms, self.head_nouns)
        return tuple(path for path in every if path is not None)


@dataclass(frozen=True, slots=True)
class WordForms:
    """Which tokens stand for one word, as "bag" and "bags". words: int32 [V], by vocabulary id the least id of a token
    of the same word; -1 of a token that is no word. stemmer: that says which of these a word of several pieces is a
    form of, by Snowball's name; None where its pieces are words of their own."""

    words: np.ndarray
    stemmer: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentFrequencies:
    """In how many of a model's reference passages each term has an impact. counts: int32 [V], by vocabulary id.
    documents: how many passages these were."""

    counts: np.ndarray
    documents: int


def read_lexical(folder: Path) -> Lexical | None:
    """What the lexical.json at the root of a model's folder says; None if there is none.

    Raises SpartonError for one that does not say what it should, or names a file that is missing.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    try:
        entries = read(_Entries, load_json(path))
    except UnexpectedError as error:
        raise SpartonError(f"{path} is no {NAME}: {error}; mend it, or remove it with what it names") from error
    except OSError as error:
        raise SpartonError(f"{path} cannot be read: {error.strerror or error}; mend the file or its rights") from error
    if entries.own_words and entries.mean_length is None:
        raise SpartonError(
            f"{path} sets own_words to {entries.own_words:g} and no mean_length, the tokens that texts have on "
            "average; set that as well, or leave out own_words"
        )
    if entries.idf_power and entries.document_frequency is None:
        raise SpartonError(
            f"{path} sets idf_power to {entries.idf_power:g} and names no document_frequency, which says how rare the "
            "terms were where the model was trained; name that file, or leave out idf_power"
        )
    if entries.expansion is not None and not entries.own_words:
        raise SpartonError(
            f"{path} sets expansion to {entries.expansion:,} and no own_words, which every document keeps besides; set "
            "that as well, or leave out expansion"
        )
    if entries.synonyms is not None and not entries.idf_power:
        raise SpartonError(
            f"{path} names synonyms and sets no idf_power; synonyms are for queries that the collection weighs, so set "
            "that as well, or leave out synonyms"
        )
    if (entries.head_nouns is None) != (entries.head_weight is None):
        raise SpartonError(
            f"{path} sets one of head_nouns, a file of nouns, and head_weight, by which these weigh more, and not the "
            "other; set both, or neither"
        )
    if entries.head_nouns is not None and not (entries.idf_power and entries.stemmer in ENGLISH):
        raise SpartonError(
            f"{path} names head_nouns, which are for queries in English that the collection weighs; set idf_power, and "
            "as the stemmer porter or english, or leave out head_nouns and head_weight"
        )
    if entries.stemmer and entries.words is None:
        raise SpartonError(
            f"{path} names the stemmer {entries.stemmer} and no words, which says what tokens are words; name that "
            "file, or leave out stemmer"
        )
    return Lexical(
        path,
        entries.term_frequency,
        entries.own_words,
        entries.mean_length or 1.0,
        _beside(path, "words", entries.words),
        entries.stemmer,
        entries.expansion,
        entries.idf_power,
        _beside(path, _FREQUENCIES, entries.document_frequency),
        _beside(path, "synonyms", entries.synonyms),
        _beside(path, "head_nouns", entries.head_nouns),
        entries.head_weight or 1.0,
    )


def counting_key(encoder: EncoderSpec | Lexical) -> str | None:
    """The key by which what documents weigh depends on how often they have a word; None if it does not."""
    return next((key for key in ("term_frequency", "own_words") if getattr(encoder, key)), None)


def _beside(path: Path, key: str, name: str | None) -> Path | None:
    """The file that a lexical.json names by a key. Raises SpartonError if there is none."""
    if name is None:
        return None
    if not os.path.isfile(found := path.with_name(name)):  # False for what no file can be called
        raise SpartonError(
            f"{path} names the {key} {shortened(name)}, and the model folder has no such file; download or copy the "
            "model again"
        )
    return found


def read_words(lexical: Lexical, terms: int) -> WordForms | None:
    """The word forms of a model; None where its folder does not tell them. terms: how many it has, each of which needs
    an entry.

    Raises SpartonError for a file that does not hold what it should.
    """
    if (path := lexical.words) is None:
        return None
    tensors = _tensors(path)
    found = _found(tensors)
    dtype, shape = found.get(_WORDS, ("", []))
    if len(found) != 1 or dtype != "I32" or len(shape) != 1:
        raise SpartonError(
            f"{path} holds {shortened(str(found))}; expected {_WORDS}, a vector of int32, and nothing else"
        )
    words = np.frombuffer(tensors[_WORDS]["data"], "<i4").astype(np.int32)
    if len(words) < terms:
        raise SpartonError(
            f"{path} has the words of {len(words):,} terms and the model {terms:,} terms; save both again from "
            "one model"
        )
    words = words[:terms]
    numbers = np.arange(terms)
    known = (words >= 0) & (words <= numbers)
    wrong = np.flatnonzero((words != -1) & ~(known & (words[np.where(known, words, 0)] == words)))
    if len(wrong):
        raise SpartonError(
            f"{path} has the word {words[wrong[0]]} at the term of id {wrong[0]}; expected -1, or the least id of the "
            "terms that are forms of the same word"
        )
    return WordForms(words, lexical.stemmer)


def stems_of(forms: WordForms | None, tokenizer: Tokenizer) -> Stems | None:
    """What words of several pieces stand for, where a model's folder names a stemmer. Raises SpartonError for a
    tokenizer whose pieces do not say which of them go on with a word."""
    if forms is None or forms.stemmer is None:
        return None
    return Stems(tokenizer.fast, forms.stemmer, forms.words)


def read_frequencies(lexical: Lexical, terms: int) -> DocumentFrequencies:
    """The document frequencies of a model that encodes queries. terms: how many it has, each of which needs one.

    Raises SpartonError for a file that does not hold what it should.
    """
    path = lexical.table
    if path is None:
        raise SpartonError(
            f"{lexical.path} names no document_frequency, which the index weighs queries by; put the old model back"
        )
    tensors = _tensors(path)
    found = _found(tensors)
    (dtype, shape), total = found.get(_FREQUENCIES, ("", [])), found.get(_DOCUMENTS)
    if len(found) != 2 or dtype != "I32" or len(shape) != 1 or total != ("I64", [1]):
        raise SpartonError(
            f"{path} holds {shortened(str(found))}; expected {_FREQUENCIES}, a vector of int32, and {_DOCUMENTS}, one "
            "int64, and nothing else"
        )
    counts = np.frombuffer(tensors[_FREQUENCIES]["data"], "<i4").astype(np.int32)
    documents = int(np.frombuffer(tensors[_DOCUMENTS]["data"], "<i8")[0])
    if len(counts) < terms:
        raise SpartonError(
            f"{path} has the document frequencies of {len(counts):,} terms and the model {terms:,} terms; save both "
            "again from one model"
        )
    if documents < 1:
        raise SpartonError(f"{path} counts {documents:,} {_DOCUMENTS}; expected 1 or more, so save it again")
    wrong = np.flatnonzero((counts < 0) | (counts > documents))
    if len(wrong):
        raise SpartonError(
            f"{path} has {counts[wrong[0]]:,} documents with the term of id {wrong[0]}; expected 0 to {documents:,}, "
            "as many as it counts in all"
        )
    return DocumentFrequencies(counts, documents)


def read_synonyms(lexical: Lexical) -> Mapping[str, Synonyms]:
    """Other words for words, both in lower case and with one blank between several; none where the folder has none.

    Raises SpartonError for a file that does not hold what it should.
    """
    path = lexical.synonyms
    if path is None:
        return {}
    content = load_words(path, dict, "an object")
    for word, lists in content.items():
        if not _ENTRY.fullmatch(word):
            raise SpartonError(
                f"{path} has an entry {shortened(word)}; expected one to three words in lower case, with a blank "
                "between them"
            )
        if not (isinstance(lists, list) and len(lists) <= _MOST_LISTS and all(map(_is_list_of_words, lists))):
            raise SpartonError(
                f"{path} has {shortened(str(lists))} at {shortened(word)}; expected at most {_MOST_LISTS} lists of at "
                f"most {_MOST_SYNONYMS} strings each"
            )
    return content


def load_words(path: Path, kind: type[_Content], called: str) -> _Content:
    """What a JSON file of words holds, an object or an array. called: that, to tell of. Raises SpartonError for a file
    that cannot be read, or holds something else."""
    try:
        content = orjson.loads(path.read_bytes())  # in a fifth of the time that load_json takes
    except (OSError, ValueError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); mend the file or its rights, or save it again") from error
    if not isinstance(content, kind):
        raise SpartonError(f"{path} holds {shortened(str(content))}; expected {called} of words, so save it again")
    return content


def _is_list_of_words(some: object) -> bool:
    return isinstance(some, list) and len(some) <= _MOST_SYNONYMS and all(isinstance(one, str) for one in some)


def _tensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, deserialize

    try:
        return dict(deserialize(path.read_bytes()))  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); save it again") from error


def _found(tensors: dict[str, Any]) -> dict[str, tuple[str, list[int]]]:
    """The dtype and shape of each tensor."""
    return {name: (tensor["dtype"], list(tensor["shape"])) for name, tensor in tensors.items()}
