"""Train a SPLADE model in a bare PyTorch loop: a Hugging Face masked LM, SpartonHead, InfoNCE and FLOPS.

    python examples/train_loop.py trained-model

The embedded model's side of documents learns from the sample catalogue: each query with a product that answers it
best.
"""

import argparse
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
import torch
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer

from sparton import SpartonHead
from sparton.head.fuse import pass_on
from sparton.pipeline.model.files import find_model


def catalogue_pairs() -> list[tuple[str, str]]:
    """Each query of the sample catalogue with every product graded 3."""
    data = files("sparton.data")
    rows = pq.read_table(str(data / "catalog.parquet"), columns=["id", "title", "description"]).to_pylist()
    products = {row["id"]: f"{row['title']} {row['description']}" for row in rows}
    queries = dict(line.split("\t") for line in (data / "queries.tsv").read_text().splitlines())
    judged = [line.split() for line in (data / "qrels.txt").read_text().splitlines()]
    return [(queries[query], products[product]) for query, _, product, grade in judged if grade == "3"]


def flops(weights: torch.Tensor) -> torch.Tensor:
    """The FLOPS regularizer (Paria et al., 2020): what it costs to match, from weights [B, V]."""
    return weights.mean(dim=0).square().sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the folder to save the trained model in")
    parser.add_argument("--model", default="small", help="an embedded model, a folder, or a name on the hub")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = find_model(arguments.model).documents.folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).to(device).train()

    # The head shares the output embedding's parameters, and the output embedding no longer multiplies.
    decoder = model.get_output_embeddings()
    head = SpartonHead(decoder.out_features, decoder.in_features, use_bias=decoder.bias is not None)
    head.tie_weights(decoder)
    pass_on(decoder)

    def encode(texts: list[str]) -> torch.Tensor:
        batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt").to(device)
        return head(model(**batch).logits, batch["attention_mask"])

    pairs = catalogue_pairs()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    for step in range(arguments.steps):
        texts, products = zip(*(pairs[i] for i in torch.randperm(len(pairs))[: arguments.batch_size]), strict=True)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            queries, documents = encode(list(texts)), encode(list(products))
        # Of the others in the batch, those are no negatives that answer the same query.
        same = torch.tensor([[a == b for b in texts] for a in texts], device=device)
        others = same & ~torch.eye(len(texts), dtype=torch.bool, device=device)
        # Scores are float32, outside of autocast: bfloat16 would round those above 128 to whole numbers.
        scores = (queries @ documents.T).masked_fill(others, float("-inf"))
        ranking = nn.functional.cross_entropy(scores, torch.arange(len(texts), device=device))
        loss = ranking + 5e-4 * flops(queries) + 3e-4 * flops(documents)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0 or step == arguments.steps - 1:
            terms = (documents > 0).sum(dim=1).float().mean()
            print(f"step {step:4}  loss {loss:.4f}  ranking {ranking:.4f}  terms a document {terms:.0f}")

    model.save_pretrained(arguments.output)
    tokenizer.save_pretrained(arguments.output)


if __name__ == "__main__":
    main()
