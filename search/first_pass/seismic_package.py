"""The package that builds and searches Seismic indexes, which is an extra."""

from importlib.util import find_spec
from typing import Any

from ...errors import SpartonError

PACKAGE = "pyseismic-lsr"
MOST_SMALL = 2**16 - 1  # terms of an index of its usual kind; of more it has another


def check_package() -> None:
    """Raise SpartonError where the package is not installed."""
    if find_spec("seismic") is None:
        raise SpartonError(
            f"a Seismic index needs the package {PACKAGE}, which is not installed; run `pip install 'sparton[seismic]'`"
        )


def dataset_class(terms: int) -> Any:
    """The class of vectors to be indexed. terms: how many different ones they have."""
    import seismic

    return seismic.SeismicDataset if terms <= MOST_SMALL else seismic.SeismicDatasetLV


def index_class(terms: int) -> Any:
    """The class of their index."""
    import seismic

    return seismic.SeismicIndex if terms <= MOST_SMALL else seismic.SeismicIndexLV
