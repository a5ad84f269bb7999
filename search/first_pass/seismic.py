"""Seismic as a first pass: candidates by its clusters of postings, in which documents have Lucene's numbers."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import SpartonError, short
from ...storage.beside import check_files, check_generation, renew
from ...storage.index_folder import SEISMIC
from ...storage.manifest import Manifest, Seismic
from ...storage.untrusted import UnexpectedError
from .first_pass import EXACT, Candidates, candidates_for
from .seismic_package import PackageError, check_package, index_class, told

_FINITE = 65_504  # the largest float of 16 bits, as its impacts are; with infinite ones sums are no numbers
_LARGEST = 2**11  # up to which a float of 16 bits has all whole numbers
_CUT, _HEAP = 16, 0.8  # how many terms of a query are looked at, and how much worse clusters may promise to be
_CANDIDATES, _TIMES = 32, 2  # as many at least, or so many for each hit
_LEAST_SHARE = 0.1  # of all documents: with filters that fewer pass, a search of these is sooner done


class SeismicPass:
    """The Seismic index of an open index. Threads may share it. terms: by their numbers in it. largest: of its impacts,
    None where that was not recorded. damaged: what to raise where it finds what cannot be."""

    def __init__(
        self, index: Any, terms: Sequence[str], largest: int | None, damaged: Callable[[str], SpartonError]
    ) -> None:
        import seismic

        self._index, self._largest, self._damaged = index, largest, damaged
        self._numbers = {term: str(number) for number, term in enumerate(terms)}
        self._type = seismic.get_seismic_string()

    def candidates(
        self, searcher: Any, terms: Mapping[str, int], most: int, accepted: Sequence[Any] | None
    ) -> Candidates | None:
        """As FirstPass. None where it finds fewer than there should be. Raises SpartonError where it is damaged."""
        wanted, documents = candidates_for(most, _CANDIDATES, _TIMES), int(searcher.getIndexReader().maxDoc())
        fewest = wanted // _TIMES  # as many at least are wanted, whatever the page
        if accepted is not None:
            share = sum(int(bits.cardinality()) for bits in accepted) / documents
            if share < _LEAST_SHARE:
                return None
            wanted = int(wanted / share)
        if wanted >= documents or (self._largest is not None and self._largest > _FINITE):
            return None
        found, scores = self._found(terms, wanted, documents)
        has = ~(scores <= 0)
        if accepted is not None:
            has &= _are_accepted(searcher, accepted, found)
        found, scores = found[has], scores[has]
        if len(found) < fewest:
            return None
        if not self._is_exact(terms):
            return Candidates(found)
        order = np.argsort(found)
        return Candidates(found[order], scores[order])

    def _is_exact(self, terms: Mapping[str, int]) -> bool:
        """Whether its scores of a query are those that Lucene gives."""
        largest = self._largest
        return largest is not None and largest <= _LARGEST and sum(terms.values()) * largest < EXACT

    def close(self) -> None:
        """Free the index."""
        self._index = None

    def _found(self, terms: Mapping[str, int], wanted: int, documents: int) -> tuple[np.ndarray, np.ndarray]:
        """Documents and their scores, which are exact where all whole numbers are."""
        known = [(number, impact) for term, impact in terms.items() if (number := self._numbers.get(term)) is not None]
        if not known or (index := self._index) is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        numbers, impacts = zip(*known, strict=True)
        try:
            with told():
                hits = index.search(
                    query_id="",
                    query_components=np.array(numbers, self._type),
                    query_values=np.array(impacts, np.float32),
                    k=wanted,
                    query_cut=_CUT,
                    heap_factor=_HEAP,
                )
        except PackageError as error:
            raise self._damaged(f"it cannot be searched ({error})") from error
        for _, _, name in hits:
            if not (name.isascii() and name.isdecimal() and int(name) < documents):
                raise self._damaged(f"it names the document {short(name)}; expected a number below {documents}")
        found = np.array([int(name) for _, _, name in hits], np.int32)
        if len(np.unique(found)) < len(found):
            raise self._damaged("it has a document twice")
        return found, np.array([score for _, score, _ in hits], np.float32)


def open_seismic(folder: Path, manifest: Manifest, name: str) -> SeismicPass:
    """The Seismic index of the generation that a manifest names. folder: that it is in. name: of the index, as it may
    be printed.

    Raises SpartonError where there is none, where it is of another generation or damaged, and without the package.
    """
    check_generation(manifest, SEISMIC, SEISMIC, name)
    recorded = manifest.seismic
    assert recorded is not None
    check_package()
    check_files(folder, manifest, SEISMIC, name)
    try:
        index, terms = _opened(folder, recorded)
    except (OSError, UnexpectedError) as error:
        raise _damaged(folder, name, str(error)) from error
    return SeismicPass(index, terms, recorded.largest, partial(_damaged, folder, name))


def _damaged(folder: Path, name: str, found: str) -> SpartonError:
    """The error for files that are what was written, and no Seismic index of these documents: only where they are gone
    is another one built."""
    return SpartonError(
        f"the Seismic index of {name} is damaged: {found}; remove {folder / SEISMIC} and ", *renew(SEISMIC, name)
    )


def _opened(folder: Path, recorded: Seismic) -> tuple[Any, list[str]]:
    terms = _terms(folder / SEISMIC / recorded.terms.name)
    try:
        with told():
            return index_class(len(terms)).load(str(folder / SEISMIC / recorded.index.name)), terms
    except PackageError as error:
        raise UnexpectedError(
            f"it was written by pyseismic-lsr {recorded.version} and this one cannot read it ({error})"
        ) from error


def _terms(path: Path) -> list[str]:
    try:
        terms = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnexpectedError(f"{path} is no JSON") from error
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise UnexpectedError(f"{path} is no list of terms")
    if len({*terms}) < len(terms):
        raise UnexpectedError(f"{path} has a term twice")
    return terms


def _are_accepted(searcher: Any, accepted: Sequence[Any], numbers: np.ndarray) -> np.ndarray:
    """Whether each of some documents passes the filters."""
    passes = np.zeros(len(numbers), bool)
    for leaf, bits in zip(searcher.getIndexReader().leaves(), accepted, strict=True):
        words, base, size = np.array(memoryview(bits.getBits())), int(leaf.docBase), int(leaf.reader().maxDoc())
        inside = np.flatnonzero((numbers >= base) & (numbers < base + size))
        own = numbers[inside] - base
        passes[inside] = (words[own >> 6] >> (own & 63)) & 1
    return passes
