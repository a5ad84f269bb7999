"""Exports for engines that are servers, held against the rules that these publish, and searched by Lucene where they
have Lucene search."""

import json
import re
import struct
import xml.etree.ElementTree as ElementTree
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest
from support.ciff import read_ciff
from support.exported import check_found, lines_of, score

import sparton
from sparton.exports import bulk, files, qdrant
from sparton.exports.bulk import Bulk
from sparton.exports.ciff import Ciff
from sparton.exports.documents import Document, Query
from sparton.exports.elasticsearch import Elasticsearch
from sparton.exports.format import Target
from sparton.exports.opensearch import OpenSearch
from sparton.exports.parquet import Parquet
from sparton.exports.qdrant import Qdrant
from sparton.exports.vespa import Vespa
from sparton.indexer.java import java_class, to_java
from sparton.storage.fields import Field

LUCENE = "org.apache.lucene"
BULK = {"opensearch": "rank_features", "elasticsearch": "sparse_vector"}


class Features:
    """A Lucene index of FeatureFields, which is what `rank_features` and `sparse_vector` are."""

    def __init__(self, documents):
        directory = java_class(f"{LUCENE}.store.ByteBuffersDirectory")()
        writer = java_class(f"{LUCENE}.index.IndexWriter")(directory, java_class(f"{LUCENE}.index.IndexWriterConfig")())
        feature, document = java_class(f"{LUCENE}.document.FeatureField"), java_class(f"{LUCENE}.document.Document")
        for features in documents:
            added = document()
            for name, value in features.items():
                added.add(feature("impacts", to_java(name), value))
            writer.addDocument(added)
        writer.close()
        reader = java_class(f"{LUCENE}.index.DirectoryReader").open(directory)
        self._searcher = java_class(f"{LUCENE}.search.IndexSearcher")(reader)

    def best(self, weights, boosted):
        """Numbers and scores of the ten best. boosted: whether weights go around queries, as Elasticsearch has them,
        and not into them, as OpenSearch has them, where none may be above 64."""
        feature, clause = (
            java_class(f"{LUCENE}.document.FeatureField"),
            java_class(f"{LUCENE}.search.BooleanClause$Occur"),
        )
        builder = java_class(f"{LUCENE}.search.BooleanQuery$Builder")()
        for name, weight in weights.items():
            query = feature.newLinearQuery("impacts", to_java(name), 1.0 if boosted else weight)
            if boosted:
                query = java_class(f"{LUCENE}.search.BoostQuery")(query, weight)
            builder.add(query, clause.SHOULD)
        return [(int(hit.doc), float(hit.score)) for hit in self._searcher.search(builder.build(), 10).scoreDocs]


def actions_of(folder):
    """Ids and sources of bulk requests: a line that says what to do, and the document."""
    for path in sorted(folder.glob("documents-*.ndjson")):
        assert path.read_bytes().endswith(b"\n")
        lines = lines_of(path)
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            assert action.keys() == {"index"}
            assert action["index"].keys() == {"_id"}
            yield action["index"]["_id"], source


@pytest.mark.parametrize("name", BULK)
def test_bulk_requests_are_what_the_mapping_takes(shop, export, name):
    folder, report = export(name)
    mappings = json.loads((folder / "index.json").read_bytes())["mappings"]
    properties, fields = mappings["properties"], mappings["properties"]["fields"]["properties"]
    assert properties["impacts"] == {"type": BULK[name]}
    assert {field: one["type"] for field, one in fields.items()} == {
        "brand": "keyword",
        "price": "double",
        "in_stock": "boolean",
        "added": "date",
        "sizes": "keyword",
    }
    actions = dict(actions_of(folder))
    assert len(actions) == len(shop.documents)
    assert all(0 < len(one.encode()) <= 512 for one in actions)
    assert [one for one in actions if one not in shop.documents] == [one for one in actions if one[:8] == "blake2b:"]
    renamed = spelled = 0
    for (given, source), line in zip(actions.items(), shop.documents.values(), strict=True):
        assert source.keys() <= properties.keys()
        assert (source["id"], source["text"], source["fields"]) == (line["id"], line["contents"], line["fields"])
        assert not any("." in term for term in source["impacts"])
        assert {unquote(term): impact for term, impact in source["impacts"].items()} == line["vector"]
        assert all(impact > 0 for impact in source["impacts"].values())
        renamed += given != line["id"]
        spelled += sum(term in ".%" for term in line["vector"])
    assert renamed == 1
    queries = sum(term in ".%" for terms in shop.queries.values() for term in terms)
    assert report.notes == {
        "ids of more than 512 bytes, of which _id is a digest": 1,
        "impacts of terms that are spelled anew, a dot as %2E and a percent sign as %25": spelled + queries,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", BULK)
def test_lucenes_features_find_the_same(shop, export, name):
    folder, _ = export(name)
    sources = [source for _, source in actions_of(folder)]
    index, ids, found = Features([source["impacts"] for source in sources]), list(shop.documents), {}
    lines = lines_of(folder / "queries.ndjson")
    assert lines[::2] == [{}] * len(shop.queries)
    for search in lines[1::2]:
        assert search.keys() == {"query", "size", "_source"}
        asked = search["query"]["bool"]
        (query,) = asked["must"]
        if name == "opensearch":
            weights = query["neural_sparse"]["impacts"]["query_tokens"]
        else:
            assert (query["sparse_vector"]["field"], query["sparse_vector"]["prune"]) == ("impacts", False)
            weights = query["sparse_vector"]["query_vector"]
        hits = index.best(weights, boosted=name == "elasticsearch")
        found[asked["_name"]] = [ids[number] for number, _ in hits]
        scale = max(shop.queries[asked["_name"]].values()) / max(weights.values())
        assert [score * scale for _, score in hits] == shop.best[asked["_name"]]
    check_found(found, shop.queries, shop.vectors, shop.best)


def test_what_lucenes_features_cut_off_is_counted(tmp_path):
    impacts = {str(impact): impact for impact in (1, 255, 511, 512, 513, 1_022, 1_023, 1_024, 1_026, 70_001)}
    index = Features([impacts])
    cut = {}
    for name, impact in impacts.items():
        (bits,) = struct.unpack(">i", struct.pack(">f", impact))
        (kept,) = struct.unpack(">f", struct.pack(">i", bits >> 15 << 15))
        assert index.best({name: 1.0}, boosted=False) == [(0, kept)]
        cut[name] = kept != impact
    documents = tmp_path / "documents-0-000.ndjson"
    notes = Counter()
    Bulk(Target(tmp_path, ()), "rank_features", dict).write("0", [Document("d", None, {}, impacts)], notes)
    assert [name for name, lost in cut.items() if lost] == ["513", "1023", "1026", "70001"]
    assert notes == {"impacts above 511 that Lucene cuts to 9 significant bits": 4}
    assert lines_of(documents)[1] == {"id": "d", "impacts": impacts}


def test_names_of_fields_with_dots_are_no_objects(tmp_path):
    target = Target(tmp_path, (Field("price", "number"), Field("price.amount", "number"), Field("50%", "strings")))
    Bulk(target, "rank_features", dict).describe()
    properties = json.loads((tmp_path / "index.json").read_bytes())["mappings"]["properties"]
    assert list(properties["fields"]["properties"]) == ["price", "price%2Eamount", "50%25"]


@pytest.mark.parametrize("name", ["opensearch", "vespa", "qdrant"])
def test_files_are_of_bounded_size_and_hold_the_same(shop, export, tmp_path, monkeypatch, name):
    large, _ = export(name)
    monkeypatch.setattr(files, "BOUND", 20_000)
    sparton.export_index(shop.index, name, tmp_path / "small")

    def load(folder):
        paths = sorted([*folder.glob("documents-*"), *folder.glob("points-*")])
        if name == "qdrant":
            return paths, [point for path in paths for point in json.loads(path.read_bytes())["points"]]
        return paths, [line for path in paths for line in lines_of(path)]

    paths, content = load(tmp_path / "small")
    whole, expected = load(large)
    assert content == expected
    assert len(paths) > len(whole) == 3
    assert all(path.stat().st_size < 20_100 for path in paths)


def test_vespas_documents_are_what_the_schema_takes(shop, export):
    folder, report = export("vespa")
    services = ElementTree.parse(folder / "application" / "services.xml").getroot()
    assert [one.get("type") for one in services.iter("document")] == ["doc"]
    schema = (folder / "application" / "schemas" / "doc.sd").read_text(encoding="utf-8")
    assert schema.count("{") == schema.count("}")
    types = dict(re.findall(r"field ([A-Za-z_][A-Za-z0-9_]*) type (\S+) \{", schema))
    assert types == {
        "id": "string",
        "text": "string",
        "impacts": "weightedset<string>",
        "brand": "string",
        "price": "double",
        "in_stock": "bool",
        "added": "long",
        "sizes": "array<string>",
    }
    lines = [line for path in sorted(folder.glob("documents-*.jsonl")) for line in lines_of(path)]
    spelled = 0
    for put, line in zip(lines, shop.documents.values(), strict=True):
        assert put["put"] == f"id:sparton:doc::{line['id'].replace('%', '%25')}"
        fields = put["fields"]
        assert (fields.pop("id"), fields.pop("text")) == (line["id"], line["contents"])
        assert {unquote(term): impact for term, impact in fields.pop("impacts").items()} == line["vector"]
        added, expected = fields.pop("added"), dict(line["fields"])
        assert datetime.fromtimestamp(added / 1_000_000, UTC).isoformat() == expected.pop("added").replace(
            "Z", "+00:00"
        )
        assert fields == expected
        spelled += "%" in line["vector"]
    found = {}
    for line in lines_of(folder / "queries.jsonl"):
        request = line["request"]
        assert request["yql"] == "select id from doc where {totalTargetHits:10}wand(impacts, @terms)"
        # Vespa reads names up to the next quote, and knows no escapes there.
        assert re.fullmatch(r'\{("[^"]*":[0-9]+,?)+\}', request["terms"])
        terms = {unquote(name): int(weight) for name, weight in re.findall(r'"([^"]*)":([0-9]+)', request["terms"])}
        assert terms == shop.queries[line["id"]]
        found[line["id"]] = [
            one for _, one in sorted((-score(terms, vector), one) for one, vector in shop.vectors.items())
        ][:10]
    check_found(found, shop.queries, shop.vectors, shop.best)
    spelled += sum("%" in terms for terms in shop.queries.values())
    note = "impacts of terms that are spelled anew, quotes, percent signs and odd characters as in URLs"
    assert report.notes == ({note: spelled} if spelled else {})


def test_vespas_names_and_texts_are_those_that_it_takes(tmp_path):
    fields = [Field(name, "string") for name in ("text", "price.amount", "Price_Amount", "3d", "größe", "ID")]
    vespa, notes = Vespa(Target(tmp_path, fields)), Counter()
    vespa.describe()
    schema = (tmp_path / "application" / "schemas" / "doc.sd").read_text(encoding="utf-8")
    named = re.findall(r"# (.+)\n        field (\S+) type", schema)
    assert named == [
        ("'text'", "text_2"),
        ("'price.amount'", "price_amount"),
        ("'Price_Amount'", "Price_Amount_2"),
        ("'3d'", "field_3d"),
        (r"'gr\xf6\xdfe'", "gr__e"),
        ("'ID'", "ID_2"),
    ]
    values = {"text": "a\0b", "größe": "c"}
    vespa.write("0", [Document("i\x01d%", "x\ufffey", values, {'"': 3, "%22": 4, "\x02": 5, "a": 6})], notes)
    (put,) = lines_of(tmp_path / "documents-0-000.jsonl")
    assert put == {
        "put": "id:sparton:doc::i%01d%25",
        "fields": {
            "id": "i\ufffdd%",
            "text": "x\ufffdy",
            "impacts": {"%22": 3, "%2522": 4, "%02": 5, "a": 6},
            "text_2": "a\ufffdb",
            "gr__e": "c",
        },
    }
    assert notes == {
        "texts in which a character that Vespa does not take became U+FFFD": 3,
        "impacts of terms that are spelled anew, quotes, percent signs and odd characters as in URLs": 3,
    }


NUMBERS = {"a": 9_007_199_254_740_993, "b": 1e30, "c": 9_007_199_254_740_992, "d": 0.1}
NUMBER_NOTE = {"whole numbers beyond 2^53 in fields, rounded to a double": 1}


def test_whole_numbers_that_no_double_is_are_rounded_and_counted(tmp_path):
    target = Target(tmp_path, [Field(name, "number") for name in NUMBERS])
    expected = {**NUMBERS, "a": 9_007_199_254_740_992}
    parquet, notes = Parquet(target), Counter()
    parquet.write("0", [Document("d", None, NUMBERS, {"x": 1})], notes)
    (row,) = pq.read_table(tmp_path / "documents-0.parquet").to_pylist()
    assert {name: row[name] for name in NUMBERS} == expected
    assert notes == NUMBER_NOTE
    vespa, notes = Vespa(target), Counter()
    vespa.write("0", [Document("d", None, NUMBERS, {"x": 1})], notes)
    (put,) = lines_of(tmp_path / "documents-0-000.jsonl")
    assert {name: put["fields"][name] for name in NUMBERS} == expected
    assert notes == NUMBER_NOTE


def test_no_two_columns_differ_in_case_alone(tmp_path):
    names = ("text", "field.text", "field.field.text", "Brand", "brand", "IMPACTS")
    target = Target(tmp_path, [Field(name, "string") for name in names])
    values = {name: f"value of {name}" for name in names}
    Parquet(target).write("0", [Document("d", "t", values, {"x": 1})], Counter())
    (row,) = pq.read_table(tmp_path / "documents-0.parquet").to_pylist()
    assert row == {
        "id": "d",
        "text": "t",
        "field.field.field.text": "value of text",
        "field.text": "value of field.text",
        "field.field.text": "value of field.field.text",
        "Brand": "value of Brand",
        "field.brand": "value of brand",
        "field.IMPACTS": "value of IMPACTS",
        "terms": ["x"],
        "impacts": [1],
    }
    assert len({name.lower() for name in row}) == len(row)


def test_what_a_date_leaves_off_is_counted(tmp_path):
    times = {"a": "2026-11-26T08:00:00.123456Z", "b": "1955-11-26T08:00:00.123Z", "c": "1955-11-26T08:00:00.0001Z"}
    notes = Counter()
    bulk = Bulk(Target(tmp_path, [Field(name, "timestamp") for name in (*times, "d")]), "rank_features", dict)
    bulk.write("0", [Document("d", None, times, {"x": 1})], notes)
    assert lines_of(tmp_path / "documents-0-000.ndjson")[1]["fields"] == times
    assert notes == {"timestamps that are searched for in milliseconds, the rest being in _source alone": 2}


def test_strings_that_are_too_long_to_be_searched_for_are_counted(tmp_path):
    values = {"a": "x" * 8_191, "b": "x" * 8_192, "c": ["y", "ü" * 9_000, "z" * 8_192]}
    notes = Counter()
    fields = [Field("a", "string"), Field("b", "string"), Field("c", "strings"), Field("d", "strings")]
    Bulk(Target(tmp_path, fields), "rank_features", dict).write("0", [Document("d", None, values, {"x": 1})], notes)
    assert lines_of(tmp_path / "documents-0-000.ndjson")[1]["fields"] == values
    assert notes == {"strings of more than 8,191 characters, which are in _source and not searched for": 3}


@pytest.mark.parametrize(
    ("made", "module", "most", "words"),
    [
        (OpenSearch, bulk, 100, "100 MiB that a request may have, unless http.max_content_length says more"),
        (Elasticsearch, bulk, 100, "100 MiB that a request may have, unless http.max_content_length says more"),
        (Qdrant, qdrant, 32, "32 MiB that a request may have, unless service.max_request_size_mb says more"),
    ],
)
def test_documents_that_no_request_can_have_are_written_and_counted(tmp_path, monkeypatch, made, module, most, words):
    assert most * 2**20 == module._MOST_BYTES
    documents = [Document(name, name * 2_000, {}, {"x": 1}) for name in "abc"] + [Document("d", "e", {}, {"x": 1})]
    target, notes = Target(tmp_path, (), {"x": 0}), Counter()
    made(target).write("0", documents, notes)
    assert notes == {}
    (whole,) = tmp_path.glob("*-0-000.*")
    content = whole.read_bytes()
    monkeypatch.setattr(module, "_MOST_BYTES", 1_000)
    made(target).write("0", documents, notes)
    assert whole.read_bytes() == content
    assert notes == {f"documents of more than the {words}": 3}


def test_queries_of_more_terms_than_are_taken_are_written_and_counted(tmp_path):
    queries = [Query(str(count), None, dict.fromkeys(map(str, range(count)), 1)) for count in (1, 1_024, 1_025, 2_000)]
    for made, counted in ((OpenSearch, 2), (Elasticsearch, None)):
        notes = Counter()
        made(Target(tmp_path, ())).write_queries(queries, notes)
        setting = "indices.query.bool.max_clause_count"
        words = f"queries of more than the 1,024 terms that are taken, unless {setting} says more"
        assert notes == ({words: counted} if counted else {})
        names = [line["query"]["bool"]["_name"] for line in lines_of(tmp_path / "queries.ndjson") if line]
        assert names == [query.id for query in queries]


def test_names_of_fields_with_quotes_are_paths_of_qdrants(tmp_path):
    qdrant = Qdrant(Target(tmp_path, [Field('15" screen', "string"), Field("a.b", "string")], {"x": 0}))
    qdrant.describe()
    indexes = lines_of(tmp_path / "payload-indexes.jsonl")
    qdrant.write("0", [Document("d", None, {'15" screen': "matt", "a.b": "c"}, {"x": 1})], Counter())
    (point,) = json.loads((tmp_path / "points-0-000.json").read_bytes())["points"]
    assert [index["field_name"] for index in indexes] == ['fields."15%22 screen"', 'fields."a.b"']
    assert point["payload"]["fields"] == {"15%22 screen": "matt", "a.b": "c"}


def test_ciff_of_small_impacts_is_exact_and_reads_large_numbers(tmp_path):
    # Rows beyond 127 and 16,383 take more bytes, and so do impacts beyond 127.
    rows = {0: {"a": 1, "ü": 255}, 1: {"a": 127}, 130: {"a": 128}, 20_000: {"a": 255, "b": 3}}
    ciff, notes = Ciff(Target(tmp_path, ())), Counter()
    for piece, start in (("0", 0), ("1", 15_000)):
        documents = (Document(f"d{row}", None, {}, rows.get(row, {})) for row in range(start, start + 15_000))
        ciff.write(piece, documents, notes)
    ciff.join(["0", "1"], notes)
    header, lists, records = read_ciff(tmp_path / "index.ciff")
    assert [record.collection_docid for record in records] == [f"d{row}" for row in range(30_000)]
    assert [record.docid for record in records] == list(range(30_000))
    assert {record.docid: record.doclength for record in records if record.doclength} == {
        row: sum(terms.values()) for row, terms in rows.items()
    }
    assert {one.term: [(posting.docid, posting.tf) for posting in one.postings] for one in lists} == {
        "a": [(0, 1), (1, 127), (129, 128), (19_870, 255)],
        "b": [(20_000, 3)],
        "ü": [(0, 255)],
    }
    assert (header.version, header.total_docs, header.total_terms_in_collection) == (1, 30_000, 769)
    assert header.average_doclength == 769 / 30_000
    assert notes == {}
