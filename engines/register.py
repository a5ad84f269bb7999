"""The engines by their names, each imported when it is chosen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Parameter, UsageError
from ..pipeline.options import EncodingOptions
from .ray_options import check_ray

if TYPE_CHECKING:
    from .engine import Engine


@dataclass(frozen=True, slots=True)
class _Entry:
    """open: makes the engine, and loads its model. takes_address: whether it runs at an address. check: raises
    UsageError for other options that it does not take, and SpartonError where it cannot be had."""

    open: "Callable[[EncodingOptions], Engine]"
    takes_address: bool
    check: Callable[[EncodingOptions], None] = lambda options: None


def _local(options: EncodingOptions) -> "Engine":
    from .local import open_local

    return open_local(options)


def _ray(options: EncodingOptions) -> "Engine":
    from .ray_encoding import open_ray

    return open_ray(options)


ENGINES = {"local": _Entry(_local, takes_address=False), "ray": _Entry(_ray, takes_address=True, check=check_ray)}


def check_engine(options: EncodingOptions) -> None:
    """Raise UsageError for options that their engine does not take, and SpartonError for one that cannot be had."""
    ENGINES[options.engine].check(options)
    if options.address is not None and not ENGINES[options.engine].takes_address:
        parts: list[object] = []
        for name, entry in ENGINES.items():
            if entry.takes_address:
                parts += [" or " if parts else "", Parameter("engine", name)]
        raise UsageError(
            Parameter("address"),
            f" is {options.address!r}, which ",
            Parameter("engine", options.engine),
            " does not take; give ",
            *parts,
            " too",
        )


def open_engine(options: EncodingOptions) -> "Engine":
    """The engine that the options name, with its model loaded. To be closed.

    Raises SpartonError and UsageError as Encoder does, and where the engine cannot be had.
    """
    return ENGINES[options.engine].open(options)
