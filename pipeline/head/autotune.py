"""SPARTON_AUTOTUNE=1: measure block sizes on this machine instead of taking the shipped ones.

Each class of shape is measured once, on the first batch that falls into it, for some seconds; what was fastest is
kept in sparton/head-configs.json in the user's cache folder.
"""

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path

import torch
from triton.runtime.errors import OutOfResources

from ...errors import SpartonError
from ...files import whole_file
from .configs import KERNELS, Config, HopperConfig, PortableConfig, shape_class
from .inputs import HeadInputs

CANDIDATES: dict[str, tuple[Config, ...]] = {
    "hopper": (
        HopperConfig(64, 4, 1, 12),
        HopperConfig(64, 4, 1, 24),
        HopperConfig(32, 9, 1, 12),
        HopperConfig(32, 9, 1, 24),
        HopperConfig(32, 9, 2, 12),
    ),
    "portable": (
        PortableConfig(128, 128, 64, 8, 4),
        PortableConfig(128, 128, 64, 8, 3),
        PortableConfig(128, 128, 32, 8, 3),
        PortableConfig(128, 64, 64, 4, 4),
        PortableConfig(128, 64, 32, 4, 3),
        PortableConfig(64, 64, 32, 4, 3),
        PortableConfig(128, 32, 64, 4, 4),
        PortableConfig(64, 32, 64, 4, 3),
        PortableConfig(64, 16, 128, 4, 4),
        PortableConfig(64, 16, 64, 4, 3),
    ),
}
_REPEATS = 10
Run = Callable[[Config], object]


def asked_for() -> bool:
    """Whether SPARTON_AUTOTUNE=1 is set."""
    return os.environ.get("SPARTON_AUTOTUNE") == "1"


def tuned_config(inputs: HeadInputs, kernels: Iterable[str], run: Run) -> Config:
    """The fastest candidate for the class of these inputs: of an earlier measurement, or of one made now.

    run: computes the inputs with a config. Raises SpartonError if earlier measurements cannot be read.
    """
    path = cache_file()
    known = _read(path)
    gpu, of_class = torch.cuda.get_device_name(inputs.hidden.device), shape_class(inputs)
    entry = known.get(gpu, {}).get(of_class)
    if entry is None:
        times = measure(kernels, run)
        best = min(times, key=times.__getitem__)
        print(f"head tuned for {gpu}, {of_class}: {best}, {times[best]:.3f} ms", file=sys.stderr)
        entry = {kernel: list(astuple(best)) for kernel, kind in KERNELS.items() if isinstance(best, kind)}
        known.setdefault(gpu, {})[of_class] = entry
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(json.dumps(known, indent=2).encode())
    ((kernel, numbers),) = entry.items()
    return KERNELS[kernel](*numbers)


def measure(kernels: Iterable[str], run: Run) -> dict[Config, float]:
    """Median milliseconds of every candidate of these kernels that fits this GPU."""
    times: dict[Config, float] = {}
    for kernel in kernels:
        for config in CANDIDATES[kernel]:
            try:
                run(config)
            except OutOfResources:
                continue
            times[config] = statistics.median(_milliseconds(run, config) for _ in range(_REPEATS))
    return times


def _read(path: Path) -> dict[str, dict[str, dict[str, list[int]]]]:
    """What was measured before: {GPU: {class: {kernel: numbers}}}."""
    if not path.exists():
        return {}
    try:
        known: dict[str, dict[str, dict[str, list[int]]]] = json.loads(path.read_text())
    except ValueError as error:
        raise SpartonError(
            f"{path} holds no JSON ({error}); delete it, and SPARTON_AUTOTUNE=1 measures anew"
        ) from error
    return known


def cache_file() -> Path:
    """Where measurements are kept."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "sparton" / "head-configs.json"


def _milliseconds(run: Run, config: Config) -> float:
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    stop = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    run(config)
    stop.record()
    stop.synchronize()
    return float(start.elapsed_time(stop))
