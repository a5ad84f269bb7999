"""Indexes of documents with fields, made of a collection whose lines get theirs before Lucene has them."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

import sparton
from sparton.indexer.build import LuceneBuild
from sparton.indexer.options import LucenePlan
from sparton.pipeline.tokens.passages import DELIMITER
from sparton.storage.fields import Field
from sparton.storage.manifest import COMPLETE, load_manifest
from sparton.storage.markers import Marker, file_digest, finished_counts

ONE = LucenePlan(processes=1, heap_mb=256, buffer_mb=16)
SHOP = (
    Field("price", "number"),
    Field("brand", "string"),
    Field("in_stock", "boolean"),
    Field("added", "timestamp"),
    Field("tags", "strings"),
)


def with_fields(line, values):
    """A line of a collection with the fields of its document."""
    content = json.loads(line)
    if not values:
        return line
    vector = content.pop("vector")
    return json.dumps({**content, "fields": values, "vector": vector}, ensure_ascii=False).encode() + b"\n"


def index_with_fields(folder, documents, fields=SHOP, plan=ONE, **encoding):
    """An index of {id: (text, {field: value})}. encoding: as build_index takes it."""
    corpus = folder.with_name(f"{folder.name}.parquet")
    texts = [text for text, _ in documents.values()]
    pq.write_table(pa.table({"id": list(documents), "text": texts}), corpus)
    sparton.build_index(corpus, folder, lucene=False, **encoding)
    manifest = load_manifest(folder)
    parts = sorted((folder / "collection").glob("part-*.jsonl"))
    for part in parts:
        counts = finished_counts(part, manifest.generation)
        lines = part.read_bytes().splitlines(keepends=True)
        ids = [json.loads(line)["id"] for line in lines]
        if encoding.get("chunk"):
            ids = [name.rpartition(DELIMITER)[0] for name in ids]
        part.write_bytes(b"".join(with_fields(line, documents[name][1]) for line, name in zip(lines, ids, strict=True)))
        Marker(manifest.generation, file_digest(part), counts).save(part)
    with LuceneBuild(folder / "lucene", plan, manifest.generation, fields=fields) as lucene:
        for part in parts:
            lucene.add(part)
        lucene.finish()
        indexes = lucene.indexes
    settings = replace(manifest.settings, fields=tuple(fields))
    replace(manifest, settings=settings).at(COMPLETE, None, indexes).save(folder)
    return folder
