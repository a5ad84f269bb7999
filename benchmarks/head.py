"""The fused head on a GPU against PyTorch's ways of computing the same weights, in one run.

    python benchmarks/head.py --out results.json

Medians of CUDA events over fresh random inputs, the L2 cache flushed before each call; peak memory beyond the inputs.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
import triton

from sparton.pipeline.head import splade_head

SHAPES = ((64, 512, 768, 30_522), (256, 128, 768, 30_522), (32, 512, 768, 250_002), (16, 512, 1024, 151_936))
Head = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def eager(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """As SPLADE implementations write it."""
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(dim=1)


def max_first(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same with the max before the rest."""
    logits = torch.nn.functional.linear(hidden, weight).masked_fill(~mask[:, :, None], float("-inf"))
    return torch.log1p(torch.relu(logits.amax(dim=1) + bias))


def fused(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Ours."""
    return splade_head(hidden, weight, bias, mask, impl="triton")


HEADS: dict[str, Head] = {
    "eager": eager,
    "max first": max_first,
    "torch.compile": torch.compile(eager),
    "sparton": fused,
}


def measure(head: Head, shape: tuple[int, int, int, int], repeats: int) -> dict[str, float]:
    """Median milliseconds, peak extra MiB and TFLOP/s of one head at one shape."""
    batch, length, width, vocabulary = shape
    weight = torch.randn(vocabulary, width, device="cuda", dtype=torch.bfloat16) * width**-0.5
    bias = torch.randn(vocabulary, device="cuda", dtype=torch.bfloat16)
    mask = torch.ones(batch, length, device="cuda", dtype=torch.bool)
    flush = torch.empty(256 * 2**20, device="cuda", dtype=torch.int8)
    times, extra = [], 0
    for turn in range(repeats + 3):
        hidden = torch.randn(batch, length, width, device="cuda", dtype=torch.bfloat16)
        flush.zero_()
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        start.record()
        head(hidden, weight, bias, mask)
        stop.record()
        torch.cuda.synchronize()
        if turn >= 3:
            times.append(start.elapsed_time(stop))
            extra = max(extra, torch.cuda.max_memory_allocated() - before)
    median = statistics.median(times)
    flops = 2 * batch * length * width * vocabulary
    return {"ms": median, "extra_mib": extra / 2**20, "tflops": flops / median / 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    result = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "shapes": {},
    }
    with torch.inference_mode():
        for shape in SHAPES:
            row = {name: measure(head, shape, arguments.repeats) for name, head in HEADS.items()}
            result["shapes"]["x".join(map(str, shape))] = row
            for name, figures in row.items():
                print(
                    f"{shape!s:26} {name:14} {figures['ms']:8.2f} ms {figures['tflops']:6.0f} TFLOP/s "
                    f"{figures['extra_mib']:8.0f} MiB"
                )
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
