"""An index to be exported, and what its searches find, by the collection's own lines."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import sparton
from sparton.search.evaluation.run import encode_topics
from sparton.search.evaluation.topics import read_topics

ODD_IDS = ("a b", "ü/ö", 'quote"\\', "x%2Ey.z", "long" * 200)
FIELDS = ("brand", "price", "in_stock", "added", "sizes")
QUERIES = 200


@dataclass(frozen=True)
class Shop:
    """An index, and topics for it."""

    index: Path
    topics: Path

    @cached_property
    def documents(self):
        """The lines of the collection by id, in order."""
        parts = sorted((self.index / "collection").glob("part-*.jsonl"))
        lines = (json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").splitlines())
        return {line["id"]: line for line in lines}

    @cached_property
    def vectors(self):
        """{id: {term: impact}}."""
        return {name: line["vector"] for name, line in self.documents.items()}

    @cached_property
    def queries(self):
        """{id: {term: impact}} of the topics that have a term."""
        with sparton.Searcher(self.index) as searcher:
            return {name: terms for name, terms in encode_topics(searcher, read_topics(self.topics)) if terms}

    @cached_property
    def best(self):
        """The scores of the ten best documents of each query, as a search finds them."""
        with sparton.Searcher(self.index) as searcher:
            return {
                name: [score for _, score in searcher.rank_terms(terms, 10)] for name, terms in self.queries.items()
            }

    @cached_property
    def ids(self):
        """The ten best documents of each query, as a search finds them."""
        with sparton.Searcher(self.index) as searcher:
            return {name: [one for one, _ in searcher.rank_terms(terms, 10)] for name, terms in self.queries.items()}


def make_shop(folder, catalog, model):
    """An index of 300 products in three parts, five of which have odd ids, and 200 topics: the sample queries, and
    titles."""
    table = pq.read_table(catalog).slice(0, 300)
    ids = [*ODD_IDS, *table["id"].to_pylist()[len(ODD_IDS) :]]
    texts = [f"{text}, and 1.5. %" for text in table["title"].to_pylist()]
    columns = {name: table[name] for name in FIELDS}
    pq.write_table(pa.table({"id": ids, "text": texts, **columns}), folder / "shop.parquet")
    sparton.build_index(folder / "shop.parquet", folder / "index", model=str(model), fields=FIELDS, shard_rows=100)
    queries = Path(catalog).with_name("queries.tsv").read_text(encoding="utf-8").splitlines()
    titles = [f"t{row}\t{title}" for row, title in enumerate(pq.read_table(catalog)["title"].to_pylist()[300:])]
    topics = [f"{line} for the shoulder, as word7" for line in [*queries, *titles][:QUERIES]]  # a term that no text has
    (folder / "topics.tsv").write_text("\n".join(topics) + "\n", encoding="utf-8")
    return Shop(folder / "index", folder / "topics.tsv")


def score(query, vector):
    """The sum over terms of query impact x document impact."""
    return sum(impact * vector.get(term, 0) for term, impact in query.items())


def check_found(found, queries, vectors, best):
    """Whether what was found for each query has the scores of the best documents: equal ones may be in any order.

    found: {query: [id, …]}. vectors: of documents, as the reader has them.
    """
    assert found.keys() == queries.keys()
    for name, ids in found.items():
        assert len(set(ids)) == len(ids)
        assert [score(queries[name], vectors[one]) for one in ids] == best[name], name


def lines_of(path):
    """The values of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def files_of(folder):
    """The bytes of all files below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
