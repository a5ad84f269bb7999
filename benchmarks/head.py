"""The fused head on a GPU against PyTorch's ways of computing the same weights, in one run of two minutes.

    python benchmarks/head.py --out results.json

All in bfloat16. Methods take turns (see timing.py): medians of CUDA events, three batches of random hidden states in
rotation, the L2 cache flushed before each call. A call's extra memory is its peak beyond the inputs. Errors are
against float32 logits of four documents. Eager and compiled methods apply a mask of ones, as SPLADE implementations do.
"""

import argparse
import datetime
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch
import triton
from head_host import measure_first_calls, measure_quantize
from head_methods import Figures, Head, bare_product, check, draw_lengths, eager, max_first, portable, random, truth
from timing import Timing, interleaved

from sparton.head import splade_head

SHAPES = ((64, 512, 768, 30_522), (256, 128, 768, 30_522), (32, 512, 768, 250_002), (16, 512, 1024, 151_936))
CUBLAS = "cuBLAS, no reduction"
ROTATION = 3


def figures(timing: Timing | None, flops: int) -> Figures:
    if timing is None:
        return {"error": "out of memory"}
    summary = timing.summary()
    return {**summary, "tflops": flops / summary["ms"] / 1e9, "extra_mib": timing.extra_bytes / 2**20}


def compare(heads: dict[str, tuple[Head, list[torch.Tensor]]], flops: int, repeats: int) -> Figures:
    """Figures of each head over its own hidden states."""
    calls = {
        name: lambda turn, head=head, hidden=hidden: head(hidden[turn % len(hidden)])
        for name, (head, hidden) in heads.items()
    }
    timings = interleaved(calls, repeats)
    return {name: figures(timings.get(name), flops) for name in heads}


def measure_shape(shape: tuple[int, int, int, int], repeats: int) -> Figures:
    """Every method at one shape."""
    batch, length, width, vocabulary = shape
    weight, bias = random(vocabulary, width) * width**-0.5, random(vocabulary)
    mask = torch.ones(batch, length, device="cuda", dtype=torch.bool)
    hidden = [random(batch, length, width) for _ in range(ROTATION)]
    compiled = torch.compile(eager, dynamic=False)
    product, logits = bare_product(weight, batch * length)
    heads: dict[str, Head] = {
        "eager": lambda hidden: eager(hidden, weight, bias, mask),
        "eager, max first": lambda hidden: max_first(hidden, weight, bias, mask),
        "torch.compile": lambda hidden: compiled(hidden, weight, bias, mask),
        CUBLAS: product,
        "sparton": lambda hidden: splade_head(hidden, weight, bias, impl="triton"),
        "sparton, mask of ones": lambda hidden: splade_head(hidden, weight, bias, mask, impl="triton"),
        "sparton, portable": lambda hidden: portable(hidden, weight, bias),
    }
    flops = 2 * batch * length * width * vocabulary
    rows = compare({name: (head, hidden) for name, head in heads.items()}, flops, repeats)
    # Made beforehand, and so in nobody's extra memory yet.
    rows[CUBLAS]["extra_mib"] += logits.nbytes / 2**20
    truths = {index: truth(hidden[0][index], weight, bias) for index in (0, batch // 3, 2 * batch // 3, batch - 1)}
    for name, head in heads.items():
        if "error" not in rows[name]:
            rows[name] |= check(head, hidden[0], batch, truths)
    return rows


def measure_shapes(repeats: int) -> Figures:
    """Every method at every shape [B, S, D] x V."""
    result = {}
    for shape in SHAPES:
        name = "x".join(map(str, shape))
        result[name] = measure_shape(shape, repeats)
        print_rows(name, result[name])
        torch.compiler.reset()
        torch.cuda.empty_cache()
    return result


def measure_ragged(repeats: int, tokens: int = 65_536, width: int = 768, vocabulary: int = 30_522) -> Figures:
    """Documents of real lengths, packed and padded, against a dense batch of as many tokens."""
    lengths = draw_lengths(tokens)
    ends = torch.tensor([0, *lengths], device="cuda").cumsum(0)
    cu_seqlens = ends.int()
    mask = torch.arange(512, device="cuda") < ends.diff()[:, None]
    weight, bias = random(vocabulary, width) * width**-0.5, random(vocabulary)
    packed = [random(tokens, width) for _ in range(ROTATION)]
    # At padding there are numbers as anywhere, as a model leaves them.
    padded = [random(len(lengths), 512, width) for _ in range(ROTATION)]
    for rows, target in zip(packed, padded, strict=True):
        target[mask] = rows

    def in_batches(hidden: torch.Tensor) -> torch.Tensor:
        batches = zip(hidden.split(128), mask.split(128), strict=True)
        return torch.cat([eager(rows, weight, bias, kept) for rows, kept in batches])

    heads: dict[str, tuple[Head, list[torch.Tensor]]] = {
        "eager, padded to 512": (lambda hidden: eager(hidden, weight, bias, mask), padded),
        "eager, padded to 512, 128 at a time": (in_batches, padded),
        "sparton, padded to 512": (lambda hidden: splade_head(hidden, weight, bias, mask, impl="triton"), padded),
        "sparton, packed": (
            lambda hidden: splade_head(hidden, weight, bias, cu_seqlens=cu_seqlens, impl="triton"),
            packed,
        ),
        "sparton, portable, packed": (
            lambda hidden: portable(hidden, weight, bias, cu_seqlens),
            packed,
        ),
        "sparton, dense": (
            lambda hidden: splade_head(hidden, weight, bias, impl="triton"),
            [hidden.view(-1, 512, width) for hidden in packed],
        ),
    }
    # Of real tokens only: what is multiplied at padding does not count.
    table = compare(heads, 2 * tokens * width * vocabulary, repeats)
    count = len(lengths)
    truths = {
        index: truth(packed[0][ends[index] : ends[index + 1]], weight, bias)
        for index in (0, count // 3, 2 * count // 3, count - 1)
    }
    for name, (head, hidden) in heads.items():
        if "error" not in table[name]:
            table[name]["times_dense"] = table[name]["ms"] / table["sparton, dense"]["ms"]
            if name != "sparton, dense":
                table[name] |= check(head, hidden[0], count, truths)
    print_rows(f"{count} documents, {tokens} tokens", table)
    return {"documents": count, "tokens": tokens, "dense": [tokens // 512, 512, width], "methods": table}


def measure_query(repeats: int, length: int = 16, width: int = 768, vocabulary: int = 30_522) -> Figures:
    """One query: ten calls in a CUDA graph, each with its own copy of the weight, so that none finds it in L2."""
    weight, bias = random(vocabulary, width) * width**-0.5, random(vocabulary)
    copies = [weight.clone() for _ in range(10)]
    hidden, mask = random(1, length, width), torch.ones(1, length, device="cuda", dtype=torch.bool)
    true = truth(hidden[0], weight, bias)
    source, target = (torch.empty(2**30, device="cuda", dtype=torch.int8) for _ in range(2))

    def graph_of(head: Callable[[torch.Tensor], torch.Tensor]) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]:
        head(weight)  # compiles
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = [head(copy) for copy in copies]
        return graph, results

    graphs = {
        "eager": graph_of(lambda weight: eager(hidden, weight, bias, mask)),
        "sparton": graph_of(lambda weight: splade_head(hidden, weight, bias, impl="triton")),
    }
    calls: dict[str, Callable[[int], object]] = {
        name: lambda turn, graph=graph: graph.replay() for name, (graph, _) in graphs.items()
    }
    timings = interleaved({**calls, "copy": lambda turn: target.copy_(source)}, repeats)
    bandwidth = 2 * source.nbytes / timings["copy"].summary()["ms"] * 1e3
    copying = weight.nbytes / bandwidth * 1e6
    result: Figures = {"copy_gb_s": bandwidth / 1e9, "weight_at_copy_bandwidth_us": copying, "methods": {}}
    print(
        f"\none query [1, {length}, {width}] x {vocabulary}; the weight at {bandwidth / 1e9:.0f} GB/s: {copying:.1f} us"
    )
    for name, (_, results) in graphs.items():
        summary = timings[name].summary()
        names = {"ms": "us", "p10": "p10_us", "p90": "p90_us"}
        row = {names[key]: summary[key] * 1e3 / len(copies) for key in names}
        row["ratio"] = row["us"] / copying
        row["max_error"] = max(float((weights[0].float() - true).abs().max()) for weights in results)
        result["methods"][name] = {**row, "repeats": summary["repeats"]}
        print(
            f"  {name:36} {row['us']:8.1f} us ({row['p10_us']:.1f} to {row['p90_us']:.1f})"
            f" {row['ratio']:6.2f} times that  error {row['max_error']:.1e}"
        )
    return result


def print_rows(title: str, rows: Figures) -> None:
    """One line a method."""
    print(f"\n{title}")
    for name, row in rows.items():
        if "error" in row:
            print(f"  {name:36} {row['error']}")
            continue
        line = f"  {name:36} {row['ms']:8.3f} ms ({row['p10']:.3f} to {row['p90']:.3f}, {row['repeats']} times)"
        line += f" {row['tflops']:6.0f} TFLOP/s {row['extra_mib']:8.0f} MiB"
        if "times_dense" in row:
            line += f" {row['times_dense']:6.2f} times dense"
        if "max_error" in row:
            line += f"  error {row['max_error']:.1e}" + ("" if row["finite"] else ", NOT ALL FINITE")
        print(line, flush=True)


def hardware() -> Figures:
    """What it was measured on."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(query, capture_output=True, text=True).stdout.split() if shutil.which(query[0]) else []
    return {
        "gpu": torch.cuda.get_device_name(),
        "driver": driver[0] if driver else None,
        "torch": torch.__version__,
        "triton": triton.__version__,
        "date": datetime.date.today().isoformat(),
    }


PARTS: dict[str, Callable[[int], Figures]] = {
    "shapes": measure_shapes,
    "ragged": measure_ragged,
    "query": measure_query,
    "first_call": lambda _: measure_first_calls(),
    "quantize": lambda _: measure_quantize(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    begin = time.perf_counter()
    result = {**hardware(), "repeats": arguments.repeats}
    print(", ".join(f"{key} {value}" for key, value in result.items()))
    for name in arguments.parts:
        with torch.inference_mode():
            result[name] = PARTS[name](arguments.repeats)
        torch.cuda.empty_cache()
        result["seconds"] = time.perf_counter() - begin
        # After every part, so that a failure loses no more than its own.
        if arguments.out:
            arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{result['seconds']:.0f} s in all")


if __name__ == "__main__":
    main()
