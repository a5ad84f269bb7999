"""Weights of tokens on a GPU, a model of BGE-M3's size: Sparton, and beside it the plain ways, in one run.

    python benchmarks/token_weights.py --documents 100000 [--out FILE.json]

XLM-RoBERTa-large (24 layers, 1,024 wide, 250,002 tokens) with random weights and sparse_linear.pt; documents with
lengths like MS MARCO's (log-normal, 75 tokens on average). Sparton's time starts with a Parquet file and ends with
files on disk; the plain ways' starts with texts and ends with vectors in memory, over the first documents only
(--plain), each at its best batch size: "dictionaries" pads texts that are sorted by length, runs AutoModel in float16
and fills a dictionary a text, as FlagEmbedding does; "dense" scatters the weights into [texts, V] and takes what is not
zero. All leave the special tokens out. The floor, and the plain ways "tokenized", begin with texts tokenized before.

Some documents are checked against the definition, run alone in float32.
"""

import argparse
import json
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from encoding import floor, ours

from sparton.pipeline.encoding.encoder import Encoder

VOCABULARY, WIDTH = 250_002, 1_024
CHECKED = 64  # documents
Vectors = list[dict[int, float]]
Tokenized = list[list[int]]


def make_model(folder: Path) -> None:
    """Write the files: a backbone in float16, a tokenizer that knows words by number, and the scalar."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4_096,
        max_position_embeddings=8_194,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    with torch.device("cuda"):
        model = XLMRobertaModel(config)
    weight = torch.randn(1, WIDTH) / WIDTH**0.5
    with torch.inference_mode():
        ids = torch.randint(4, VOCABULARY - 1, (64, 75), device="cuda")
        products = (model.eval()(ids)[0] @ weight.cuda().T).flatten()
    bias = -products.quantile(0.2).reshape(1).cpu()  # four tokens of five have a weight
    model.half().cpu().save_pretrained(folder)
    torch.save({"weight": weight.half(), "bias": bias.half()}, folder / "sparse_linear.pt")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = [*special, *(f"w{number}" for number in range(4, VOCABULARY - 1)), "<mask>"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=8_192,
        **{f"{name}_token": token for name, token in names.items()},
    ).save_pretrained(folder)


def texts(count: int) -> list[str]:
    """`count` texts of words of which some are common, the same on every run."""
    random = np.random.default_rng(0)
    lengths = np.clip(np.rint(random.lognormal(np.log(75) - 0.18, 0.6, count)), 6, 510).astype(int)
    words = (random.zipf(1.3, int(lengths.sum())) % (VOCABULARY - 10)) + 4
    ends = np.cumsum(lengths - 2)
    return [
        " ".join(f"w{word}" for word in words[end - length + 2 : end])
        for end, length in zip(ends, lengths, strict=True)
    ]


class Plain:
    """AutoModel, and the scalar as a linear layer."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder, dtype=dtype).cuda().eval()
        self._linear = torch.nn.Linear(WIDTH, 1)
        self._linear.load_state_dict(torch.load(folder / "sparse_linear.pt", weights_only=True))
        self._linear = self._linear.to("cuda", dtype)
        names = ("cls", "eos", "pad", "unk")
        self._unused = sorted({getattr(self.tokenizer, f"{name}_token_id") for name in names})

    def tokenize(self, sample: Sequence[str], size: int) -> Tokenized:
        """Token ids of each text."""
        slices = (list(sample[start : start + size]) for start in range(0, len(sample), size))
        return [ids for some in slices for ids in self.tokenizer(some, truncation=True, max_length=512)["input_ids"]]

    @torch.inference_mode()
    def encode(
        self, tokenized: Tokenized, size: int, vectors: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Vectors]
    ) -> Vectors:
        """A vector a text. vectors: makes those of a batch of ids [B, S], its mask and weights."""
        order = np.argsort([-len(ids) for ids in tokenized], kind="stable")
        found: list[tuple[int, dict[int, float]]] = []
        for start in range(0, len(order), size):
            rows = order[start : start + size].tolist()
            batch = self.tokenizer.pad([{"input_ids": tokenized[row]} for row in rows], return_tensors="pt").to("cuda")
            hidden = self._model(**batch)[0]
            weights = torch.relu(self._linear(hidden))[..., 0]
            found += zip(rows, vectors(batch["input_ids"], batch["attention_mask"], weights), strict=True)
        return [vector for _, vector in sorted(found, key=lambda pair: pair[0])]

    def dictionaries(self, ids: torch.Tensor, mask: torch.Tensor, weights: torch.Tensor) -> Vectors:
        """A dictionary a text, filled on the host token by token."""
        unused, result = set(self._unused), []
        for row, some in zip(ids.cpu().numpy().tolist(), weights.cpu().numpy(), strict=True):
            vector: dict[int, float] = defaultdict(float)
            for token, weight in zip(row, some, strict=True):
                if token not in unused and weight > 0 and weight > vector[token]:
                    vector[token] = weight
            result.append(vector)
        return result

    def dense(self, ids: torch.Tensor, mask: torch.Tensor, weights: torch.Tensor) -> Vectors:
        """The weights of all terms, [B, V], on the device, and what of them is not zero."""
        every = weights.new_zeros(len(ids), VOCABULARY)
        every.scatter_reduce_(1, ids, weights * mask, "amax")
        every[:, self._unused] = 0
        rows, terms = every.nonzero(as_tuple=True)
        values = every[rows, terms].float().cpu().numpy()
        ends = torch.bincount(rows, minlength=len(ids)).cumsum(0).cpu().numpy()[:-1]
        parts = zip(np.split(terms.cpu().numpy(), ends), np.split(values, ends), strict=True)
        return [dict(zip(some.tolist(), few.tolist(), strict=True)) for some, few in parts]


def plain_ways(sample: list[str], folder: Path, sizes: list[int]) -> dict[str, dict[str, float]]:
    """Documents a second of each way at each batch size, from texts and from tokens."""
    plain = Plain(folder, torch.float16)
    result: dict[str, dict[str, float]] = {}
    for size in sizes:
        for way, vectors in (("dictionaries", plain.dictionaries), ("dense", plain.dense)):
            try:
                plain.encode(plain.tokenize(sample[: 2 * size], size), size, vectors)
                torch.cuda.synchronize()
                started = time.perf_counter()
                tokenized = plain.tokenize(sample, size)
                between = time.perf_counter()
                plain.encode(tokenized, size, vectors)
                ended = time.perf_counter()
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                print(f"{way:12} batch {size:5} runs out of memory", flush=True)
                continue
            result[f"{way}, batch {size}"] = {
                "documents/s": len(sample) / (ended - started),
                "tokenized documents/s": len(sample) / (ended - between),
            }
            print(f"{way:12} batch {size:5} {result[f'{way}, batch {size}']}", flush=True)
    return result


def check(sample: list[str], folder: Path) -> dict[str, float]:
    """How far impacts are from the definition, run alone in float32: in float32, and as Sparton comes.

    Raises SystemExit where that is more than rounding.
    """
    scale = 100
    plain = Plain(folder, torch.float32)
    tokenized = plain.tokenize(sample, 256)
    expected = [plain.encode([ids], 1, plain.dictionaries)[0] for ids in tokenized]
    del plain
    result: dict[str, float] = {}
    for dtype, most in (("float32", 1.0), ("bfloat16", 40.0)):
        encoder = Encoder(str(folder), device="cuda", dtype=dtype, scale=scale)
        differences, cosines = [], []
        for vector, (terms, values) in zip(expected, encoder.encode(sample), strict=True):
            found = dict(zip(terms.tolist(), values.tolist(), strict=True))
            ids = sorted(found.keys() | vector.keys())
            left = np.array([found.get(term, 0) for term in ids], dtype=float)
            right = np.array([vector.get(term, 0.0) * scale for term in ids])
            differences.append(float(np.abs(left - right).max()))
            cosines.append(float(left @ right / np.linalg.norm(left) / np.linalg.norm(right)))
        result |= {f"{dtype}: largest difference of an impact": max(differences)}
        result |= {f"{dtype}: lowest cosine": min(cosines)}
        if max(differences) > most or min(cosines) < 0.995:
            raise SystemExit(f"the vectors in {dtype} are not those of the definition: {result}")
        del encoder
        torch.cuda.empty_cache()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--plain", type=int, default=10_000, help="documents that the plain ways encode")
    parser.add_argument("--batches", type=int, nargs="*", default=[32, 64, 128, 256, 512, 1_024])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        make_model(work / "model")
        sample = texts(arguments.documents)
        pq.write_table(pa.table({"id": [f"d{i}" for i in range(len(sample))], "text": sample}), work / "corpus.parquet")
        result: dict[str, object] = {
            "gpu": torch.cuda.get_device_name(),
            "python": platform.python_version(),
            "versions": {name: metadata.version(name) for name in ("torch", "transformers", "tokenizers", "triton")},
            "documents": arguments.documents,
            "plain documents": arguments.plain,
            "vocabulary": VOCABULARY,
        }
        result["check"] = check(sample[:CHECKED], work / "model")
        print(f"check        {result['check']}", flush=True)
        lowest = floor(sample[:32_768], work / "model")
        print(f"floor        {lowest}", flush=True)
        torch.cuda.empty_cache()
        own = ours(work / "corpus.parquet", work / "model", work, "cuda", "local")
        print(f"sparton      {own}", flush=True)
        torch.cuda.empty_cache()
        others = plain_ways(sample[: arguments.plain], work / "model", arguments.batches)
        best = max(one["documents/s"] for one in others.values())
        tokenized = max(one["tokenized documents/s"] for one in others.values())
        dictionaries = max(one["documents/s"] for way, one in others.items() if way.startswith("dictionaries"))
        result |= {"floor": lowest, "sparton": own, "plain": others}
        result |= {
            "share of the floor": own["documents/s"] / lowest["documents/s"],
            "ratio": own["documents/s"] / best,
            "ratio to dictionaries": own["documents/s"] / dictionaries,
            "ratio of tokenized documents": lowest["documents/s"] / tokenized,
        }
        for name in ("share of the floor", "ratio", "ratio to dictionaries", "ratio of tokenized documents"):
            print(f"{name:30} {result[name]:.2f}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
