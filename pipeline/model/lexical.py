"""lexical.json: what a model's folder says of words as such, which its weights do not know: how often one stands in a
text, and how rare it is in a collection."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from ...errors import SpartonError, shortened
from ...storage.untrusted import UnexpectedError, Where, load_json, read

NAME = "lexical.json"
_SUFFIX = ".safetensors"  # what of a hub's repository is fetched
_FREQUENCIES, _DOCUMENTS = "document_frequency", "documents"
_Part = Annotated[float, Where("a number from 0 to 1", lambda part: 0 <= part <= 1)]
_File = Annotated[
    str,
    Where(
        f"the name of a {_SUFFIX} file beside {NAME}",
        lambda name: name.isprintable() and not {"/", "\\"} & set(name) and name.endswith(_SUFFIX),
    ),
]


@dataclass(frozen=True, slots=True)
class _Entries:
    """The object in lexical.json."""

    term_frequency: _Part = 0.0
    idf_power: _Part = 0.0
    document_frequency: _File | None = None


@dataclass(frozen=True, slots=True)
class Lexical:
    """What a lexical.json says. path: its own. term_frequency: of documents, idf_power: of queries, as EncoderSpec has
    them. table: the file of document frequencies, None where it names none."""

    path: Path
    term_frequency: float = 0.0
    idf_power: float = 0.0
    table: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it consists of."""
        return (self.path,) if self.table is None else (self.path, self.table)


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
    if not path.exists():
        return None
    try:
        entries = read(_Entries, load_json(path))
    except UnexpectedError as error:
        raise SpartonError(f"{path} is no {NAME}: {error}; mend it, or remove it with what it names") from error
    except OSError as error:
        raise SpartonError(f"{path} cannot be read: {error.strerror or error}; mend the file or its rights") from error
    table = None if entries.document_frequency is None else folder / entries.document_frequency
    if entries.idf_power and table is None:
        raise SpartonError(
            f"{path} sets idf_power to {entries.idf_power:g} and names no document_frequency, which says how rare the "
            "terms were where the model was trained; name that file, or leave out idf_power"
        )
    if table is not None and not table.is_file():
        raise SpartonError(
            f"{path} names the document_frequency {shortened(table.name)}, and the model folder has no such file; "
            "download or copy the model again"
        )
    return Lexical(path, entries.term_frequency, entries.idf_power, table)


def read_frequencies(lexical: Lexical, terms: int) -> DocumentFrequencies:
    """The document frequencies of a model that encodes queries. terms: how many it has, each of which needs one.

    Raises SpartonError for a file that does not hold what it should.
    """
    from safetensors import SafetensorError, deserialize

    path = lexical.table
    if path is None:
        raise SpartonError(
            f"{lexical.path} names no document_frequency, which the index weighs queries by; put the old model back"
        )
    try:
        tensors = dict(deserialize(path.read_bytes()))  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); save it again") from error
    found = {name: (tensor["dtype"], list(tensor["shape"])) for name, tensor in tensors.items()}
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
