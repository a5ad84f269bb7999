"""Train a SPLADE model with sentence-transformers' own trainer and no logits: one line more, sparton.fuse.

    pip install 'sparton[train]'
    python examples/train_sentence_transformers.py trained-model
    sparton index data/catalog.parquet --model trained-model --index trained-index

The embedded model's side of documents learns from the sample catalogue: each query with the products that answer it
best.
"""

import argparse
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset
from sentence_transformers import SparseEncoder, SparseEncoderTrainer, SparseEncoderTrainingArguments
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss
from sentence_transformers.training_args import BatchSamplers

import sparton
from sparton.pipeline.model.files import find_model


def catalogue_pairs() -> Dataset:
    """Each query of the sample catalogue with every product graded 3."""
    data = files("sparton.data")
    rows = pq.read_table(str(data / "catalog.parquet"), columns=["id", "title", "description"]).to_pylist()
    products = {row["id"]: f"{row['title']} {row['description']}" for row in rows}
    queries = dict(line.split("\t") for line in (data / "queries.tsv").read_text().splitlines())
    judged = [line.split() for line in (data / "qrels.txt").read_text().splitlines()]
    best = [(query, product) for query, _, product, grade in judged if grade == "3"]
    return Dataset.from_dict({"query": [queries[q] for q, _ in best], "product": [products[p] for _, p in best]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the folder to save the trained model in")
    parser.add_argument("--model", default="small", help="an embedded model, a folder, or a name on the hub")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()

    model = SparseEncoder(str(find_model(arguments.model).documents.folder))
    sparton.fuse(model)
    loss = SpladeLoss(
        model,
        SparseMultipleNegativesRankingLoss(model),
        document_regularizer_weight=3e-4,
        query_regularizer_weight=5e-4,
    )
    settings = SparseEncoderTrainingArguments(
        output_dir=str(arguments.output / "checkpoints"),
        num_train_epochs=arguments.epochs,
        per_device_train_batch_size=arguments.batch_size,
        learning_rate=5e-5,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
    )
    SparseEncoderTrainer(model, settings, train_dataset=catalogue_pairs(), loss=loss).train()
    # A folder as any: sentence-transformers loads it with or without Sparton.
    model.save(str(arguments.output), create_model_card=False)


if __name__ == "__main__":
    main()
