"""Effectiveness of an index on a judged collection, beside exact float scoring by the same model, in one run.

    python benchmarks/effectiveness.py corpus.parquet topics.tsv qrels.txt

Exact scoring is the plain Hugging Face model: log1p(relu(max of its own logits)), float32, no quantization, no index.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import ir_measures
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import sparton
from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.columns import choose_columns
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
from sparton.pipeline.model.files import find_model

MEASURES = [ir_measures.parse_measure(name) for name in ("nDCG@10", "RR@10", "R@1000", "AP")]
Scored = Iterator[ir_measures.ScoredDoc]


def indexed_run(searcher: sparton.Searcher, topics: dict[str, str], k: int) -> Scored:
    """What `sparton search` finds."""
    for query, text in topics.items():
        for hit in searcher.search(text, k):
            yield ir_measures.ScoredDoc(query, hit.id, hit.score)


@torch.inference_mode()
def exact_run(model: str, corpus: Path, topics: dict[str, str], k: int) -> Scored:
    """The plain model's float weights and dense dot products."""
    folder = find_model(model).folder
    tokenizer, plain = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()

    def weights(texts: Sequence[str]) -> torch.Tensor:
        rows = []
        for text in texts:
            batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=512)
            rows.append(torch.log1p(torch.relu(plain(**batch).logits[0].amax(dim=0))).to_sparse())
        return torch.stack(rows).coalesce().to_sparse_csr()

    source = Corpus([corpus])
    columns = choose_columns(source)
    (shard,) = read_shards(source.rows(columns.all), 10**9, partial(checked, columns=columns, skip_bad=False))
    documents = weights(shard.documents.texts)
    queries = weights(list(topics.values())).to_dense()
    scores = (documents @ queries.T).T
    for query, row in zip(topics, scores, strict=True):
        best = torch.topk(row, min(k, len(row)))
        for score, number in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            yield ir_measures.ScoredDoc(query, shard.documents.ids[number], score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("topics", type=Path, help="query id, tab, text")
    parser.add_argument("qrels", type=Path, help="TREC judgments")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("-k", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    qrels = list(ir_measures.read_trec_qrels(str(arguments.qrels)))
    judged = {qrel.query_id for qrel in qrels}
    lines = (line.split("\t", 1) for line in arguments.topics.read_text(encoding="utf-8").splitlines())
    topics = {query: text for query, text in lines if query in judged}
    with tempfile.TemporaryDirectory() as folder:
        report = sparton.build_index(arguments.corpus, folder, model=arguments.model)
        runs = {
            "sparton": indexed_run(sparton.Searcher(folder), topics, arguments.k),
            "exact float": exact_run(arguments.model, arguments.corpus, topics, arguments.k),
        }
        result = {
            "documents": report.counts.documents,
            "terms a document": report.counts.postings / report.counts.documents,
            "judged queries": len(topics),
            "runs": {
                name: {str(key): value for key, value in ir_measures.calc_aggregate(MEASURES, qrels, run).items()}
                for name, run in runs.items()
            },
        }
    print(f"{result['documents']} documents, {result['terms a document']:.1f} terms each, {len(topics)} judged queries")
    for name, values in result["runs"].items():
        print(f"{name:12} " + "  ".join(f"{measure} {values[str(measure)]:.4f}" for measure in MEASURES))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
