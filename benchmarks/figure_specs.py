"""What docs/figures.md says of each result: a title, a sentence, and which of its numbers are in the table.

A path's steps stand between bars: "seconds|sparton search". In a sentence {path:1} is the number there with one digit
behind the point; of a list it is the median. A table has a row for each entry at `rows`; its columns are paths within
an entry, and "" is the entry itself.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One result. rows: where the entries of the table are, a path; several are one table after the other."""

    title: str
    sentence: str
    rows: tuple[str, ...]
    columns: dict[str, tuple[str, int]] = field(default_factory=lambda: {"value": ("", 2)})


_RATE = {"documents/s": ("documents/s", 0)}
_SIDES = ("sparton", "floor")
_ENCODED = {"documents/s": ("documents/s", 0), "seconds": ("seconds", 1), "terms a document": ("terms a document", 1)}
_LATENCY = {"mean ms": ("mean ms", 2), "p50 ms": ("p50 ms", 2), "p99 ms": ("p99 ms", 2), "recall": ("recall", 3)}
_PRUNED = {
    "terms a document": ("terms a document", 1),
    "FLOPS": ("flops", 2),
    "bytes of postings": ("bytes by part|postings", 0),
    "kept@10": ("kept@10", 3),
    "nDCG@10": ("nDCG@10", 4),
    "mean ms": ("rank|mean ms", 2),
}
_STEPS = {
    "largest batch, pairs": ("largest_batch", 0),
    "pairs/s": ("pairs_s", 0),
    "pairs/s at the plain head's batch": ("pairs_s_equal", 0),
}
_HEADS = {"ms": ("ms", 2), "MiB beyond the inputs": ("extra_mib", 0), "TFLOP/s": ("tflops", 0)}
_SHAPES = ("64x512x768x30522", "256x128x768x30522", "32x512x768x250002", "16x512x1024x151936")

# In the order of the page. A result that is not here gets a table of all its numbers.
FIGURES: dict[str, Figure] = {
    "head-h100.json": Figure(
        "The head on an H100",
        "At [64, 512, 768] × 30,522 the fused head takes {shapes|64x512x768x30522|sparton|ms:2} ms and {shapes|64x512x768x30522|sparton|extra_mib:0} MiB, plain PyTorch {shapes|64x512x768x30522|eager|ms:1} ms and {shapes|64x512x768x30522|eager|extra_mib:0} MiB.",
        tuple(f"shapes|{shape}" for shape in _SHAPES),
        _HEADS,
    ),
    "head-positions-h100.json": Figure(
        "The head with positions, for training",
        "To keep where each maximum was costs little: at [64, 512, 768] × 30,522 {[64, 512, 768, 30522]|ratio:2} times the forward alone.",
        ("",),
        {"forward, ms": ("forward|ms", 2), "with positions, ms": ("with positions|ms", 2), "ratio": ("ratio", 2)},
    ),
    "attention-h100.json": Figure(
        "Attention within packed texts on an H100",
        "For a BERT-base the reading and writing alone would take {BERT-base|times|floor|ms:3} ms, and PyTorch's varlen_attn takes {BERT-base|times|varlen_attn|ms:3} ms; the other rows are shapes of our kernel.",
        ("BERT-base|times",),
        {"ms": ("ms", 3)},
    ),
    "encoding-h100.json": Figure(
        "Encoding on an H100",
        "From Parquet to files, {documents:0} documents are encoded at {sparton|documents/s:0} a second; sentence-transformers makes {sentence-transformers|batch 1024|documents/s:0} at its best batch.",
        (*_SIDES, "sentence-transformers"),
        _RATE,
    ),
    "encoding-h100-alone.json": Figure(
        "The same, the GPU's part alone beside it",
        "The whole way reaches {share of the floor:2} of what the GPU makes alone (the floor).",
        _SIDES,
        _ENCODED,
    ),
    "encoding-h100-float8.json": Figure(
        "The same with 8-bit floats",
        "With --dtype float8 it is {sparton|documents/s:0} documents a second, {share of the floor:2} of what the GPU makes alone (the floor).",
        _SIDES,
        _ENCODED,
    ),
    "encoding-h100-250k.json": Figure(
        "Encoding with a vocabulary of 250,002",
        "Sparton encodes {sparton|documents/s:0} documents a second, {ratio:1} times as many as sentence-transformers.",
        (*_SIDES, "sentence-transformers"),
        _RATE,
    ),
    "encoding-h100-250k-float8.json": Figure(
        "The same vocabulary with 8-bit floats",
        "With --dtype float8 it is {sparton|documents/s:0} documents a second, {share of the floor:2} of what the GPU makes alone (the floor).",
        _SIDES,
        _ENCODED,
    ),
    "encoding-2xh100.json": Figure(
        "Two GPUs of one host",
        "Two H100 encode {ratios|all / cuda:0:2} times as many documents a second as one, to the same files.",
        ("runs|cuda:0", "runs|all"),
        {"documents/s": ("documents/s", 0), "seconds": ("seconds", 1), "with start-up": ("seconds with start-up", 1)},
    ),
    "encoding-2xh200-ray.json": Figure(
        "Two H200, with and without Ray",
        "With Ray it is {ray / local:2} of the local engine's speed.",
        ("local|sparton", "ray|sparton"),
        {"documents/s": ("documents/s", 0), "seconds": ("seconds", 1)},
    ),
    "decoder-h100.json": Figure(
        "A decoder as large as Qwen3-0.6B on an H100",
        "Sparton encodes {sparton|documents/s:0} documents a second; transformers, sorted by length at its best batch, makes {transformers, documents/s|sorted by length, batch 128:0}.",
        ("transformers, documents/s",),
        {"documents/s": ("", 0)},
    ),
    "token-weights-h100.json": Figure(
        "Token weights of BGE-M3's size on an H100",
        "Sparton encodes {sparton|documents/s:0} documents a second, {ratio:2} times as many as plain transformers at its best.",
        ("plain",),
        {"documents/s": ("documents/s", 0)},
    ),
    "memory-encoding-h100.json": Figure(
        "Memory while encoding",
        "Ten times as many documents take hardly more memory: {peak MiB|500000:0} MiB for 500,000.",
        ("peak MiB",),
        {"peak MiB": ("", 0)},
    ),
    "training-h100.json": Figure(
        "Whole training steps on an H100",
        "With V = 30,522 the largest batch is {steps-30k|ratios|largest_batch:2} times the plain head's, with V = 250,002 {steps-250k|ratios|largest_batch:1} times.",
        ("steps-30k", "steps-250k", "checkpointed-250k"),
        _STEPS,
    ),
    "training-effect-h100.json": Figure(
        "Whether training comes out the same",
        "Three seeds with either head give the same nDCG@10 within the spread of the seeds, {spread:3}; untrained it is {untrained:3}.",
        ("runs|plain", "runs|fused"),
        {"seed": ("seed", 0), "nDCG@10": ("nDCG@10", 4)},
    ),
    "embedded-training.json": Figure(
        "Training a model of the embedded one's kind",
        "The best has nDCG@10 {found|second, 900 steps|CACM nDCG@10:3} on CACM; of the same run, {found|second, 5,500 steps|CACM nDCG@10:3} after more steps.",
        ("found",),
        {
            "CACM, nDCG@10": ("CACM nDCG@10", 4),
            "catalogue, nDCG@10": ("catalogue nDCG@10", 4),
            "catalogue, its own words": ("own words", 4),
            "catalogue, other words": ("other words", 4),
            "terms a passage of CACM": ("CACM terms", 0),
        },
    ),
    "embedded-heads-h100.json": Figure(
        "The embedded model's recipe with either head",
        "After the same steps nDCG@10 is {found|fused, 2,000 steps of 64|nDCG@10:3} with the fused head, its seeds {found|fused, 2,000 steps of 64|spread:3} apart, and {found|plain, 2,000 steps of 64|nDCG@10:3} with the plain one; a step takes {fused over plain|2,000 steps of 64|seconds a step:2} of the plain head's time and {fused over plain|2,000 steps of 64|peak GiB:2} of its memory.",
        ("found",),
        {
            "seeds": ("seeds", 0),
            "nDCG@10": ("nDCG@10", 4),
            "spread": ("spread", 4),
            "seeds at four fifths": ("seeds at four fifths", 0),
            "nDCG@10 there": ("nDCG@10 at four fifths", 4),
            "spread there": ("spread at four fifths", 4),
            "s a step": ("seconds a step", 3),
            "peak GiB": ("peak GiB", 1),
        },
    ),
    "cpu-encoding.json": Figure(
        "Encoding on 2 cores",
        "Sparton encodes {documents a second|sparton:0} documents a second, {ratio to pyserini:0} times as many as Pyserini's encoder and {ratio to the best of sentence-transformers:1} times the best of sentence-transformers.",
        ("documents a second",),
        {"documents/s (median)": ("", 1)},
    ),
    "indexing.json": Figure(
        "Vectors to Lucene on 2 cores",
        "With two processes it is {ratio at 2:1} times as fast as Anserini's IndexCollection, and the hits are the same.",
        ("anserini, threads: 1", "anserini, threads: 2", "sparton, processes: 1", "sparton, processes: 2"),
        {"seconds": ("seconds", 1), "peak MiB": ("peak_mib", 0), "index MiB": ("index_mib", 1)},
    ),
    "searching.json": Figure(
        "An encoded query to hits, 100,000 documents",
        "Ten hits with their texts take {latency|10|sparton, one segment|search|mean ms:2} ms in one segment, and {latency|10|anserini|search|mean ms:2} ms on Anserini's index.",
        ("latency|10", "latency|1000"),
        {
            "mean ms": ("search|mean ms", 2),
            "p99 ms": ("search|p99 ms", 2),
            "without texts, mean ms": ("rank|mean ms", 2),
        },
    ),
    "searching-growth.json": Figure(
        "Search time as an index grows",
        "Four times as many documents take {latency|10|400000|search|mean ms:2} ms instead of {latency|10|100000|search|mean ms:2}.",
        ("latency|10",),
        {"mean ms": ("search|mean ms", 2), "p99 ms": ("search|p99 ms", 2)},
    ),
    "search-at-500k.json": Figure(
        "Search among 500,000 passages",
        "Exact search takes {sizes|500000|k 10|exact|mean ms:2} ms for ten hits, Anserini {sizes|500000|k 10|anserini|mean ms:2} ms.",
        ("sizes|500000|k 10", "sizes|500000|k 1000"),
        _LATENCY,
    ),
    "filters.json": Figure(
        "Filters, facets and orders",
        "A filter that keeps 10 % takes {mean ms|keeps 10 %:2} ms, where no filter takes {mean ms|unfiltered:2} ms.",
        ("mean ms",),
        {"mean ms": ("", 2)},
    ),
    "query-latency.json": Figure(
        "A query as text to hits",
        "Ten hits take {k 10, mean ms|sparton:1} ms, and {k 10, mean ms|pyserini:1} ms by Pyserini with its encoder.",
        ("k 10, mean ms", "k 1000, mean ms"),
        {"mean ms": ("", 2)},
    ),
    "query-encoding.json": Figure(
        "A query of 8 words to its terms",
        "It takes {auto, 8 words, ms|query:2} ms, and took {auto, 8 words, ms|before:2} ms as texts of a batch are encoded.",
        ("auto, 8 words, ms", "int8, 8 words, ms"),
        {"ms": ("", 3)},
    ),
    "cold-start.json": Figure(
        "One query from a cold start",
        "The whole command takes {seconds|sparton search:1} s, a script with Pyserini {seconds|pyserini script:1} s.",
        ("seconds",),
        {"seconds (median)": ("", 2)},
    ),
    "inference-free.json": Figure(
        "The same with a model that queries do not run",
        "A table of token weights answers from a cold start in {cold_search_s|inference-free:2} s, `tiny` in {cold_search_s|masked LM:2} s.",
        ("cold_search_s",),
        {"seconds (median)": ("", 2)},
    ),
    "service.json": Figure(
        "The service, 64 clients at once",
        "It answers {new|requests/s:0} requests a second; an earlier state answered {old|requests/s:0}.",
        ("old", "new"),
        {"requests/s": ("requests/s", 1), "p50 ms": ("ms|p50", 0), "p99 ms": ("ms|p99", 0), "errors": ("errors", 0)},
    ),
    "soak-cpu.json": Figure(
        "Threads and clients for five minutes",
        "{threads|answers:0} answers to threads were compared with the query alone, and {threads|wrong:0} were wrong.",
        ("threads", "clients"),
        {"answers": ("answers", 0), "wrong": ("wrong", 0), "MiB at the end": ("MiB at the end", 0)},
    ),
    "updates.json": Figure(
        "Updates of 1 %",
        "New prices for 1 % of {times|documents:0} documents take {times|prices of 1 %|seconds:1} s, the build {times|build:0} s.",
        ("times",),
        {"seconds": ("seconds", 2), "share of the build": ("share of the build", 3)},
    ),
    "embedded-model.json": Figure(
        "The embedded models (CACM and the sample catalogue)",
        "On CACM nDCG@10 of small is {models|small|collection|all|model|nDCG@10:3}, of BM25 {models|small|collection|all|BM25|nDCG@10:3}.",
        ("models",),
        {
            "CACM": ("collection|all|model|nDCG@10", 4),
            "sample catalogue": ("sample catalogue|all|model|nDCG@10", 4),
            "own words": ("sample catalogue|own words|model|nDCG@10", 4),
            "other words": ("sample catalogue|other words|model|nDCG@10", 4),
            "documents/s": ("documents/s", 0),
            "query, ms": ("query ms", 2),
            "cold search, s": ("cold search s", 2),
        },
    ),
    "effectiveness-cacm.json": Figure(
        "Whether whole-number impacts find the same (CACM)",
        "nDCG@10 is {runs|sparton|nDCG@10:4}, and {runs|exact float|nDCG@10:4} with exact floats.",
        ("runs",),
        {name: (name, 4) for name in ("nDCG@10", "RR@10", "R@1000", "AP")},
    ),
    "pruning-cacm.json": Figure(
        "Documents with fewer terms (CACM)",
        "Without terms below a tenth of the heaviest nDCG@10 is {prunings|ratio 0.1|nDCG@10:4}, with all {prunings|all terms|nDCG@10:4}.",
        ("prunings",),
        _PRUNED,
    ),
    "pruning-natural.json": Figure(
        "Documents with fewer terms (natural text)",
        "At a ratio of 0.1 a document keeps {prunings|ratio 0.1|terms a document:0} of {prunings|all terms|terms a document:0} terms. There are no judgments; kept@10 is the share of the first ten hits that stay.",
        ("prunings",),
        _PRUNED,
    ),
    "exports.json": Figure(
        "Exports",
        "{documents:0} documents; recall is the share of the index's ten best that the other engine finds.",
        ("formats",),
        {
            "export, s": ("export seconds", 1),
            "load, s": ("load seconds", 1),
            "bytes": ("bytes", 0),
            "recall": ("recall", 4),
        },
    ),
    "memory.json": Figure(
        "Memory of a build on 2 cores",
        "20,000 documents take {peak MiB|20000:0} MiB, 2,000 take {peak MiB|2000:0}.",
        ("peak MiB",),
        {"peak MiB": ("", 0)},
    ),
    "reading.json": Figure(
        "Reading a corpus",
        "{rows:0} rows of Parquet are read in {formats|.parquet|seconds now:2} s.",
        ("formats",),
        {
            "seconds now": ("seconds now", 2),
            "before": ("seconds before", 2),
            "peak MiB now": ("peak MiB now", 0),
            "peak MiB before": ("peak MiB before", 0),
        },
    ),
    "cluster.json": Figure(
        "Ray on one machine of 2 cores",
        "Ray takes {ray / local:2} of the local engine's time, and writes the same.",
        ("seconds",),
        {"seconds (median)": ("", 1)},
    ),
    "busy-machine.json": Figure(
        "Encoding on a busy machine",
        "With three commands at once encoding is {times as fast, median of rounds|three at once|encoding:2} times as fast as before.",
        ("times as fast, median of rounds",),
        {"whole commands, times as fast": ("whole commands", 2), "encoding, times as fast": ("encoding", 2)},
    ),
}
