"""The model card of an exported folder."""

import json
from pathlib import Path
from typing import Any

from runs import CHECKPOINT, LOG, read_checkpoint

_CARD = """---
license: apache-2.0
language: en
library_name: sentence-transformers
pipeline_tag: feature-extraction
base_model: sentence-transformers/all-MiniLM-L6-v2
tags: [sparse-encoder, splade, inference-free, asymmetric]
---

# An inference-free sparse retrieval model

Documents are encoded by MiniLM-L6-H384 (22.7 M parameters, 256 tokens at most), queries by a table of one weight a
token, so that a search runs no model. Trained by Sparton's `examples/train_embedded` in {steps:,} steps: distillation
from all-MiniLM-L6-v2 and BM25, InfoNCE, FLOPS.

    sparton index corpus.parquet --model FOLDER --index an-index
    SparseEncoder(FOLDER).encode_document(texts)

`lexical.json` has Sparton weigh the own words of documents, and how rare a query's are in the collection
(docs/models.md, "Words as such"). SparseEncoder gives the weights without that.

## Training

Settings: {settings}.

At the end: {last}.

The texts and their licences are listed by who made the collection; the recipe's README says of which kinds they are.

## Found on held-out queries

The mean over sources, of the sample catalogue over all its queries.

| | |
|---|---:|
{table}
"""


def write_card(folder: Path, run: Path, results: dict[str, Any]) -> None:
    """README.md, filled from the run's settings and log, and from what evaluate.py found."""
    settings = read_checkpoint(run / CHECKPOINT)["settings"]
    lines = [json.loads(line) for line in (run / LOG).read_text(encoding="utf-8").splitlines()]
    last = next(line for line in reversed(lines) if "kl" in line)
    table = [
        f"| {measure}, {way} | {means[next(iter(means))]:.4f} |"
        for measure, ways in results.items()
        if isinstance(ways, dict)
        for way, means in ways.items()
    ]
    (folder / "README.md").write_text(
        _CARD.format(
            steps=last["step"] + 1,
            settings=", ".join(f"{name} {value}" for name, value in settings.items()),
            last=", ".join(f"{name} {value:.4g}" for name, value in last.items() if name not in ("step", "seconds")),
            table="\n".join(table),
        ),
        encoding="utf-8",
    )
