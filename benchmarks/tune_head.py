"""Measure the block sizes of the fused head on this GPU, and write the best into the table that ships.

    python benchmarks/tune_head.py --classes 'half *' --write

Every candidate of head/autotune.py runs at some shapes of each class of head/configs.py, the
candidates taking turns (see timing.py). A candidate's score is its time over the fastest one's, averaged over the
shapes of the class; one that does not fit the GPU at one of them is out. `--write` keeps the entries of other chips
and of other classes.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import astuple
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from head_methods import draw_lengths
from timing import interleaved, mean_ratios
from triton.runtime.errors import OutOfResources

from sparton.head import configs
from sparton.head.autotune import CANDIDATES
from sparton.head.configs import KERNELS, Config, chip, shape_class
from sparton.head.inputs import HeadInputs
from sparton.head.triton_head import kernels_for, run_config
from sparton.storage.atomic import whole_file

TABLE = Path(configs.__file__).with_name("configs.json")
# [B, S, D] x V; of float32 an eighth of the documents, because a GPU multiplies it that much more slowly.
SHAPES = {
    "query": ((1, 16, 768, 30_522), (2, 32, 768, 30_522)),
    "tiny": ((64, 32, 768, 30_522), (1024, 24, 768, 30_522)),
    "short": ((256, 128, 768, 30_522), (64, 200, 768, 30_522)),
    "long": ((64, 512, 768, 30_522), (32, 512, 768, 250_002), (16, 512, 1024, 151_936)),
}
# Tokens of packed documents of mean length 75, as one more shape of "short packed".
PACKED = 65_536
LAID_OUT = ("", " masked", " packed")
CLASSES = [f"{kind} {size}{laid_out}" for kind in ("half", "float32") for size in SHAPES for laid_out in LAID_OUT]
Table = dict[str, dict[str, dict[str, list[int]]]]


def inputs_of(of_class: str) -> list[Callable[[], HeadInputs]]:
    """What makes the inputs of each shape of a class."""
    kind, size, *laid_out = of_class.split()
    less = 8 if kind == "float32" else 1

    def padded(batch: int, length: int, width: int, vocabulary: int) -> HeadInputs:
        hidden, weight, bias = _random(kind, (max(1, batch // less), length, width), vocabulary)
        # Documents of half the length on average, padded on the right.
        lengths = torch.randint(1, length + 1, (len(hidden), 1), device="cuda")
        mask = torch.arange(length, device="cuda") < lengths if laid_out else None
        return HeadInputs(hidden, weight, bias, mask=mask)

    def packed(lengths: list[int], width: int = 768, vocabulary: int = 30_522) -> HeadInputs:
        hidden, weight, bias = _random(kind, (sum(lengths), width), vocabulary)
        ends = torch.tensor([0, *lengths], device="cuda").cumsum(0, dtype=torch.int32)
        return HeadInputs(hidden, weight, bias, cu_seqlens=ends)

    def ragged(batch: int, length: int, width: int, vocabulary: int) -> HeadInputs:
        # Three quarters of the length on average.
        lengths = torch.randint(length // 2, length + 1, (max(1, batch // less),)).tolist()
        return packed(lengths, width, vocabulary)

    if laid_out != ["packed"]:
        return [lambda shape=shape: padded(*shape) for shape in SHAPES[size]]
    makers: list[Callable[[], HeadInputs]] = [lambda shape=shape: ragged(*shape) for shape in SHAPES[size]]
    return [*makers, lambda: packed(draw_lengths(PACKED // less))] if size == "short" else makers


def _random(kind: str, rows: tuple[int, ...], vocabulary: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states, weight and bias."""
    dtype = torch.float32 if kind == "float32" else torch.bfloat16
    width = rows[-1]
    hidden, weight = (torch.randn(shape, device="cuda", dtype=dtype) for shape in (rows, (vocabulary, width)))
    return hidden, weight.mul_(width**-0.5), torch.randn(vocabulary, device="cuda", dtype=dtype)


def measure(inputs: HeadInputs, repeats: int) -> dict[Config, float]:
    """Median milliseconds of every candidate that can take these inputs and fits the GPU."""
    candidates = [config for kernel in kernels_for(inputs) for config in CANDIDATES[kernel]]
    calls = {config: lambda turn, config=config: run_config(inputs, config) for config in candidates}
    timings = interleaved(calls, repeats, (OutOfResources, torch.OutOfMemoryError))
    return {config: timing.summary()["ms"] for config, timing in timings.items()}


def measure_class(of_class: str, repeats: int) -> dict[Config, float]:
    """The score of every candidate, the best first; prints the times behind it."""
    times, titles = [], []
    for make in inputs_of(of_class):
        inputs = make()
        if shape_class(inputs) != of_class:
            raise RuntimeError(f"{list(inputs.hidden.shape)} is {shape_class(inputs)!r}, expected {of_class!r}")
        times.append(measure(inputs, repeats))
        titles.append(f"{'x'.join(map(str, inputs.hidden.shape))}x{inputs.vocabulary}")
        del inputs
        torch.cuda.empty_cache()
    scores = mean_ratios(times)
    print(f"\n{of_class}, milliseconds\n{'':46} {'score':>7}" + "".join(f"{title:>20}" for title in titles))
    for config, score in scores.items():
        row = "".join(f"{at_shape[config]:20.4f}" for at_shape in times)
        print(f"{_kernel_of(config):9}{astuple(config)!s:37} {score:7.3f}{row}", flush=True)
    return scores


def enter(table: Table, name: str, of_class: str, scores: dict[Config, float]) -> None:
    """Put the best of each kernel into the table, of the Hopper kernel only where it beats the portable one."""
    entries = table.setdefault(name, {})
    best = {}
    for config in scores:
        best.setdefault(_kernel_of(config), config)
    for kernel in KERNELS:
        classes = entries.setdefault(kernel, {})
        loses = kernel == "hopper" and kernel in best and best[kernel] != next(iter(scores))
        if loses:
            classes.pop(of_class, None)
        elif kernel in best:
            classes[of_class] = list(astuple(best[kernel]))
        if not classes:
            del entries[kernel]


def layout(table: Table) -> str:
    """The table as it ships: one line a class, classes in the order of CLASSES, "other" last."""
    chips = []
    for name in sorted(table, key=lambda name: (name == "other", name)):
        kernels = []
        for kernel in (kernel for kernel in KERNELS if kernel in table[name]):
            classes = sorted(table[name][kernel].items(), key=lambda item: CLASSES.index(item[0]))
            lines = ",\n".join(f"      {json.dumps(of_class)}: {json.dumps(numbers)}" for of_class, numbers in classes)
            kernels.append(f"    {json.dumps(kernel)}: {{\n{lines}\n    }}")
        chips.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(kernels) + "\n  }")
    return "{\n" + ",\n".join(chips) + "\n}\n"


def _kernel_of(config: Config) -> str:
    return next(name for name, kind in KERNELS.items() if isinstance(config, kind))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    help_classes = "names or patterns of classes; '*' is all, and float32 takes minutes to compile (default: 'half *')"
    parser.add_argument("--classes", nargs="+", default=["half *"], metavar="CLASS", help=help_classes)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="write the best into head/configs.json")
    arguments = parser.parse_args()
    chosen = [name for name in CLASSES if any(fnmatchcase(name, pattern) for pattern in arguments.classes)]
    if not chosen:
        parser.error(f"no class fits {arguments.classes}; there are {', '.join(CLASSES)}")
    name = chip(torch.device("cuda", torch.cuda.current_device()))
    if arguments.write and name == "other":
        parser.error("the table has no name for this GPU; 'other' serves them all and is not written")
    print(f"{torch.cuda.get_device_name()}, {name}")
    torch.manual_seed(0)
    for of_class in chosen:
        with torch.inference_mode():
            scores = measure_class(of_class, arguments.repeats)
        if arguments.write:
            # After every class, so that a failure loses no more than its own.
            table = json.loads(TABLE.read_text())
            enter(table, name, of_class, scores)
            with whole_file(TABLE) as stream:
                stream.write(layout(table).encode())


if __name__ == "__main__":
    main()
