"""What the host sees of the head on a GPU: the first call of a process, and impacts. Part of benchmarks/head.py.

Run by itself, it prints the seconds of this process's first call.
"""

import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from head_methods import Figures, random

from sparton.head import splade_head
from sparton.pipeline.encoding.pruning import Pruning
from sparton.pipeline.encoding.quantize import quantize

Method = Callable[[torch.Tensor, float, int | None], list[np.ndarray]]


def first_call() -> float:
    """Seconds of the first call in this process: compiling or loading, launching, waiting. Imports, CUDA's start and
    making the inputs are not in it."""
    if torch.cuda.get_device_capability() == (9, 0):
        importlib.import_module("sparton.head.hopper_head")
    importlib.import_module("sparton.head.triton_head")
    weight, bias, hidden = random(30_522, 768), random(30_522), random(32, 128, 768)
    mask = torch.ones(32, 128, device="cuda", dtype=torch.bool)
    torch.cuda.synchronize()
    start = time.perf_counter()
    splade_head(hidden, weight, bias, mask, impl="triton")
    torch.cuda.synchronize()
    return time.perf_counter() - start


def measure_first_calls() -> Figures:
    """The first call in a new process, with an empty folder of compiled kernels, and with what that process left."""
    command = [sys.executable, __file__]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TRITON_CACHE_DIR": folder}
        runs = [
            subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
            for _ in range(2)
        ]
    cold, warm = (float(output.splitlines()[-1]) for output in runs)
    print(f"\nfirst call of a process: {cold:.2f} s with an empty Triton cache, {warm:.2f} s with a filled one")
    return {"cold_s": cold, "warm_s": warm, "shape": "[32, 128, 768] x 30522, with a mask"}


def quantize_by_us(weights: torch.Tensor, scale: float, top_terms: int | None) -> list[np.ndarray]:
    """Impacts by Sparton: offsets, terms and values, which is all that crosses but for two numbers."""
    impacts = quantize(weights, scale, Pruning(top_terms=top_terms))
    return [impacts.offsets, impacts.terms, impacts.values]


def quantize_by_torch(weights: torch.Tensor, scale: float, top_terms: int | None) -> list[np.ndarray]:
    """Impacts by PyTorch: what is positive is found on the GPU, then brought to the host."""
    rounded = (weights * scale).round_()
    float(rounded.amax())  # quantize looks at it too: is every weight an impact?
    if top_terms is not None:
        heaviest, terms = rounded.topk(top_terms, dim=1)
        rounded = torch.zeros_like(rounded).scatter_(1, terms, heaviest)
    rows, terms = torch.nonzero(rounded, as_tuple=True)
    values = rounded[rows, terms].int()
    counts = torch.bincount(rows, minlength=len(rounded))
    return [tensor.cpu().numpy() for tensor in (counts, terms.int(), values)]


def measure_quantize(rows: int = 874, vocabulary: int = 30_522, repeats: int = 20) -> Figures:
    """A batch of weights to impacts on the host, all terms and the heaviest 128, by the host's clock."""
    weights = torch.rand(rows, vocabulary, device="cuda") * 3
    weights *= torch.rand(rows, vocabulary, device="cuda") < 200 / vocabulary
    result: Figures = {"dense_bytes": weights.nbytes}
    print(f"\nimpacts of [{rows}, {vocabulary}] weights, {weights.nbytes / 1e6:.0f} MB, 200 a row")
    for top_terms in (None, 128):
        methods: dict[str, Method] = {"sparton": quantize_by_us, "torch": quantize_by_torch}
        arrays = {name: method(weights, 100.0, top_terms) for name, method in methods.items()}
        # Among equals the two may keep different terms.
        sums = {name: values.sum() for name, (_, _, values) in arrays.items()}
        if len(set(sums.values())) > 1:
            raise RuntimeError(f"the two ways give other impacts; their sums are {sums}")
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        for _ in range(repeats):
            for name, method in methods.items():
                torch.cuda.synchronize()
                start = time.perf_counter()
                method(weights, 100.0, top_terms)
                torch.cuda.synchronize()
                seconds[name].append(time.perf_counter() - start)
        part = {}
        for name in methods:
            count = sum(array.nbytes for array in arrays[name])
            part[name] = {"ms": statistics.median(seconds[name]) * 1e3, "bytes": count}
            print(f"  top_terms={top_terms!s:5} {name:8} {part[name]['ms']:8.3f} ms {count / 1e6:6.2f} MB to the host")
        result["all terms" if top_terms is None else f"top {top_terms}"] = part
    return result


if __name__ == "__main__":
    with torch.inference_mode():
        print(first_call())
