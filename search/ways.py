"""The ways to search by name: a new one is an entry here, and a file. Those of the learned index differ in their first
pass alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..storage.index_folder import BM25
from ..storage.manifest import Manifest
from .first_pass.register import LUCENE, SEISMIC, open_first_pass
from .first_pass.register import NAMES as LEARNED_NAMES

if TYPE_CHECKING:
    from .fusion.fusion import Fusion
    from .impact_index import ImpactIndex
    from .way import Way

LEARNED = LEARNED_NAMES  # the ways that search the learned index alone
SPARSE = "sparse"  # what the learned index is called among what is fused
BM25_AND_SPARSE = f"{BM25}+{SPARSE}"
NAMES = (*LEARNED, BM25, BM25_AND_SPARSE)
FUSED = {BM25_AND_SPARSE: (BM25, SPARSE)}  # what is fused, in the order of weights


def beside_for(name: str) -> tuple[str, ...]:
    """The indexes beside the impact index that a way needs."""
    if name in (BM25, BM25_AND_SPARSE):
        return (BM25,)
    return (SEISMIC,) if name == SEISMIC else ()


def encodes_queries(name: str) -> bool:
    """Whether a way needs the model of the index."""
    return name != BM25


def open_way(
    name: str, fusion: "Fusion | None", index: "ImpactIndex", folder: Path, manifest: Manifest, place: str
) -> "Way":
    """The way of that name to search an index that is open. fusion: for a name in FUSED. folder: that the index is in.
    place: where it is, as it may be printed. Raises SpartonError where the index or this Python lacks what it needs."""
    passages = manifest.settings.chunk
    if name in LEARNED:
        from .sparse_way import SparseWay

        return SparseWay(index, open_first_pass(name, folder, manifest, place), passages=passages)
    from .bm25_way import open_bm25

    if name == BM25:
        return open_bm25(folder, manifest, name, place)
    from .fused_way import FusedWay
    from .sparse_way import SparseWay

    assert fusion is not None
    sparse = SparseWay(index, open_first_pass(LUCENE, folder, manifest, place), passages=passages)
    # The one that holds an index open comes last.
    bm25 = open_bm25(folder, manifest, name, place)
    return FusedWay({BM25: bm25, SPARSE: sparse}, fusion, passages=passages)
