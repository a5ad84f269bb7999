"""Training through the head on a GPU: the head alone, forward and backward, and whole steps, plain against fused.

    python benchmarks/training.py --parts head-30k head-250k --out results.json
    python benchmarks/training.py --parts steps-30k steps-250k checkpointed-250k --out results.json

Parts are measured on their own, each in under two minutes, and added to what the file holds. The head alone is
bfloat16, on random hidden states without a mask's zeros; "dense" is how training starts (every weight and its gradient
is there), "sparse" how it goes on (a hundredth of them). Memory is a call's peak beyond its inputs and its gradients.
Whole steps: see training_steps.py; "checkpointed" are steps that keep each layer's input alone and compute the layer
again in the backward, so that at 250k the batch is not bounded by what the layers keep.
"""

import os

# Sizes vary from trial to trial; without this, memory would be lost between blocks.
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from head_methods import Figures, eager, random
from timing import interleaved
from training_steps import DOCUMENT, QUERY, Training, config_of, largest

from head import hardware
from sparton.head import splade_head
from sparton.head.inputs import check_inputs
from sparton.head.triton_grad_hidden import hidden_gradient
from sparton.head.triton_grad_weight import weight_gradient
from sparton.head.triton_head import triton_head
from sparton.head.triton_row_lists import row_lists

HEADS = {"30k": (32, 512, 768, 30_522), "250k": (32, 256, 768, 250_002)}
SPARSE = 0.01


def head_inputs(shape: tuple[int, int, int, int], sparse: bool) -> tuple[torch.Tensor, ...]:
    """hidden, weight, bias that need gradients, mask of ones, and dL/dy."""
    batch, length, width, vocabulary = shape
    torch.manual_seed(0)
    hidden, weight = random(batch, length, width), random(vocabulary, width) * width**-0.5
    bias = torch.zeros(vocabulary, device="cuda", dtype=torch.bfloat16)
    if sparse:
        with torch.no_grad():
            logits = splade_head(hidden, weight, bias).expm1()
            bias -= float(logits.flatten()[:: max(1, logits.numel() // 10**6)].quantile(1 - SPARSE))
    mask = torch.ones(batch, length, device="cuda", dtype=torch.bool)
    leaves = [tensor.detach().requires_grad_() for tensor in (hidden, weight, bias)]
    return (*leaves, mask, torch.randn(batch, vocabulary, device="cuda"))


def measure_head(name: str, repeats: int) -> Figures:
    """Forward and backward of each method, on dense and sparse weights."""
    compiled = torch.compile(eager, dynamic=False)
    result = {}
    for kind in ("dense", "sparse"):
        result[kind] = compare_heads(head_inputs(HEADS[name], kind == "sparse"), compiled, repeats)
        torch.cuda.empty_cache()
        for key, row in result[kind].items():
            print(f"  {kind:6} {key:24} {row['ms']:8.3f} ms ({row['p10']:.3f} to {row['p90']:.3f})", end="")
            print(f" {row['extra_mib']:8.0f} MiB, {row['times_eager'] or float('nan'):.2f} times eager's speed")
    torch.compiler.reset()
    return result


def compare_heads(
    inputs: tuple[torch.Tensor, ...], compiled: Callable[..., torch.Tensor], repeats: int
) -> dict[str, Figures]:
    """Time of each method, and memory beyond inputs and gradients."""
    *leaves, mask, upstream = inputs

    def gradients(head: Callable[..., torch.Tensor]) -> tuple[torch.Tensor, ...]:
        weights = head(*leaves, mask)
        return torch.autograd.grad(weights, leaves, upstream.to(weights.dtype))

    heads = {
        "eager": eager,
        "torch.compile": compiled,
        "sparton": lambda hidden, weight, bias, _: splade_head(hidden, weight, bias, impl="triton"),
        "sparton, mask of ones": lambda *inputs: splade_head(*inputs, impl="triton"),
    }
    timings = interleaved({key: lambda turn, head=head: gradients(head) for key, head in heads.items()}, repeats)
    found = sum(leaf.nbytes for leaf in leaves)
    rows: dict[str, Figures] = {
        key: {**timing.summary(), "extra_mib": (timing.extra_bytes - found) / 2**20} for key, timing in timings.items()
    }
    for row in rows.values():
        row["times_eager"] = rows["eager"]["ms"] / row["ms"] if "eager" in rows else None
    return rows


def measure_pieces(name: str, repeats: int) -> Figures:
    """What of our time goes where."""
    shape, result = HEADS[name], {}
    batch, length, width, _ = shape
    for kind in ("dense", "sparse"):
        hidden, weight, bias, _, grad = (tensor.detach() for tensor in head_inputs(shape, kind == "sparse"))
        inputs = check_inputs(hidden, weight, bias, None, None)
        weights, rows = triton_head(inputs, with_positions=True)
        weights = weights.contiguous()
        positions = (rows - torch.arange(batch, device="cuda", dtype=torch.int32)[:, None] * length).to(torch.int16)
        states = hidden.view(-1, width)
        calls = {
            "forward, weights alone": lambda turn, i=inputs: triton_head(i),
            "forward with positions": lambda turn, i=inputs: triton_head(i, with_positions=True),
            "sort": lambda turn, a=(grad, weights, positions): row_lists(*a, batch * length, length),
            "hidden's gradient": lambda turn, a=(grad, weights, positions, weight, states.shape, length): (
                hidden_gradient(*a)
            ),
            "weight's gradient": lambda turn, a=(grad, weights, positions, states, length, weight.dtype, bias.dtype): (
                weight_gradient(*a)
            ),
        }
        timings = interleaved(calls, repeats)
        result[kind] = {key: timing.summary() for key, timing in timings.items()}
        share = float((weights > 0).float().mean())
        print(f"  {kind}, {share:.2%} of the weights are not 0: ", end="")
        print(", ".join(f"{key} {row['ms']:.3f} ms" for key, row in result[kind].items()))
    return result


def measure_checkpointed(name: str, repeats: int) -> Figures:
    """As `measure_steps`, with gradient checkpointing of both."""
    return measure_steps(name, repeats, checkpointed=True)


def measure_steps(name: str, repeats: int, *, checkpointed: bool = False) -> Figures:
    """The largest batch, and pairs a second there and at the plain head's largest, of the plain and the fused head."""
    vocabulary = HEADS[name][3]
    result: Figures = {"query_tokens": QUERY, "document_tokens": DOCUMENT}
    for key in ("plain", "fused"):
        training = Training(config_of(vocabulary), fused=key == "fused", checkpointed=checkpointed)
        most = largest(training.fits, result["plain"]["largest_batch"] if "plain" in result else 16)
        equal = result["plain"]["largest_batch"] if "plain" in result else most
        row = {"largest_batch": most, "equal_batch": equal}
        row["pairs_s"] = training.pairs_a_second(most, repeats) if most else None
        row["pairs_s_equal"] = training.pairs_a_second(equal, repeats) if equal else None
        result[key] = row
        print(f"  {key}: {row}")
        del training
        torch.cuda.empty_cache()
    plain, fused = result["plain"], result["fused"]
    if plain["largest_batch"]:
        result["ratios"] = {
            "largest_batch": fused["largest_batch"] / plain["largest_batch"],
            "pairs_s": fused["pairs_s"] / plain["pairs_s"],
            "pairs_s_equal": fused["pairs_s_equal"] / plain["pairs_s_equal"],
        }
        print(f"  fused over plain: {result['ratios']}")
    return result


PARTS: dict[str, Callable[[str, int], Figures]] = {
    "head": measure_head,
    "pieces": measure_pieces,
    "steps": measure_steps,
    "checkpointed": measure_checkpointed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [f"{part}-{name}" for part in PARTS for name in HEADS]
    parser.add_argument("--parts", nargs="+", choices=names, default=names)
    parser.add_argument("--repeats", type=int, default=20, help="timed calls of each head; a whole step takes half")
    parser.add_argument("--out", type=Path, help="a JSON file, to which the parts are added")
    arguments = parser.parse_args()
    result = json.loads(arguments.out.read_text()) if arguments.out and arguments.out.exists() else {}
    machine = {**hardware(), "transformers": transformers.__version__}
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    for part in arguments.parts:
        kind, name = part.split("-")
        print(part, flush=True)
        begin = time.perf_counter()
        repeats = arguments.repeats if kind in ("head", "pieces") else max(3, arguments.repeats // 2)
        result[part] = {"machine": machine, **PARTS[kind](name, repeats), "seconds": time.perf_counter() - begin}
        print(f"  {result[part]['seconds']:.0f} s", flush=True)
        # After every part, so that a failure loses no more than its own.
        if arguments.out:
            arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
