"""Whether the fused head trains as well as the plain one: loss curves and nDCG@10 on held-out queries, several seeds.

    python benchmarks/training_effect.py --out results.json

The model tiny is fine-tuned on the sample catalogue: queries of odd number with products graded 3, InfoNCE with
in-batch negatives (none that answers the same query) and FLOPS. Queries of even number are ranked at the end by exact
float scoring of all 698 products, each model with its own head. A seed decides the batches and the dropout, and both
heads get the same seeds, so that what differs within a seed is the head, and between seeds everything else.
"""

import argparse
import json
import platform
import statistics
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import ir_measures
import pyarrow.parquet as pq
import torch
import transformers
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer

from sparton.head import splade_head
from sparton.head.fuse import pass_on
from sparton.pipeline.model.files import find_model

MEASURE = ir_measures.parse_measure("nDCG@10")
HEADS = ("plain", "fused")


class Catalogue:
    """Products, queries and judgments of the sample catalogue, split by the number of the query."""

    def __init__(self) -> None:
        data = files("sparton.data")
        rows = pq.read_table(str(data / "catalog.parquet"), columns=["id", "title", "description"]).to_pylist()
        self.products = {row["id"]: f"{row['title']} {row['description']}" for row in rows}
        self.queries = dict(line.split("\t") for line in (data / "queries.tsv").read_text().splitlines())
        qrels = list(ir_measures.read_trec_qrels(str(data / "qrels.txt")))
        trained = {query for query in self.queries if int(query[1:]) % 2}
        self.pairs = [(q.query_id, q.doc_id) for q in qrels if q.query_id in trained and q.relevance == 3]
        self.held_out = [qrel for qrel in qrels if qrel.query_id not in trained]


class Model:
    """The embedded model tiny with one of the heads."""

    def __init__(self, head: str, device: str) -> None:
        folder = find_model("tiny").folder
        self.tokenizer, self.device, self.fused = AutoTokenizer.from_pretrained(folder), device, head == "fused"
        self.lm = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).to(device)
        self.decoder = self.lm.get_output_embeddings()
        if self.fused:
            pass_on(self.decoder)

    def encode(self, texts: list[str]) -> torch.Tensor:
        """Weights [B, V]."""
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        ids, mask = batch["input_ids"].to(self.device), batch["attention_mask"].to(self.device)
        logits = self.lm(input_ids=ids, attention_mask=mask).logits
        if self.fused:
            return splade_head(logits, self.decoder.weight, self.decoder.bias, mask)
        return (torch.log1p(torch.relu(logits)) * mask[:, :, None]).amax(dim=1)


def train(
    catalogue: Catalogue, head: str, seed: int, steps: int, batch: int, rate: float, device: str
) -> dict[str, Any]:
    """Loss of every step, and nDCG@10 of the held-out queries at the end."""
    model = Model(head, device)
    optimizer = torch.optim.AdamW(model.lm.parameters(), lr=rate)
    torch.manual_seed(seed)
    model.lm.train()
    losses = []
    for _ in range(steps):
        chosen = [catalogue.pairs[i] for i in torch.randperm(len(catalogue.pairs))[:batch]]
        queries = model.encode([catalogue.queries[query] for query, _ in chosen])
        documents = model.encode([catalogue.products[product] for _, product in chosen])
        same = torch.tensor([[a == b for b, _ in chosen] for a, _ in chosen], device=device)
        others = same & ~torch.eye(len(chosen), dtype=torch.bool, device=device)
        scores = (queries @ documents.T).masked_fill(others, float("-inf"))
        loss = nn.functional.cross_entropy(scores, torch.arange(len(chosen), device=device))
        loss = loss + sum(3e-4 * part.mean(dim=0).square().sum() for part in (queries, documents))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "nDCG@10": evaluate(model, catalogue)}


@torch.inference_mode()
def evaluate(model: Model, catalogue: Catalogue) -> float:
    """nDCG@10 of the held-out queries."""
    model.lm.eval()

    def encode(texts: list[str]) -> torch.Tensor:
        return torch.cat([model.encode(texts[start : start + 32]) for start in range(0, len(texts), 32)])

    held_out = sorted({qrel.query_id for qrel in catalogue.held_out})
    scores = encode([catalogue.queries[query] for query in held_out]) @ encode(list(catalogue.products.values())).T
    run = [
        ir_measures.ScoredDoc(query, product, score)
        for query, row in zip(held_out, scores.tolist(), strict=True)
        for product, score in zip(catalogue.products, row, strict=True)
    ]
    return float(ir_measures.calc_aggregate([MEASURE], catalogue.held_out, run)[MEASURE])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rate", type=float, default=5e-5, help="AdamW's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    catalogue = Catalogue()
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "device": arguments.device,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "steps": arguments.steps,
        "batch": arguments.batch_size,
        "rate": arguments.rate,
        "untrained": evaluate(Model("plain", arguments.device), catalogue),
        "runs": {head: [] for head in HEADS},
    }
    print(f"{len(catalogue.pairs)} pairs; untrained nDCG@10 {result['untrained']:.4f}", flush=True)
    for seed in range(arguments.seeds):
        for head in HEADS:
            begin = time.perf_counter()
            run = train(catalogue, head, seed, arguments.steps, arguments.batch_size, arguments.rate, arguments.device)
            result["runs"][head].append({"seed": seed, **run})
            print(
                f"seed {seed} {head:5}  loss {run['losses'][0]:.4f} to {run['losses'][-1]:.4f}"
                f"  nDCG@10 {run['nDCG@10']:.4f}  {time.perf_counter() - begin:.0f} s",
                flush=True,
            )
            if arguments.out:
                arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    plain, fused = ([run["nDCG@10"] for run in result["runs"][head]] for head in HEADS)
    pairs = [zip(*(run["losses"] for run in runs), strict=True) for runs in zip(*result["runs"].values(), strict=True)]
    apart = max(abs(a - b) for pair in pairs for a, b in pair)
    result |= {"spread": max(plain) - min(plain), "largest_difference_of_losses": apart}
    print(
        f"plain {statistics.fmean(plain):.4f}, fused {statistics.fmean(fused):.4f}, spread of the plain head's seeds "
        f"{result['spread']:.4f}; within a seed losses differ by {apart:.4f} at most"
    )
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
