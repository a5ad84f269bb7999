"""The package that builds and searches Seismic indexes, which is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from ...errors import SpartonError

PACKAGE = "pyseismic-lsr"
MOST_SMALL = 2**16 - 1  # terms of an index of its usual kind; of more it has another


class PackageError(Exception):
    """What the package raised, in words."""


@contextmanager
def told() -> Iterator[None]:
    """Turn what the package raises into PackageError; a panic of Rust is no Exception."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise PackageError(f"{type(error).__name__}: {str(error)[:200]}") from error


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
