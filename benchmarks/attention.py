"""Attention over packed short texts on a GPU: our kernel with different blocks, and PyTorch's varlen_attn beside it.

    python benchmarks/attention.py [--tokens 65436] [--out FILE.json]

Texts with lengths like MS MARCO's (log-normal, 75 tokens on average), heads of Qwen3-0.6B (causal; with the norm and
rotation of queries and keys while they are loaded, and after the pass that does them) and of BERT-base (both ways).
First the values of every kernel and block are compared with each text alone in float32, over several distributions of
lengths. Times are of one layer; all methods take turns. The floor is queries, keys, values and the result crossing the
GPU's memory once, at the rate of a copy.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from timing import interleaved
from torch.nn.functional import scaled_dot_product_attention
from triton.errors import TritonError

from sparton.pipeline.packed.attention import BlockAttention, Blocks, Rotation, usual_blocks, work_items
from sparton.pipeline.packed.attentions import variable_length_attention
from sparton.pipeline.packed.decoder_kernels import rotate

# Of a kernel, as a share of the norm, or in multiples of what varlen_attn differs by: rounding queries and keys after
# they are rotated gives more than attention itself.
LARGEST_DIFFERENCE, TIMES = 0.01, 1.2


@dataclass(frozen=True)
class Shape:
    """Heads of a model. rotates: whether it norms and rotates queries and keys."""

    queries: int
    keys: int
    size: int
    causal: bool
    rotates: bool
    variants: tuple[Blocks, ...]


SHAPES = {
    "Qwen3-0.6B": Shape(
        16,
        8,
        128,
        True,
        True,
        (
            Blocks(rows=32, keys=32, heads=2, warps=2, stages=1),
            Blocks(rows=32, keys=64, heads=2, warps=4, stages=1),
            Blocks(rows=64, keys=32, heads=2, warps=4, stages=1),
            Blocks(rows=64, keys=32, heads=2, warps=4, stages=2),
            Blocks(rows=64, keys=64, heads=2, warps=4, stages=1),
            Blocks(rows=64, keys=64, heads=2, warps=4, stages=2),
            Blocks(rows=64, keys=64, heads=2, warps=8, stages=1),
            Blocks(rows=64, keys=32, heads=1, warps=4, stages=1),
            Blocks(rows=64, keys=64, heads=1, warps=4, stages=1),
            Blocks(rows=64, keys=64, heads=1, warps=4, stages=2),
            Blocks(rows=128, keys=32, heads=2, warps=8, stages=1),
            Blocks(rows=128, keys=32, heads=2, warps=8, stages=2),
            Blocks(rows=128, keys=64, heads=2, warps=8, stages=1),
            Blocks(rows=128, keys=64, heads=2, warps=8, stages=2),
            Blocks(rows=128, keys=64, heads=1, warps=8, stages=1),
        ),
    ),
    "BERT-base": Shape(
        12,
        12,
        64,
        False,
        False,
        (
            Blocks(rows=32, keys=32, heads=1, warps=2, stages=1),
            Blocks(rows=32, keys=64, heads=1, warps=4, stages=1),
            Blocks(rows=64, keys=32, heads=1, warps=4, stages=1),
            Blocks(rows=64, keys=32, heads=1, warps=4, stages=2),
            Blocks(rows=64, keys=64, heads=1, warps=4, stages=1),
            Blocks(rows=64, keys=64, heads=1, warps=4, stages=2),
            Blocks(rows=64, keys=128, heads=1, warps=4, stages=1),
            Blocks(rows=128, keys=32, heads=1, warps=4, stages=2),
            Blocks(rows=128, keys=64, heads=1, warps=4, stages=1),
            Blocks(rows=128, keys=64, heads=1, warps=8, stages=1),
            Blocks(rows=128, keys=64, heads=1, warps=8, stages=2),
            Blocks(rows=128, keys=128, heads=1, warps=8, stages=1),
        ),
    ),
}


@dataclass(frozen=True)
class Batch:
    """Random queries, keys and values of texts, side by side as a layer projects them."""

    projected: torch.Tensor
    offsets: torch.Tensor
    longest: int
    rotation: Rotation | None

    @property
    def tokens(self) -> int:
        return len(self.projected)


def lengths_of(tokens: int) -> dict[str, np.ndarray]:
    """Lengths of texts of `tokens` tokens together or some fewer, in several distributions; the first is timed."""
    random = np.random.default_rng(0)
    drawn = {
        "log-normal": np.clip(np.rint(random.lognormal(np.log(75) - 0.18, 0.6, tokens // 20)), 6, 510),
        "1 to 40": random.integers(1, 41, tokens // 10),
        "blocks and one more": random.choice([16, 17, 32, 33, 64, 65, 128, 129], tokens // 20),
        "510": np.full(tokens // 510 + 1, 510),
        "1 and 2,000": random.choice([1, 2_000], tokens // 500),
    }
    return {name: some[: max(1, int((some.cumsum() <= tokens).sum()))].astype(int) for name, some in drawn.items()}


def make_batch(shape: Shape, lengths: np.ndarray, seed: int) -> Batch:
    """Numbers as a layer's: queries and keys whose softmax is neither flat nor one maximum."""
    torch.manual_seed(seed)
    tokens, size = int(lengths.sum()), shape.size

    def random(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, device="cuda").bfloat16()

    rotation = None
    if shape.rotates:
        position = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])).cuda()
        rates = 1e6 ** -(torch.arange(0, size, 2, device="cuda") / size)
        angles = (position[:, None] * rates).repeat(1, 2)
        norms = 1 + random(size) * 0.2, 1 + random(size) * 0.2
        rotation = Rotation((angles.cos().bfloat16(), angles.sin().bfloat16()), norms, 1e-6)
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)])).int().cuda()
    projected = random(tokens, shape.queries + 2 * shape.keys, size)
    return Batch(projected, offsets, int(lengths.max()), rotation)


Parts = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def parts_of(projected: torch.Tensor, shape: Shape) -> Parts:
    query, key, value = projected.split((shape.queries, shape.keys, shape.keys), dim=1)
    return query, key, value


def rotate_all(batch: Batch, shape: Shape, projected: torch.Tensor) -> torch.Tensor:
    """What decoder_kernels.rotate makes of `projected`, in place."""
    assert batch.rotation is not None
    rotation, flat = batch.rotation, projected.view(batch.tokens, -1)
    rotate(flat, (shape.queries, shape.keys), shape.size, rotation.tables, rotation.norms, rotation.epsilon)
    return projected


def in_float32(batch: Batch, shape: Shape) -> torch.Tensor:
    """[T, heads, size]: each text alone."""
    query, key, value = (part.float() for part in parts_of(batch.projected, shape))
    if batch.rotation:
        norms = batch.rotation.norms
        assert norms is not None
        query, key = (
            _rotated(part, norm.float(), batch.rotation) for part, norm in zip((query, key), norms, strict=True)
        )
    found = []
    sizes = batch.offsets.diff().tolist()
    for one in zip(*(part.split(sizes) for part in (query, key, value)), strict=True):
        by_head = (part.transpose(0, 1)[None] for part in one)
        attended = scaled_dot_product_attention(*by_head, is_causal=shape.causal, enable_gqa=True)
        found.append(attended[0].transpose(0, 1))
    return torch.cat(found)


def _rotated(part: torch.Tensor, norm: torch.Tensor, rotation: Rotation) -> torch.Tensor:
    part = part * (part.square().mean(-1, keepdim=True) + rotation.epsilon).rsqrt() * norm
    first, second = part.chunk(2, -1)
    cosine, sine = (table.float()[:, None] for table in rotation.tables)
    return part * cosine + torch.cat([-second, first], -1) * sine


def methods(batch: Batch, shape: Shape) -> dict[str, Callable[[], torch.Tensor]]:
    """Attention in every way, by name. Where queries and keys rotate, those without "rotates" take rotated ones."""
    offsets, longest, causal = batch.offsets, batch.longest, shape.causal
    raw = parts_of(batch.projected, shape)
    turned = raw if batch.rotation is None else parts_of(rotate_all(batch, shape, batch.projected.clone()), shape)
    varlen = variable_length_attention()
    assert varlen is not None
    found = {"varlen_attn": lambda: varlen(*turned, offsets, longest, None, causal)}
    for blocks in shape.variants:
        attend = BlockAttention(blocks)
        name = " ".join(f"{key} {value}" for key, value in asdict(blocks).items())
        found[name] = lambda attend=attend: attend(*turned, offsets, longest, None, causal)  # type: ignore[misc]
        if rotation := batch.rotation:
            found[f"{name} rotates"] = lambda attend=attend, rotation=rotation: attend(  # type: ignore[misc]
                *raw, offsets, longest, None, causal, rotation=rotation
            )
    return found


def differences(shape: Shape, tokens: int) -> dict[str, dict[str, float]]:
    """Of each method and distribution of lengths: the largest difference of a row, as a share of the rows' norm."""
    found: dict[str, dict[str, float]] = {}
    for seed, (kind, lengths) in enumerate(lengths_of(tokens).items()):
        batch = make_batch(shape, lengths, seed)
        truth = in_float32(batch, shape)
        usual = truth.norm(dim=-1).square().mean().sqrt()
        for name, method in methods(batch, shape).items():
            try:
                difference = float(((method().float() - truth).norm(dim=-1) / usual).max())
            except TritonError as error:
                print(f"{name}: {type(error).__name__} {str(error)[:150]}", flush=True)
                continue
            found.setdefault(name, {})[kind] = difference
    return found


def copy_rate() -> float:
    """Bytes a second, read and written."""
    source = torch.randn(2**27, device="cuda")
    target = torch.empty_like(source)
    timing = interleaved({"copy": lambda turn: target.copy_(source)}, 10)["copy"]
    return 2 * source.nbytes / timing.summary()["ms"] * 1_000


def times(shape: Shape, tokens: int, rate: float, repeats: int) -> dict[str, dict[str, float]]:
    """Of each method, and of what else a batch or a layer has."""
    batch = make_batch(shape, lengths_of(tokens)["log-normal"], 0)
    calls = {name: lambda turn, method=method: method() for name, method in methods(batch, shape).items()}
    if batch.rotation:
        scratch = batch.projected.clone()
        calls["rotate"] = lambda turn: rotate_all(batch, shape, scratch)
    calls["work_items, once a batch"] = lambda turn: work_items(batch.offsets, batch.tokens, 32)
    timed = interleaved(calls, repeats, refusals=(torch.OutOfMemoryError, TritonError))
    found = {name: timing.summary() for name, timing in timed.items()}
    bytes_once = batch.tokens * 2 * (shape.queries + shape.keys) * shape.size * batch.projected.element_size()
    return {"floor": {"ms": bytes_once / rate * 1_000, "tokens": batch.tokens, "texts": len(batch.offsets) - 1}} | found


def report(name: str, different: dict[str, dict[str, float]], timed: dict[str, dict[str, float]]) -> None:
    """The fastest first."""
    print(f"\n{name:58} {'ms':>8} {'p90':>8}  largest difference")
    theirs = max(different.get("varlen_attn", {"": 0.0}).values())
    for method, row in sorted(timed.items(), key=lambda pair: pair[1]["ms"]):
        worst = max(different.get(method, {"": 0.0}).values())
        wrong = "" if worst < max(LARGEST_DIFFERENCE, TIMES * theirs) else "  WRONG"
        print(f"{method:58} {row['ms']:8.3f} {row.get('p90', 0):8.3f}  {worst:.4f}{wrong}")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=65_436)
    parser.add_argument("--checked", type=int, default=8_192, help="tokens of batches whose values are compared")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    rate = copy_rate()
    result: dict[str, object] = {
        "gpu": torch.cuda.get_device_name(),
        "versions": {name: metadata.version(name) for name in ("torch", "triton")},
        "copy, bytes a second": rate,
    }
    print(result, flush=True)
    tables = []
    for name, shape in SHAPES.items():
        different = differences(shape, arguments.checked)
        print(f"{name}: values compared after {time.perf_counter() - started:.0f} s", flush=True)
        timed = times(shape, arguments.tokens, rate, arguments.repeats)
        usual = asdict(usual_blocks(shape.size, shape.queries // shape.keys))
        result[name] = {"usual": usual, "differences": different, "times": timed}
        tables.append((name, different, timed))
    for table in tables:
        report(*table)
    result["seconds"] = time.perf_counter() - started
    print(f"\n{result['seconds']:.0f} s in all")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
