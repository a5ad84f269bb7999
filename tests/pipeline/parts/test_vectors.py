"""JsonVectorCollection files."""

import json

import numpy as np
import pytest

from sparton.pipeline.documents import Documents
from sparton.pipeline.encoding.impacts import Impacts
from sparton.pipeline.parts.json_vectors import VectorWriter, Written
from sparton.storage.markers import file_digest

ODD_TERMS = ['"', "\\", "|", "##|", "\t", "\x00", "\x1f", "\u2028", "\u3000", " ", "a b", "😀", "é", "</s>"]


def impacts(*rows):
    counts = [len(row) for row in rows]
    return Impacts(
        np.cumsum([0, *counts], dtype=np.int64),
        np.array([term for row in rows for term in row], dtype=np.int32),
        np.array([value for row in rows for value in row.values()], dtype=np.int32),
    )


def test_a_line_is_the_format_that_pyserini_reads(tmp_path):
    path = tmp_path / "part.jsonl"
    writer = VectorWriter(["bag", "hat"], store_text=True)
    assert writer.write(path, Documents(("d1",), ("a bag",)), impacts({0: 12, 1: 3})) == Written(1, file_digest(path))
    assert path.read_bytes() == b'{"id": "d1", "contents": "a bag", "vector": {"bag": 12, "hat": 3}}\n'


def test_the_text_is_left_out_when_it_is_not_to_be_stored(tmp_path):
    path = tmp_path / "part.jsonl"
    VectorWriter(["bag"], store_text=False).write(path, Documents(("d1",), ("a bag",)), impacts({0: 12}))
    assert path.read_bytes() == b'{"id": "d1", "vector": {"bag": 12}}\n'


def test_odd_terms_ids_and_texts_survive(tmp_path):
    path = tmp_path / "part.jsonl"
    text = "".join(ODD_TERMS)
    VectorWriter(ODD_TERMS, store_text=True).write(
        path, Documents(tuple(ODD_TERMS), (text,) * 14), impacts(*[dict.fromkeys(range(len(ODD_TERMS)), 5)] * 14)
    )
    # Split at "\n" alone: U+2028 ends a line for str.splitlines, not for a reader of JSON lines.
    lines = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    expected = {"contents": text, "vector": dict.fromkeys(ODD_TERMS, 5)}
    assert lines == [{"id": term, **expected} for term in ODD_TERMS]


def test_terms_stand_in_order_of_their_vocabulary_id(tmp_path):
    path = tmp_path / "part.jsonl"
    VectorWriter(["z", "y", "x"], store_text=False).write(path, Documents(("d",), ("",)), impacts({0: 1, 1: 9, 2: 5}))
    assert list(json.loads(path.read_text())["vector"]) == ["z", "y", "x"]


def test_documents_without_a_term_are_left_out(tmp_path):
    path = tmp_path / "part.jsonl"
    documents = Documents(("a", "b", "c"), ("x", "y", "z"))
    assert VectorWriter(["t"], store_text=False).write(path, documents, impacts({}, {0: 1}, {})).documents == 1
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["b"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        VectorWriter(["t"], store_text=False).write(
            tmp_path / "part.jsonl", Documents(("a", "b"), ("x", "y")), impacts({0: 1})
        )
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_stood_there(tmp_path):
    path = tmp_path / "part.jsonl"
    path.write_text("whole")
    with pytest.raises(ValueError, match="longer"):
        VectorWriter(["t"], store_text=False).write(path, Documents(("a",), ("x",)), impacts({0: 1}, {0: 2}))
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_impacts_of_any_size_are_written_in_full(tmp_path):
    path = tmp_path / "part.jsonl"
    rows = [{0: 1, 1: 1023}, {0: 1024, 1: 2}, {0: 2**31 - 1}]
    VectorWriter(["t", "u"], store_text=False).write(path, Documents(("a", "b", "c"), ("", "", "")), impacts(*rows))
    found = [json.loads(line)["vector"] for line in path.read_text().splitlines()]
    assert found == [{"tu"[term]: value for term, value in row.items()} for row in rows]
