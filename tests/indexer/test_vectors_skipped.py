"""Lines that are no vectors are left out of an index, all of them and nothing else."""

import gzip
import json
import random

import pytest
from support.vector_lines import AWKWARD, decoded, line, mutated

from sparton.errors import SpartonError
from sparton.indexer.left_out import collect_left_out, save_left_out
from sparton.indexer.read_vectors import numbered_vectors, read_vectors
from sparton.indexer.splits import cut
from sparton.storage.skipped_rows import BadRow, SkippedRows

pytestmark = pytest.mark.slow

MOST = 2**31 - 1


class BadError(Exception):
    """A line that is no vector."""


def once(entries):
    if len({name for name, _ in entries}) < len(entries):
        raise BadError
    return dict(entries)


def own(written):
    """A line as json.loads has it: (id, contents, {term: impact}), None for a blank one. Raises BadError."""
    written = written.removeprefix(b"\xef\xbb\xbf")
    if not written.strip():
        return None
    try:
        content = json.loads(written.rstrip(b"\r\n").decode(errors="surrogatepass"), object_pairs_hook=once)
        name, vector = content["id"], content["vector"]
        terms = list(vector.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadError from None
    if type(name) not in (str, int) or name == "":
        raise BadError
    try:
        too_long = any(len(text.encode()) > 32_766 for text in (str(name), *vector))
    except UnicodeEncodeError:
        raise BadError from None
    for term, impact in terms:
        if type(impact) not in (int, float) or not 0 <= impact <= MOST or (type(impact) is float and impact != 0):
            raise BadError
        if not term or (impact and ("\ufdd0" in term or "\ufdd1" in term)):
            raise BadError
    if too_long or sum(vector.values()) > MOST:
        raise BadError
    return str(name), content.get("contents"), {term: impact for term, impact in terms if impact}


WHOLE = [
    line({"bag": 12, "##s": 3}, contents="a bag"),
    line(dict.fromkeys(AWKWARD, 7)),
    b'{"id": "x", "contents": "\\u00e9 \\"quoted\\"", "vector": {"hat": 7}}\n',
    b'{"id":7,"vector":{"hat":7,"cap":0}}\n',
    b"\n",
    b"\xef\xbb\xbf \r\n",
    line({"x" * 9_000: 3}),
    line({"\u00e9" * 16_383: 3}),
    line({"bag": MOST}),
]
# What the quick way reads and the long way refuses.
LENIENT = [
    b'{"id": "d", "vector": {"bag": 9, "bag": 1}}\n',
    b'{"id": "d", "vector": {"bag": 2147483647, "hat": 1}}\n',
    b'{"id": "d", "vector": {"bag": 2147483648}}\n',
    b'{"id": "d", "vector": {"a\tbag": 2}}\n',
    line({"\u00e9" * 16_384: 3}),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [2_000, 2**24])
def test_what_is_left_out_is_what_another_reader_refuses(tmp_path, seed, most):
    chance = random.Random(seed)
    lines = [*LENIENT, *(mutated(chance.choice(WHOLE), chance) for _ in range(250)), *WHOLE * 10]
    chance.shuffle(lines)
    path = tmp_path / "v.jsonl"
    path.write_bytes(b"".join(lines))
    expected, bad = {}, []
    for number, written in enumerate(lines, start=1):
        try:
            if (document := own(written)) is not None:
                expected[number] = document
        except BadError:
            bad.append(number)
    found, skipped, before = {}, SkippedRows(), 0
    splits = list(cut(path, most=most))
    for split in splits:
        own_skipped, end = SkippedRows(), 0

        def on_bad(number, row, own_skipped=own_skipped, split=split):
            own_skipped.add(str(split.path), "line", number, row)

        for number, vector in numbered_vectors(split, on_bad=on_bad):
            contents = json.loads(vector.raw).get("contents") if vector.raw else None
            found[before + number] = (vector.id, contents, decoded(vector) if vector.terms else {})
        save_left_out(tmp_path / "left", split, own_skipped)
        own_skipped.close()
        content = path.read_bytes()
        end = content.find(b"\n", split.stop - 1) + 1 if split.stop else 0
        before = content[:end].count(b"\n")
    collect_left_out(tmp_path / "left", splits, skipped)
    skipped.save(tmp_path / "skipped.jsonl")
    skipped.close()
    assert found == expected
    written = [json.loads(entry) for entry in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert [(entry["file"], entry["line"]) for entry in written] == [(str(path), number) for number in bad]
    assert len(bad) > 100
    for entry in written[:: max(1, len(written) // 40)]:  # what is said of one is what it would be refused with
        (alone := tmp_path / "alone.jsonl").write_bytes(lines[entry["line"] - 1])
        with pytest.raises(SpartonError) as caught:
            [list(read_vectors(split, careful=True)) for split in cut(alone)]
        assert str(caught.value).startswith(f"{alone} line 1 {entry['found']}")


@pytest.mark.parametrize(
    ("written", "kind", "found"),
    [
        (b"bag", "not JSON", "is not {}: it is no JSON (Expecting value: line 1 column 1 (char 0))"),
        (
            b'{"id": "\xff"}',
            "not UTF-8",
            "is not {}: it is no JSON ('utf-8' codec can't decode byte 0xff in position 8: invalid start byte)",
        ),
        (b"[" * 100_000, "nested too deep", "is not {}: it is nested too deeply"),
        (b"[]", "no object", "is not {}: it is a list"),
        (b'{"vector": {}}', "no id", "is not {}: it has no id"),
        (b'{"id": "1"}', "no vector", "is not {}: it has no vector"),
        (b'{"id": "1", "vector": []}', "no vector", "is not {}: its vector is a list"),
        (
            b'{"id": "1", "id": "2", "vector": {}}',
            "entry twice",
            "is not {}: id stands twice in an object; expected once",
        ),
        (b'{"id": 1.5, "vector": {}}', "id", "has the id 1.5; an id is a text or a whole number"),
        (b'{"id": "", "vector": {}}', "id", "has an empty id; an id is a text or a whole number"),
        (b'{"id": "\\ud800", "vector": {}}', "id", "has an id or a term, '\\ud800' …, that is not Unicode"),
        (b'{"id": "1", "vector": {"": 1}}', "term", "has an empty term"),
        (
            line({"x" * 40_000: 1}),
            "term",
            "has an id or a term, 'xxxxxxxxxxxxxxxxxxxx' …, that has 40000 bytes, and Lucene takes 32766",
        ),
        (
            b'{"id": "1", "vector": {"a": 0.5}}',
            "impact",
            "gives the term 'a' the impact 0.5; an impact is an integer from 0 to 2147483647",
        ),
        (
            b'{"id": "1", "vector": {"a": 2147483647, "b": 1}}',
            "sum of impacts",
            "has impacts that sum to 2147483648 and Lucene holds at most 2147483647",
        ),
    ],
)
def test_each_kind_of_line_is_called_by_what_is_wrong(tmp_path, written, kind, found):
    path = tmp_path / "v.jsonl"
    path.write_bytes(line({"a": 1}) + written.rstrip(b"\n") + b"\n" + line({"b": 2}))
    (split,), heard = cut(path), []
    vectors = list(read_vectors(split, on_bad=lambda number, bad: heard.append((number, bad))))
    assert [decoded(vector) for vector in vectors] == [{"a": 1}, {"b": 2}]
    assert heard == [(2, BadRow(kind, found.replace("{}", '{"id": …, "vector": {term: impact}}')))]


def test_a_weight_that_gives_no_impact_is_left_out(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_bytes(line({"a": 0.5}) + line({"a": -1}) + line({"a": 2}))
    (split,), heard = cut(path), []
    vectors = list(read_vectors(split, 100, on_bad=lambda number, bad: heard.append((number, bad))))
    assert [decoded(vector) for vector in vectors] == [{"a": 50}, {"a": 200}]
    found = "gives the term 'a' the weight -1; a weight is a number from 0, and times scale at most 2147483647"
    assert heard == [(2, BadRow("weight", found))]


def test_a_damaged_file_is_no_line_to_leave_out(tmp_path):
    path = tmp_path / "v.jsonl.gz"
    path.write_bytes(gzip.compress(line({"a": 3}) * 50 + b"[]\n", mtime=0)[:-20])
    with pytest.raises(SpartonError, match=f"{path} cannot be read: .*; mend or remove the file and run again"):
        [list(read_vectors(split, on_bad=lambda number, bad: None)) for split in cut(path)]
