"""Documents through a decoder as large as Qwen3-0.6B, on a GPU: Sparton, and plain transformers beside it.

    python benchmarks/decoder.py --documents 20000 [--out FILE.json]

28 layers with random weights, grouped-query attention, and one embedding of V = 151,936 for input and output, changed
so that a document keeps some 200 terms; documents with lengths like MS MARCO's (75 tokens on average). Sparton's time
starts with a Parquet file and ends with files on disk. Plain transformers' (bfloat16, sdpa, logits to log1p, relu and
maximum) starts with token ids and ends with sparse vectors in memory, at its best batch size, in the order of the
documents and sorted by length, over the first documents only (--theirs). The floor is the bare matrix products of the
layers, attention and the head, over one batch of Sparton's; "GPU alone" is all that Sparton runs there, over documents
that were tokenized before. A few documents' weights are compared with the plain model's in float32.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from encoding import gpu_alone, texts
from torch.nn.functional import linear
from torch.nn.utils.rnn import pad_sequence

from sparton.head import splade_head
from sparton.jobs.corpus import build_index
from sparton.pipeline.encoding.encoder import Encoder
from sparton.pipeline.model.files import find_model
from sparton.pipeline.packed.attentions import variable_length_attention

TERMS = 200
SIZES = {
    "vocab_size": 151_936,
    "hidden_size": 1_024,
    "intermediate_size": 3_072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": True,
}
SHIFT = 0.5
FINE = 1_000_000  # of impacts that tell weights apart


@torch.inference_mode()
def make_model(folder: Path, tokenizer: Path, causal: bool) -> None:
    """A Qwen3 with random weights that leaves TERMS terms.

    A decoder has no bias. So one of its dimensions is the same for every token, and the last norm turns it round: each
    logit is lower by as much.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir()
    (folder / "tokenizer_config.json").write_bytes((tokenizer / "tokenizer_config.json").read_bytes())
    content = json.loads((tokenizer / "tokenizer.json").read_text())
    words = content["model"]["vocab"]
    words |= {f"filler{number}": number for number in range(len(words), SIZES["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(Qwen3Config(**SIZES, is_causal=causal)).cuda().eval()
    model.model.embed_tokens.weight[:, 0] = SHIFT
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[0] = 0
        layer.mlp.down_proj.weight[0] = 0
    model.bfloat16()
    ids = torch.randint(1_000, 30_000, (64, 77), device="cuda")
    constant = model.model(input_ids=ids).last_hidden_state[..., 0].float().mean()
    model.model.norm.weight[0] = 0
    highest = torch.cat([model(input_ids=some).logits.float().amax(1) for some in ids.split(8)])
    wanted = torch.quantile(highest[:, ::4], 1 - TERMS / SIZES["vocab_size"], dim=1).mean()
    model.model.norm.weight[0] = -float(wanted / (constant * SHIFT))
    model.cpu().save_pretrained(folder)


def ours(corpus: Path, model: Path, work: Path) -> dict[str, float]:
    """Documents a second of `sparton encode`, its start-up and the model's loading left out."""
    report = build_index(corpus, work / "index", model=str(model), device="cuda", lucene=False)
    counts = report.counts
    return {
        "documents/s": counts.documents / report.encoding_seconds,
        "seconds": report.encoding_seconds,
        "terms a document": counts.postings / counts.documents,
        "tokens a document": counts.tokens / counts.rows,
    }


@torch.inference_mode()
def floor(lengths: np.ndarray, tokens: int, causal: bool, repeats: int = 10) -> dict[str, float]:
    """Documents a second of bare products of the layers, attention and head, over one batch of `tokens` tokens."""
    count = max(1, int(np.searchsorted(np.cumsum(lengths), tokens, side="right")))
    longest = int(lengths[:count].max())
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths[:count])])).int().cuda()
    rows, width, inner = int(offsets[-1]), SIZES["hidden_size"], SIZES["intermediate_size"]
    queries, keys, size = SIZES["num_attention_heads"], SIZES["num_key_value_heads"], SIZES["head_dim"]

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device="cuda", dtype=torch.bfloat16) * 0.05

    hidden, wide, attended = random(rows, width), random(rows, inner), random(rows, queries * size)
    projection, output = random((queries + 2 * keys) * size, width), random(width, queries * size)
    gates, down, embedding = random(2 * inner, width), random(width, inner), random(SIZES["vocab_size"], width)
    attend = variable_length_attention()
    assert attend is not None
    query, key, value = random(rows, queries + 2 * keys, size).split((queries, keys, keys), dim=1)
    steps: dict[str, tuple[int, Callable[[], object]]] = {
        "products": (
            SIZES["num_hidden_layers"],
            lambda: (linear(hidden, projection), linear(attended, output), linear(hidden, gates), linear(wide, down)),
        ),
        "attention": (
            SIZES["num_hidden_layers"],
            lambda: attend(query, key, value, offsets, longest, None, causal),
        ),
        "head": (1, lambda: splade_head(hidden, embedding, cu_seqlens=offsets)),
    }
    found = {f"{name} ms": times * _milliseconds(step, repeats) for name, (times, step) in steps.items()}
    return {"documents/s": count / sum(found.values()) * 1_000, "documents": count, "tokens": rows, **found}


def _milliseconds(step: Callable[[], object], repeats: int) -> float:
    """Median of what the GPU takes, warm."""
    for _ in range(3):
        step()
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeats)]
    for start, stop in events:
        start.record()
        step()
        stop.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(stop) for start, stop in events)


@torch.inference_mode()
def plain_weights(model: torch.nn.Module, texts: Sequence[torch.Tensor]) -> torch.Tensor:
    """[B, V] of texts padded to the longest."""
    ids = pad_sequence(list(texts), batch_first=True).cuda()
    lengths = torch.tensor([len(text) for text in texts], device="cuda")
    mask = (torch.arange(ids.shape[1], device="cuda") < lengths[:, None]).long()
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(1)


def theirs(model: torch.nn.Module, tokens: list[torch.Tensor], sizes: list[int]) -> dict[str, float]:
    """Documents a second of plain transformers at each batch size, in order and sorted."""
    result = {}
    orders = {"in order": tokens, "sorted by length": sorted(tokens, key=len, reverse=True)}
    for order, ordered in orders.items():
        for size in sizes:
            name = f"{order}, batch {size}"
            try:
                plain_weights(model, ordered[:size])
                torch.cuda.synchronize()
                started = time.perf_counter()
                for start in range(0, len(ordered), size):
                    plain_weights(model, ordered[start : start + size]).to_sparse().cpu()
                torch.cuda.synchronize()
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                print(f"transformers, {name} runs out of memory", flush=True)
                continue
            result[name] = len(ordered) / (time.perf_counter() - started)
            print(f"transformers, {name:28} {result[name]:10,.0f} documents/s", flush=True)
    return result


def largest_differences(folder: Path, sample: Sequence[str], tokens: Sequence[torch.Tensor]) -> dict[str, float]:
    """From the plain model in float32: of Sparton, and of the plain model in bfloat16; each document alone there."""
    from transformers import AutoModelForCausalLM

    encoder = Encoder(str(folder), device="cuda", scale=FINE)
    found = np.zeros((len(sample), len(encoder.vocabulary)), np.float32)
    for row, (terms, values) in zip(found, encoder.encode(sample), strict=True):
        row[terms] = values / FINE
    packed = encoder._model.packs
    del encoder
    plain = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).cuda().eval()
        plain[dtype] = torch.cat([plain_weights(model, [text]).float().cpu() for text in tokens])
        del model
        torch.cuda.empty_cache()
    truth = plain[torch.float32]
    return {
        "documents": len(sample),
        "packed": packed,
        "largest weight": float(truth.max()),
        "sparton": float((torch.from_numpy(found) - truth).abs().max()),
        "transformers in bfloat16": float((plain[torch.bfloat16] - truth).abs().max()),
    }


def main() -> None:
    from transformers import AutoModelForCausalLM

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--theirs", type=int, default=2_048)
    parser.add_argument("--compared", type=int, default=16)
    parser.add_argument("--batches", type=int, nargs="*", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--bidirectional", action="store_true", help="attention in both directions")
    parser.add_argument("--tokenizer", type=Path, help="folder of a BERT tokenizer [default: tiny's]")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tokenizer = arguments.tokenizer or find_model("tiny").folder
    causal = not arguments.bidirectional
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder = work / "model"
        make_model(folder, tokenizer, causal)
        sample = list(texts(arguments.documents, tokenizer))
        pq.write_table(pa.table({"id": [f"d{i}" for i in range(len(sample))], "text": sample}), work / "corpus.parquet")
        encoder = Encoder(str(folder), device="cuda")
        tokenized = encoder.tokenize(sample)
        ids = [torch.from_numpy(one).long() for one in np.split(tokenized.ids, tokenized.offsets[1:-1])]
        layers = encoder._model._packed and encoder._model._packed.layers  # type: ignore[attr-defined]
        result: dict[str, object] = {
            "gpu": torch.cuda.get_device_name(),
            "versions": {name: metadata.version(name) for name in ("torch", "transformers", "triton")},
            "python": platform.python_version(),
            "model": SIZES | {"causal": causal},
            "packed": encoder._model.packs,
            "fused layers": layers is not None,
            "documents": arguments.documents,
        }
        print(result, flush=True)
        alone = gpu_alone(encoder, sample)
        print(f"GPU alone                    {alone['documents/s']:10,.0f} documents/s  {alone}", flush=True)
        lowest = floor(tokenized.lengths, encoder.batch_tokens, causal)
        print(f"floor                        {lowest['documents/s']:10,.0f} documents/s  {lowest}", flush=True)
        del encoder, layers
        torch.cuda.empty_cache()
        own = ours(work / "corpus.parquet", folder, work)
        print(f"sparton                      {own['documents/s']:10,.0f} documents/s  {own}", flush=True)
        torch.cuda.empty_cache()
        result |= {"sparton": own, "GPU alone": alone, "floor": lowest}
        result["share of GPU alone"] = own["documents/s"] / alone["documents/s"]
        result["share of the floor"] = own["documents/s"] / lowest["documents/s"]
        result["share of the floor, GPU alone"] = alone["documents/s"] / lowest["documents/s"]
        if arguments.batches:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa")
            other = theirs(model.cuda().eval(), ids[: arguments.theirs], arguments.batches)
            del model
            torch.cuda.empty_cache()
            result["transformers, documents/s"] = other
            for order in ("in order", "sorted by length"):
                best = max(rate for name, rate in other.items() if name.startswith(order))
                result[f"ratio, {order}"] = own["documents/s"] / best
        chosen = np.linspace(0, len(sample) - 1, arguments.compared).astype(int)
        result["largest differences"] = largest_differences(
            folder, [sample[row] for row in chosen], [ids[row] for row in chosen]
        )
        for name, value in result.items():
            if name.startswith(("share", "ratio", "largest")):
                print(f"{name}: {value}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
