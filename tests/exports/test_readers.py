"""Exports, read by the engines that they are for: documents and fields value by value, and what queries find."""

import json
import math
from datetime import datetime

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.ciff import read_ciff
from support.exported import check_found, lines_of, score

from sparton.exports.qdrant import point_id


@pytest.mark.slow
def test_parquet_has_every_document_and_finds_the_same(shop, export):
    folder, report = export("parquet")
    rows = ds.dataset(sorted(map(str, folder.glob("documents-*.parquet")))).to_table().to_pylist()
    assert [row["id"] for row in rows] == list(shop.documents)
    for row, line in zip(rows, shop.documents.values(), strict=True):
        fields = {name: row[name] for name in ("brand", "price", "in_stock", "sizes") if row[name] is not None}
        if row["added"] is not None:
            fields["added"] = row["added"].isoformat().replace("+00:00", "Z")
        assert {"id": row["id"], "contents": row["text"], "fields": fields} == {
            name: line.get(name, {}) for name in ("id", "contents", "fields")
        }
        assert dict(zip(row["terms"], row["impacts"], strict=True)) == line["vector"]
    queries = pq.read_table(folder / "queries.parquet").to_pylist()
    assert {row["id"]: dict(zip(row["terms"], row["impacts"], strict=True)) for row in queries} == shop.queries
    texts = dict(line.split("\t") for line in shop.topics.read_text(encoding="utf-8").splitlines())
    assert {row["id"]: row["text"] for row in queries} == {name: texts[name] for name in shop.queries}
    found = {
        name: [one for _, one in sorted((-score(terms, vector), one) for one, vector in shop.vectors.items())][:10]
        for name, terms in shop.queries.items()
    }
    assert found == shop.ids  # the definition that the other formats are compared with
    assert (report.documents, report.queries, report.notes) == (300, 200, {})
    assert report.postings == sum(map(len, shop.vectors.values()))


@pytest.mark.slow
def test_seismic_finds_the_same(shop, export):
    seismic = pytest.importorskip("seismic", reason="pyseismic-lsr is not installed (extra seismic)")
    folder, report = export("seismic")
    assert [(line["id"], line["content"], line["vector"]) for line in lines_of(folder / "documents.jsonl")] == [
        (line["id"], line["contents"], line["vector"]) for line in shop.documents.values()
    ]
    # As exact as it can be: no list is cut, no block is passed over.
    index = seismic.SeismicIndex.build(
        str(folder / "documents.jsonl"), n_postings=10_000, max_fraction=1e6, summary_energy=1.0, num_threads=1
    )
    kind, found = seismic.get_seismic_string(), {}
    for line in lines_of(folder / "queries.jsonl"):
        tokens = np.array(list(line["vector"]), dtype=kind)
        weights = np.array(list(line["vector"].values()), dtype=np.float32)
        hits = index.search(line["id"], tokens, weights, k=10, query_cut=1_000, heap_factor=0.0)
        found[line["id"]] = [one for _, _, one in sorted(hits, key=lambda hit: -hit[1])]
    check_found(found, shop.queries, shop.vectors, shop.best)
    assert [index.get_doc_text(name) for name in shop.documents] == [one["contents"] for one in shop.documents.values()]
    assert report.notes == {}


@pytest.mark.slow
def test_bmp_reads_ciff_and_finds_what_8_bits_say(shop, export, tmp_path):
    bmp = pytest.importorskip("bmp", reason="bmp is not installed (extra test)")
    folder, report = export("ciff")
    header, lists, records = read_ciff(folder / "index.ciff")
    largest = max(max(vector.values()) for vector in shop.vectors.values())
    assert largest > 255
    ids = [record.collection_docid for record in records]
    assert ids == list(shop.documents)
    vectors = {name: {} for name in ids}
    for one in lists:
        row = 0
        for posting in one.postings:
            row += posting.docid
            vectors[ids[row]][one.term] = posting.tf
        assert (one.df, one.cf) == (len(one.postings), sum(posting.tf for posting in one.postings))
    assert vectors == {
        name: {term: max(1, math.floor(impact * 255 / largest + 0.5)) for term, impact in vector.items()}
        for name, vector in shop.vectors.items()
    }
    assert [one.term for one in lists] == sorted({term for vector in vectors.values() for term in vector})
    assert [record.doclength for record in records] == [sum(vector.values()) for vector in vectors.values()]
    assert (header.num_docs, header.num_postings_lists) == (300, len(lists))
    assert header.total_terms_in_collection == sum(record.doclength for record in records)
    assert report.notes == {
        f"impacts scaled to 8 bits, the largest being {largest}: round(impact × 255 / {largest}), or 1": report.postings
    }

    bmp.ciff2bmp(ciff_file=folder / "index.ciff", output=tmp_path / "index.bmp", bsize=8, compress_range=False)
    searcher, found = bmp.Searcher(str(tmp_path / "index.bmp")), 0
    for line in lines_of(folder / "queries.jsonl"):
        assert line["vector"] == shop.queries[line["qid"]]
        hits, scores = searcher.search({term: float(one) for term, one in line["vector"].items()}, 10, 1.0, 1.0)
        # BMP makes whole numbers up to 32 of a query's weights.
        scale = np.float32(32) / np.float32(max(line["vector"].values()))
        query = {term: math.ceil(np.float32(one) * scale) for term, one in line["vector"].items()}
        expected = sorted((score(query, vector) for vector in vectors.values()), reverse=True)[: len(hits)]
        assert [score(query, vectors[one]) for one in hits] == list(scores) == expected
        found += len(set(hits) & set(shop.ids[line["qid"]]))
    assert found / sum(map(len, shop.ids.values())) > 0.8


@pytest.mark.slow
def test_qdrant_finds_the_same(shop, export):
    qdrant = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed (extra test)")
    models = qdrant.models
    folder, report = export("qdrant")
    settings = models.CreateCollection.model_validate_json((folder / "collection.json").read_bytes())
    client = qdrant.QdrantClient(":memory:")
    client.create_collection("shop", vectors_config={}, sparse_vectors_config=settings.sparse_vectors)
    for request in lines_of(folder / "payload-indexes.jsonl"):
        models.CreateFieldIndex.model_validate(request)
    points = [
        point
        for path in sorted(folder.glob("points-*.json"))
        for point in models.PointsList.model_validate_json(path.read_bytes()).points
    ]
    client.upsert("shop", points)
    names = json.loads((folder / "terms.json").read_bytes())
    stored = client.retrieve("shop", [point_id(name) for name in shop.documents], with_vectors=True)
    by_id = {point.payload["id"]: point for point in stored}
    for name, line in shop.documents.items():
        assert by_id[name].payload == {"id": name, "text": line["contents"], "fields": line["fields"]}
        vector = by_id[name].vector["impacts"]
        terms = [names[number] for number in vector.indices]
        assert dict(zip(terms, vector.values, strict=True)) == line["vector"]
    found = {}
    for line in lines_of(folder / "queries.jsonl"):
        request = models.QueryRequest.model_validate(line["request"])
        hits = client.query_points(
            "shop", query=request.query, using=request.using, limit=request.limit, with_payload=request.with_payload
        )
        found[line["id"]] = [hit.payload["id"] for hit in hits.points]
    check_found(found, shop.queries, shop.vectors, shop.best)
    known = {term for vector in shop.vectors.values() for term in vector}
    lacking = sum(len(terms.keys() - known) for terms in shop.queries.values())
    assert lacking > 0
    assert report.notes == {"terms of queries left out that no document has": lacking}
    price = models.Filter(must=[models.FieldCondition(key="fields.price", range=models.Range(lt=100))])
    passing = {point.payload["id"] for point in client.scroll("shop", price, limit=1_000)[0]}
    assert passing == {name for name, line in shop.documents.items() if line["fields"]["price"] < 100}
    assert datetime.fromisoformat(by_id["a b"].payload["fields"]["added"])
