"""What 10^8, 10^9 and 10^10 passages cost, from the unit costs that the other benchmarks have stored.

    python benchmarks/scale.py

Nothing here was run at such a size: bytes and hours are unit costs times passages, and a search's time is the power of
the number of documents that two measured sizes give. docs/scale.md says what breaks first, and what to do about it.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
SIZES = (10**8, 10**9, 10**10)
# Microseconds of a core for a passage of 75 tokens and 175 terms (docs/encoding.md, "Keeping a GPU fed").
TOKENIZING, FORMATTING = 26, 11
# Of one Lucene index, and of several that are searched as one: IndexWriter.MAX_DOCS.
MOST_DOCUMENTS = 2**31 - 1 - 128


@dataclass(frozen=True, slots=True)
class Units:
    """Costs of one passage, and a search's time.

    line_bytes: of JsonVectorCollection. gpu_s: of an H100 for a BERT-base, the whole pipeline. host_s: of a core beside
    it. index_s: of a core for Lucene. search_ms: at `searched` documents, growing with their number to the power
    `growth`.
    """

    line_bytes: float
    postings: float
    gpu_s: float
    host_s: float
    index_s: float
    index_bytes: float
    searched: int
    search_ms: float
    growth: float


def read(name: str) -> Any:
    return json.loads((RESULTS / name).read_text())


def measured() -> Units:
    """From the stored results. Indexing and searching were measured on synthetic vectors, per posting."""
    encoding, indexing, searching = (read(f"{name}.json") for name in ("encoding-h100", "indexing", "searching-growth"))
    postings = encoding["sparton"]["terms a document"]
    seconds = sorted(run["seconds"] for run in indexing["sparton, processes: 1"])
    sizes = {name: found["documents"] for name, found in searching["indexes"].items()}
    small, large = sorted(sizes, key=sizes.__getitem__)
    times = {name: found["search"]["mean ms"] for name, found in searching["latency"]["10"].items()}
    return Units(
        line_bytes=encoding["sparton"]["bytes"] / encoding["documents"],
        postings=postings,
        gpu_s=1 / encoding["sparton"]["documents/s"],
        host_s=(TOKENIZING + FORMATTING) * 1e-6,
        index_s=seconds[len(seconds) // 2] / indexing["postings"] * postings,
        index_bytes=indexing["sparton, processes: 1"][0]["index_mib"] * 2**20 / indexing["postings"] * postings,
        searched=sizes[large],
        search_ms=times[large],
        growth=math.log(times[large] / times[small]) / math.log(sizes[large] / sizes[small]),
    )


def main() -> None:
    units = measured()
    rows: dict[str, list[str]] = {
        "H100 hours": [f"{size * units.gpu_s / 3600:,.1f}" for size in SIZES],
        "core hours beside the GPU": [f"{size * units.host_s / 3600:,.0f}" for size in SIZES],
        "core hours for Lucene": [f"{size * units.index_s / 3600:,.0f}" for size in SIZES],
        "JSON lines, TB": [f"{size * units.line_bytes / 1e12:,.2f}" for size in SIZES],
        "postings, billions": [f"{size * units.postings / 1e9:,.0f}" for size in SIZES],
        "Lucene index, TB": [f"{size * units.index_bytes / 1e12:,.2f}" for size in SIZES],
        "Lucene indexes at least": [f"{math.ceil(size / MOST_DOCUMENTS)}" for size in SIZES],
        "checking ids, GB of memory": [f"{size * 16 / 1e9:,.1f}" for size in SIZES],
        "shards of 8,192 rows": [f"{math.ceil(size / 8192):,}" for size in SIZES],
        "one query, one core, k = 10, s": [
            f"{units.search_ms / 1e3 * (size / units.searched) ** units.growth:,.1f}" for size in SIZES
        ],
        "the same, were it proportional": [f"{units.search_ms / 1e3 * size / units.searched:,.1f}" for size in SIZES],
        "machines for the first in 0.1 s": [
            f"{max(1, math.ceil(size / units.searched / (100 / units.search_ms) ** (1 / units.growth))):,}"
            for size in SIZES
        ],
    }
    print(f"{units}\n")
    print("| | " + " | ".join(f"{size:.0e}".replace("e+", "e") for size in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
