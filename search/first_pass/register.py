"""The first passes by name: a new one is an entry here, and a file."""

from pathlib import Path

from ...storage.manifest import Manifest
from .first_pass import FirstPass

LUCENE, TWO_PHASE, SEISMIC = NAMES = ("lucene", "two-phase", "seismic")


def open_first_pass(name: str, folder: Path, manifest: Manifest, index: str) -> FirstPass:
    """The first pass of that name for an index. index: where it is, as it may be printed.

    Raises SpartonError where the index or this Python lacks what it needs.
    """
    if name == SEISMIC:
        from .seismic import open_seismic

        return open_seismic(folder, manifest, index)
    if name == TWO_PHASE:
        from .two_phase import TwoPhase

        return TwoPhase()
    from .all_terms import AllTerms

    return AllTerms()
