"""What positions cost the head: its forward with them, as training asks for it, beside the one without.

    python benchmarks/head_positions.py [--out FILE.json]

bfloat16, documents of random lengths from a quarter of the longest to all of it under a mask, and whole ones without.
The two take turns. Then forward and backward together at [64, 512, 768] × 30,522, where every weight has a gradient and
where one in a hundred has. Before anything is timed, the logit at each position is held against the maximum.
"""

import argparse
import json
from pathlib import Path

import torch
from timing import interleaved
from training import head_inputs

from head import hardware
from sparton.head import splade_head
from sparton.head.inputs import check_inputs
from sparton.head.triton_head import triton_head

SHAPES = ((64, 512, 768, 30_522), (64, 256, 768, 30_522), (512, 64, 768, 30_522), (32, 256, 768, 250_002))
WHOLE = (64, 512, 768, 30_522)
NEAR = 2**-14  # of the maximum, by which a logit summed in another order, or marked, may differ from it


def inputs_of(shape: tuple[int, int, int, int], ragged: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Hidden states, weight and mask."""
    batch, length, width, vocabulary = shape
    torch.manual_seed(0)
    hidden = torch.randn(batch, length, width, device="cuda", dtype=torch.bfloat16)
    weight = torch.randn(vocabulary, width, device="cuda", dtype=torch.bfloat16) * width**-0.5
    lengths = torch.randint(length // 4, length + 1, (batch, 1), device="cuda")
    return hidden, weight, torch.arange(length, device="cuda") < lengths if ragged else None


def check(hidden: torch.Tensor, weight: torch.Tensor, mask: torch.Tensor | None) -> None:
    """Hold a sample of positions against float32 logits."""
    inputs = check_inputs(hidden, weight, None, mask, None)
    plain, _ = triton_head(inputs)
    weights, rows = triton_head(inputs, with_positions=True)
    torch.testing.assert_close(weights, plain, rtol=2**-15, atol=1e-6)
    assert rows is not None
    length = hidden.shape[1]
    for document in range(0, len(hidden), 7):
        terms = torch.arange(0, len(weight), 97, device="cuda")
        logits = hidden[document].float() @ weight[terms].float().t()
        if mask is not None:
            logits = logits.masked_fill(~mask[document, :, None], -torch.inf)
        places = rows[document, terms].long() - document * length
        found = logits.gather(0, places[None])[0]
        highest = logits.amax(0)
        assert bool(((highest - found) <= NEAR * highest.abs() + 1e-5)[highest > 0].all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result: dict[str, object] = dict(hardware())
    for shape in SHAPES:
        for ragged in (True, False):
            hidden, weight, mask = inputs_of(shape, ragged)
            check(hidden, weight, mask)
            inputs = check_inputs(hidden, weight, None, mask, None)
            calls = {
                "forward": lambda turn, i=inputs: triton_head(i),
                "with positions": lambda turn, i=inputs: triton_head(i, with_positions=True),
            }
            times = interleaved(calls, arguments.repeats)
            name = f"{list(shape)}{' ragged' if ragged else ''}"
            found = {way: timing.summary() for way, timing in times.items()}
            ratio = found["with positions"]["ms"] / found["forward"]["ms"]
            result[name] = {**found, "ratio": ratio}
            print(f"{name:32} {found['forward']['ms']:8.3f} ms, with positions {ratio:.3f} x", flush=True)
    for sparse in (False, True):
        hidden, weight, bias, mask, grad = head_inputs(WHOLE, sparse)

        def both(turn: int, given=(hidden, weight, bias, mask), grad=grad) -> None:
            torch.autograd.grad(splade_head(*given), given[:3], grad)

        found = interleaved({"both": both}, arguments.repeats)["both"].summary()
        name = "one weight in a hundred" if sparse else "every weight"
        result[name] = found
        print(f"{name:32} {found['ms']:8.3f} ms forward and backward", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
