"""Text in Parquet to JsonVectorCollection on disk, on a GPU: Sparton, and sentence-transformers beside it.

    python benchmarks/encoding.py --documents 200000 [--out FILE.json]

BERT-base size with random weights and a decoder bias that leaves about 200 terms a document; documents with lengths
like MS MARCO's (log-normal, 75 tokens on average). Sparton's time starts with a Parquet file and ends with files on
disk; sentence-transformers' starts with texts and ends with vectors in memory, at its best batch size, over the first
documents only (--theirs). The floor is the backbone, the head and compaction alone over the same tokenized documents.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from sparton.jobs.corpus import build_index
from sparton.pipeline.encoding.encoder import Encoder
from sparton.pipeline.progress import Progress

TERMS = 200


def make_model(folder: Path, tokenizer: Path, vocabulary: int = 30_522) -> None:
    """A BERT-base masked LM with random weights and a bias that leaves TERMS terms.

    Words that stand in no text fill the tokenizer's vocabulary up.
    """
    from transformers import BertConfig, BertForMaskedLM

    folder.mkdir()
    shutil.copy(tokenizer / "tokenizer_config.json", folder)
    content = json.loads((tokenizer / "tokenizer.json").read_text())
    words = content["model"]["vocab"]
    words |= {f"filler{number}": number for number in range(len(words), vocabulary)}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=vocabulary)).cuda().eval()
    ids = torch.randint(1_000, 30_000, (64, 77), device="cuda")
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        highest = model(input_ids=ids).logits.float().amax(1)
    model.cls.predictions.decoder.bias.data.fill_(-float(torch.quantile(highest, 1 - TERMS / vocabulary, dim=1).mean()))
    model.cpu().save_pretrained(folder)


def texts(count: int, tokenizer: Path) -> Iterator[str]:
    """`count` texts of whole words of the vocabulary, the same on every run."""
    vocabulary = json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"]
    words = np.array([word for word in vocabulary if word.isalpha() and word.isascii() and len(word) > 2])
    random = np.random.default_rng(0)
    lengths = np.clip(np.rint(random.lognormal(np.log(75) - 0.18, 0.6, count)), 6, 510).astype(int)
    for length in lengths:
        yield " ".join(random.choice(words, length - 2))


def ours(corpus: Path, model: Path, work: Path, device: str, engine: str, dtype: str) -> dict[str, float]:
    """Documents a second of `sparton encode`, its start-up and the model's loading left out."""
    started = time.perf_counter()
    report = build_index(
        corpus, work / "index", model=str(model), device=device, engine=engine, dtype=dtype, lucene=False
    )
    counts = report.counts
    return {
        "documents/s": counts.documents / report.encoding_seconds,
        "seconds": report.encoding_seconds,
        "seconds with start-up": time.perf_counter() - started,
        "terms a document": counts.postings / counts.documents,
        "tokens a document": counts.tokens / counts.rows,
        "bytes": sum(path.stat().st_size for path in (work / "index" / "collection").iterdir()),
        **{f"{stage} s": seconds for stage, seconds in asdict(report.work.timing).items()},
    }


def floor(sample: list[str], model: Path, dtype: str) -> dict[str, float]:
    """Documents a second of the GPU alone: backbone, head and compaction of what was tokenized before."""
    return gpu_alone(Encoder(str(model), device="cuda", dtype=dtype), sample)


def gpu_alone(encoder: Encoder, sample: Sequence[str]) -> dict[str, float]:
    """The same of an encoder that is open."""
    shards = [encoder.tokenize(sample[start : start + 8_192]) for start in range(0, len(sample), 8_192)]
    for _ in encoder.encode_stream(shards[:1]):
        pass
    progress = Progress()
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    for _ in encoder.encode_stream(shards, progress):
        pass
    seconds = time.perf_counter() - started
    return {
        "documents/s": len(sample) / seconds,
        "GPU busy": progress.work.timing.gpu / seconds,
        "batch tokens": encoder.batch_tokens,
        "peak GiB": torch.cuda.max_memory_allocated() / 2**30,
    }


def theirs(sample: list[str], model: Path, sizes: list[int]) -> dict[str, dict[str, float]]:
    """Documents a second of SparseEncoder.encode at each batch size."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.models import MLMTransformer, SpladePooling

    torch.cuda.empty_cache()  # its largest batches take all there is
    transformer = MLMTransformer(str(model), model_args={"dtype": torch.bfloat16})
    encoder = SparseEncoder(modules=[transformer, SpladePooling(pooling_strategy="max")], device="cuda")
    encoder.max_seq_length = 512
    result = {}
    for size in sizes:
        try:
            encoder.encode(sample[: 4 * size], batch_size=size)
            torch.cuda.synchronize()
            started = time.perf_counter()
            encoder.encode(sample, batch_size=size)
            torch.cuda.synchronize()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            print(f"sentence-transformers, batch {size:5} runs out of memory", flush=True)
            continue
        result[f"batch {size}"] = {"documents/s": len(sample) / (time.perf_counter() - started)}
        print(
            f"sentence-transformers, batch {size:5} {result[f'batch {size}']['documents/s']:10,.0f} documents/s",
            flush=True,
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--theirs", type=int, default=20_000)
    parser.add_argument("--batches", type=int, nargs="*", default=[32, 64, 128, 256, 512])
    parser.add_argument("--tokenizer", type=Path, help="folder of a BERT tokenizer [default: tiny's]")
    parser.add_argument("--vocabulary", type=int, default=30_522, help="250002 makes it the size of XLM-RoBERTa")
    parser.add_argument("--device", default="cuda", help="as for `sparton encode`: all, cuda:0,cuda:1, …")
    parser.add_argument("--engine", default="local", help="as for `sparton encode`: ray, with --device cuda")
    parser.add_argument("--dtype", default="bfloat16", help="as for `sparton encode`: float8; theirs is bfloat16")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tokenizer = arguments.tokenizer
    if tokenizer is None:
        from sparton.pipeline.model.files import find_model

        tokenizer = find_model("tiny").folder
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        make_model(work / "model", tokenizer, arguments.vocabulary)
        sample = list(texts(arguments.documents, tokenizer))
        pq.write_table(pa.table({"id": [f"d{i}" for i in range(len(sample))], "text": sample}), work / "corpus.parquet")
        result: dict[str, object] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
        result |= {"documents": arguments.documents, "vocabulary": arguments.vocabulary, "device": arguments.device}
        result |= {"engine": arguments.engine, "dtype": arguments.dtype, "triton": metadata.version("triton")}
        result |= {"sentence-transformers version": metadata.version("sentence-transformers")}
        lowest = floor(sample[:65_536], work / "model", arguments.dtype)
        print(f"floor                        {lowest['documents/s']:10,.0f} documents/s", flush=True)
        own = ours(
            *(work / "corpus.parquet", work / "model", work),
            *(arguments.device, arguments.engine, arguments.dtype),
        )
        print(f"sparton                      {own['documents/s']:10,.0f} documents/s  {own}", flush=True)
        result |= {"sparton": own, "floor": lowest, "share of the floor": own["documents/s"] / lowest["documents/s"]}
        print(f"share of the floor {result['share of the floor']:.2f}")
        if arguments.batches:
            other = theirs(sample[: arguments.theirs], work / "model", arguments.batches)
            result["sentence-transformers"] = other
            if other:
                result["ratio"] = own["documents/s"] / max(one["documents/s"] for one in other.values())
                print(f"sparton / sentence-transformers at its best: {result['ratio']:.1f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
