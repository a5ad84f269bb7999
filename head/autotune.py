"""SPARTON_AUTOTUNE=1: measure block sizes on this machine instead of taking the shipped ones.

Each class of shape is measured once, on the first batch that falls into it, for some seconds; what was fastest is
kept in sparton/head-configs.json in the user's cache folder.
"""

import json
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path

import torch
from triton.runtime.errors import OutOfResources

from ..errors import SpartonError
from ..storage.atomic import cache_folder, locked, whole_file
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
        PortableConfig(128, 256, 64, 8, 3),
        PortableConfig(256, 128, 64, 8, 3),
        PortableConfig(128, 128, 64, 4, 3),
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
# Of the kernels: blocks that were measured for others say nothing of these.
_REVISION = 2
Run = Callable[[Config], object]
# What this process has looked up or measured: by GPU, and by class of shape and kernels.
_configs: dict[tuple[str, str], Config] = {}


def asked_for() -> bool:
    """Whether SPARTON_AUTOTUNE=1 is set."""
    return os.environ.get("SPARTON_AUTOTUNE") == "1"


def tuned_config(inputs: HeadInputs, kernels: Sequence[str], run: Run) -> Config:
    """The fastest candidate of `kernels` for the class of these inputs: measured earlier, or now.

    run: computes the inputs with a config. Raises SpartonError if earlier measurements cannot be read.
    """
    gpu = torch.cuda.get_device_name(inputs.hidden.device)
    entry = f"{shape_class(inputs)}, {' or '.join(kernels)}, revision {_REVISION}"
    if (gpu, entry) not in _configs:
        config = _read(cache_file()).get(gpu, {}).get(entry)
        if config is None:
            times = measure(kernels, run)
            config = min(times, key=times.__getitem__)
            print(f"head tuned for {gpu}, {entry}: {config}, {times[config]:.3f} ms", file=sys.stderr)
            _keep(gpu, entry, config)
        _configs[gpu, entry] = config
    return _configs[gpu, entry]


def measure(kernels: Sequence[str], run: Run) -> dict[Config, float]:
    """Median milliseconds of every candidate of these kernels that fits this GPU, of graphs replayed in turn."""
    graphs: dict[Config, torch.cuda.CUDAGraph] = {}
    for config in (config for kernel in kernels for config in CANDIDATES[kernel]):
        try:
            run(config)
        except OutOfResources:
            continue
        # Replayed, because launching takes the host longer than a query takes the GPU.
        graphs[config] = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graphs[config]):
            run(config)
    times: dict[Config, list[float]] = {config: [] for config in graphs}
    for _ in range(_REPEATS):
        for config, graph in graphs.items():
            times[config].append(_milliseconds(graph))
    return {config: statistics.median(samples) for config, samples in times.items()}


def cache_file() -> Path:
    """Where measurements are kept."""
    return cache_folder() / "head-configs.json"


def _read(path: Path) -> dict[str, dict[str, Config]]:
    """What was measured before: {GPU: {entry: config}}; in the file, a config is {kernel: numbers}."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())
        return {
            gpu: {entry: KERNELS[kernel](*numbers) for entry, row in rows.items() for kernel, numbers in row.items()}
            for gpu, rows in stored.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpartonError(
            f"{path} holds no measurements of the head ({error!r}); delete it, and SPARTON_AUTOTUNE=1 measures anew"
        ) from error


def _keep(gpu: str, entry: str, config: Config) -> None:
    """Add a measurement to the file, whoever else adds one now. A folder that cannot be written to is only reported."""
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent):
            measured = _read(path)
            measured.setdefault(gpu, {})[entry] = config
            names = {kind: kernel for kernel, kind in KERNELS.items()}
            stored = {
                gpu: {entry: {names[type(config)]: astuple(config)} for entry, config in rows.items()}
                for gpu, rows in measured.items()
            }
            with whole_file(path) as stream:
                stream.write(json.dumps(stored, indent=2).encode())
    except OSError as error:
        print(f"{path} cannot be written ({error.strerror}); the next process measures again", file=sys.stderr)


def _milliseconds(graph: torch.cuda.CUDAGraph) -> float:
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    stop = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    graph.replay()
    stop.record()
    stop.synchronize()
    return float(start.elapsed_time(stop))
