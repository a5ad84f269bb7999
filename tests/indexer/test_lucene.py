"""JsonVectorCollection parts to a Lucene index: nothing lost, nothing changed, whole or absent."""

import json

import numpy as np
import pytest

from sparton.errors import SpartonError
from sparton.indexer.options import LucenePlan
from sparton.indexer.splits import cut
from sparton.indexer.worker import Finish, Index, LuceneWorker, Start
from sparton.search.explain import Match
from sparton.search.impact_index import ImpactIndex

ODD_TERMS = [
    "|",
    "##|",
    "\u3000",
    "\u2028",
    "\t",
    "\n",
    " ",
    "a b",
    "😀",
    "\u200b",
    "\x00",
    '"',
    "\\",
    "é",
    "e\u0301",
    "A",
]


def index_parts(folder, *parts, scale=None):
    """Index parts in this process; return the number of documents."""
    worker = LuceneWorker()
    worker.handle(Start(folder, "", LucenePlan(processes=1, heap_mb=256, buffer_mb=16), scale))
    added = [worker.handle(Index(split)) for part in parts for split in cut(part)]
    worker.handle(Finish())
    return sum(part.counts.documents for part in added)


@pytest.fixture
def write_part(tmp_path):
    """Write documents {id: vector} as a part and return its path."""

    def write(documents, name="part-00000.jsonl", **more):
        path = tmp_path / name
        lines = [json.dumps({"id": i, **more, "vector": vector}, ensure_ascii=False) for i, vector in documents.items()]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def indexed(tmp_path):
    """Build an index of parts and open it."""
    opened = []

    def build(*parts):
        index_parts(tmp_path / "lucene", *parts)
        opened.append(ImpactIndex(tmp_path / "lucene"))
        return opened[-1]

    yield build
    for index in opened:
        index.close()


def found(index, terms, k=100):
    return [(hit.id, hit.score) for hit in index.rank(terms, k)]


def test_every_odd_term_is_found_as_itself(write_part, indexed):
    vectors = {f"d{i}": {term: 10 + i, "bag": 1} for i, term in enumerate(ODD_TERMS)}
    index = indexed(write_part(vectors))
    for i, term in enumerate(ODD_TERMS):
        assert found(index, {term: 3}) == [(f"d{i}", 3.0 * (10 + i))]


def test_all_odd_terms_in_one_document(write_part, indexed):
    vector = {term: 10 + i for i, term in enumerate(ODD_TERMS)}
    index = indexed(write_part({"d": vector, "other": {"bag": 1}}))
    assert found(index, dict.fromkeys(ODD_TERMS, 1)) == [("d", float(sum(vector.values())))]
    (matches,) = index.explain(dict.fromkeys(ODD_TERMS, 1), ["d"])
    assert {match.term: match.document_impact for match in matches} == vector


@pytest.mark.parametrize("impact", [1, 255, 256, 65_535, 65_536, 2**24, 2**31 - 1])
def test_every_impact_survives(write_part, indexed, impact):
    index = indexed(write_part({"d": {"bag": impact}, "other": {"hat": 1}}))
    assert found(index, {"bag": 1}) == [("d", float(np.float32(impact)))]
    assert index.explain({"bag": 1}, ["d"]) == [[Match("bag", 1, impact)]]


def test_impacts_that_sum_above_what_lucene_holds_name_the_document(write_part, tmp_path):
    part = write_part({"d": {"bag": 2**31 - 1, "hat": 1}})
    with pytest.raises(SpartonError) as caught:
        index_parts(tmp_path / "lucene", part)
    assert str(caught.value) == (
        f"{part} line 1 has impacts that sum to 2147483648 and Lucene holds at most 2147483647; lower scale; mend "
        "it, or leave out such rows with skip_bad_rows=True"
    )


@pytest.mark.parametrize("impact", ["-1", "1.5", "2147483648", "true", "null", '"5"', "NaN"])
def test_other_impacts_are_refused(tmp_path, impact):
    part = tmp_path / "part.jsonl"
    part.write_text(f'{{"id": "a", "vector": {{"bag": 1}}}}\n{{"id": "b", "vector": {{"hat": {impact}}}}}\n')
    with pytest.raises(SpartonError) as caught:
        index_parts(tmp_path / "lucene", part)
    assert str(caught.value) == (
        f"{part} line 2 gives the term 'hat' the impact {impact}; an impact is an integer from 0 to 2147483647"
        f"{'; float weights need scale' if impact in ('1.5', 'NaN') else ''}"
        "; mend it, or leave out such rows with skip_bad_rows=True"
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"{", "it is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        (b"[]", "it is a list"),
        (b'"bag"', 'it is "bag"'),
        (b'{"vector": {}}', "it has no id"),
        (b'{"id": "b"}', "it has no vector"),
        (b'{"id": "b", "vector": ["bag"]}', "its vector is a list"),
        (
            b'{"id": "\xff"}',
            "it is no JSON ('utf-8' codec can't decode byte 0xff in position 8: invalid start byte)",
        ),
    ],
)
def test_a_line_that_is_no_vector_is_named(tmp_path, line, found):
    part = tmp_path / "part.jsonl"
    part.write_bytes(b'{"id": "a", "vector": {"bag": 1}}\n' + line + b"\n")
    with pytest.raises(SpartonError) as caught:
        index_parts(tmp_path / "lucene", part)
    assert str(caught.value) == (
        f'{part} line 2 is not {{"id": …, "vector": {{term: impact}}}}: {found}; mend it, or leave out such '
        "rows with skip_bad_rows=True"
    )


def test_all_parts_are_indexed_and_counted(write_part, tmp_path):
    parts = [write_part({f"{n}-{i}": {"bag": 1} for i in range(3)}, f"part-{n}.jsonl") for n in range(3)]
    assert index_parts(tmp_path / "lucene", *parts) == 9


def test_a_framing_character_in_a_term_is_refused(write_part, tmp_path):
    part = write_part({"d": {"a\ufdd0b": 1}})
    with pytest.raises(SpartonError) as caught:
        index_parts(tmp_path / "lucene", part)
    assert str(caught.value) == (
        f"{part} line 1 has the term 'a\\ufdd0b' with U+FDD0 or U+FDD1, which Unicode keeps out of text; mend it, "
        "or leave out such rows with skip_bad_rows=True"
    )


@pytest.mark.parametrize("text", ["plain", 'quotes " and \\', "line\nbreak \u2028 \x00", "😀"])
def test_the_text_comes_back_as_it_went_in(write_part, indexed, text):
    index = indexed(write_part({"d": {"bag": 1}}, contents=text))
    assert index.texts(index.rank({"bag": 1}, 1)) == [text]


def test_no_text_is_none(write_part, indexed):
    index = indexed(write_part({"d": {"bag": 1}}))
    assert index.texts(index.rank({"bag": 1}, 1)) == [None]


@pytest.mark.parametrize("name", ["7", "a b", "É😀", 'quote"', "x" * 1000])
def test_ids_come_back_as_they_went_in(write_part, indexed, name):
    index = indexed(write_part({name: {"bag": 1}, "other": {"bag": 2}}))
    assert found(index, {"bag": 1}) == [("other", 2.0), (name, 1.0)]
    assert index.explain({"bag": 5}, [name]) == [[Match("bag", 5, 1)]]


def test_ties_stand_in_order_of_id(write_part, indexed):
    names = ["d", "b", "e", "a", "c"]
    index = indexed(write_part({name: {"bag": 4, name: 1} for name in names}))
    assert found(index, {"bag": 2}) == [(name, 8.0) for name in sorted(names)]
    assert found(index, {"bag": 2}, k=2) == [("a", 8.0), ("b", 8.0)]


def test_explaining_an_unknown_id_is_a_key_error(write_part, indexed):
    with pytest.raises(KeyError, match="nobody"):
        indexed(write_part({"d": {"bag": 1}})).explain({"bag": 1}, ["nobody"])


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(SpartonError) as caught:
        ImpactIndex(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} cannot be opened by Lucene (IndexNotFoundException); build the index again with overwrite=True"
    )
