"""JsonVectorCollection lines as Lucene is handed them: the quick way and the long way say the same."""

import gzip
import json
import random

import pytest
from support.vector_lines import AWKWARD, decoded, line, mutated

from sparton.errors import SpartonError
from sparton.indexer.read_vectors import (
    BEFORE_IMPACT,
    BETWEEN_TERMS,
    Vector,
    _as_json,
    _as_written,
    numbered_vectors,
    read_vectors,
)
from sparton.indexer.splits import Split, cut, find_files

MEND = "; mend it, or leave out such rows with skip_bad_rows=True"


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="part.jsonl"):
        (tmp_path / name).write_bytes(b"".join(lines))
        return tmp_path / name

    return write


def read(path, **options):
    return [vector for split in cut(path) for vector in read_vectors(split, **options)]


def test_both_ways_give_the_same_for_any_terms():
    chance = random.Random(5)
    quick = 0
    for _ in range(3_000):
        pool = AWKWARD if chance.random() < 0.7 else [chr(chance.randrange(32, 0x3000)) * 2 for _ in range(6)]
        terms = chance.sample(pool, k=min(len(pool), chance.randint(1, 6)))
        vector = {term: chance.randint(1, 500) for term in terms}
        written = line(vector, **({"contents": chance.choice(AWKWARD)} if chance.random() < 0.5 else {}))
        found = _as_written(written)
        slow = _as_json(written, None)
        assert decoded(slow) == vector
        if found is not None:
            quick += 1
            assert (found.id, found.postings, found.terms) == (slow.id, slow.postings, slow.terms)
            assert (found.raw and json.loads(found.raw)) == (slow.raw and json.loads(slow.raw))
    assert quick > 500


@pytest.mark.parametrize("terms", [[term] for term in AWKWARD] + [[AWKWARD[i], "b", AWKWARD[i - 1]] for i in range(18)])
def test_a_term_that_looks_like_json_is_never_mistaken(terms):
    written = line(dict.fromkeys(terms, 7))
    found = _as_written(written)
    assert found is None or decoded(found) == dict.fromkeys(terms, 7)


def test_sparton_s_own_lines_take_the_quick_way():
    written = line({"##body": 205, "bag": 1}, contents='a "small" bag')
    assert _as_written(written) == Vector(
        "d",
        '{"id": "d", "contents": "a \\"small\\" bag"}',
        f"##body{BEFORE_IMPACT}205{BETWEEN_TERMS}bag{BEFORE_IMPACT}1",
        2,
    )


@pytest.mark.parametrize(
    "written",
    [
        b'{"id":"d","vector":{"a":1,"b":2}}\n',
        b'{"vector": {"a": 1, "b": 2}, "id": "d"}\n',
        b'{"id": "d", "vector": {"a": 1, "b": 2}}',
        b'{"id": "d", "vector": {"a": 1, "b": 2}}\r\n',
        b'{"id": "d", "vector": {"\\u0061": 1, "b": 2}}\n',
        b'{ "id": "d" , "vector" : { "a" : 1 , "b" : 2 } }\n',
    ],
)
def test_other_layouts_mean_the_same(write, written):
    (vector,) = read(write(written))
    assert decoded(vector) == {"a": 1, "b": 2}


def test_a_vector_within_another_object_is_not_the_document_s(write):
    with pytest.raises(SpartonError, match="line 1 is not"):
        read(write(b'{"id": "d", "more": {"x": 1, "vector": {"a": 1}}}\n'))


@pytest.mark.parametrize(
    "written",
    [
        b'{"id": "d", "vector": {"bag": 3 , "hat": 2}}\n',
        b'{"id": "d", "vector": {"bag":  3, "hat": 2}}\n',
        b'{"id": "d", "vector": {"bag": 3, "hat": 2}, "meta": {}}\n',
        b'{"id": "d", "meta": {"x": 1}, "vector": {"bag": 3, "hat": 2}}\n',
    ],
)
def test_valid_json_with_unusual_blanks_is_read(write, written):
    (vector,) = read(write(written))
    assert decoded(vector) == {"bag": 3, "hat": 2}


@pytest.mark.parametrize("number", ["007", "\u0663", "3}", "-3", "+3", "3.0", ""])
def test_what_is_no_number_in_json_is_refused(write, number):
    path = write(b'{"id": "d", "vector": {"bag": %s, "hat": 2}}\n' % number.encode())
    with pytest.raises(SpartonError, match=f"{path} line 1 "):
        read(path)


@pytest.mark.parametrize("name", ["null", '["q"]', "true", "1.5", '"\\ud800"', '"' + "x" * 40_000 + '"'])
def test_ids_that_are_none_are_refused(write, name):
    path = write(b'{"id": %s, "vector": {"a": 1}}\n' % name.encode())
    with pytest.raises(SpartonError, match=f"{path} line 1 has "):
        read(path)


@pytest.mark.parametrize(
    "written",
    [
        b'{"id": "d", "vector": {"\\ud800": 1}}\n',
        b'{"id": "d", "vector": {"\xed\xa0\x80": 1}}\n',
        b'{"id": "d", "vector": {"' + b"x" * 40_000 + b'": 1}}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_lines_that_lucene_or_python_would_choke_on_are_named(write, written):
    path = write(line({"a": 1}), written)
    with pytest.raises(SpartonError, match=f"{path} line 2 "):
        read(path, careful=True)


def test_a_lone_surrogate_in_the_text_is_kept(write):
    (vector,) = read(write(b'{"id": "d", "contents": "\xed\xa0\x80", "vector": {"a": 1}}\n'))
    vector.raw.encode()
    assert json.loads(vector.raw)["contents"] == "\ud800"


@pytest.mark.parametrize("content", [b"\x1f\x8bno gzip", gzip.compress(line({"a": 3}) * 50, mtime=0)[:-20], b""])
def test_a_damaged_gzip_file_is_named(tmp_path, content):
    path = tmp_path / "docs.jsonl.gz"
    path.write_bytes(content)
    if not content:
        assert read(path) == []
        return
    with pytest.raises(SpartonError, match=f"{path} cannot be read: .*; mend or remove the file and run again"):
        read(path)


def test_a_weight_of_any_size_is_a_sentence(write):
    path = write(b'{"id": "d", "vector": {"a": 1%s}}\n' % (b"0" * 400))
    with pytest.raises(SpartonError, match=f"{path} line 1 gives the term 'a' the weight"):
        read(path, scale=100)


@pytest.mark.parametrize(("name", "expected"), [('"7"', "7"), ("7", "7")])
def test_ids_become_text(write, name, expected):
    (vector,) = read(write(b'{"id": %s, "vector": {"a": 1}}\n' % name.encode()))
    assert vector.id == expected


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (b'{"id": "", "vector": {"a": 1}}\n', "has an empty id; an id is a text or a whole number"),
        (b'{"id": "d", "vector": {"": 1}}\n', "has an empty term"),
        (b'{"id": "d", "vector": {"a": 1, "": 1}}\n', "has an empty term"),
        (b'{"id": "d", "vector": {"": 1, "a": 1}}\n', "has an empty term"),
    ],
)
def test_what_is_empty_names_nothing(write, written, sentence, careful):
    path = write(line({"a": 1}), written)
    with pytest.raises(SpartonError) as caught:
        read(path, careful=careful)
    assert str(caught.value) == f"{path} line 2 {sentence}{MEND}"


def test_a_term_that_stands_twice_is_refused_with_a_scale(write):
    path = write(b'{"id": "d", "vector": {"a": 1, "a": 2}}\n')
    with pytest.raises(SpartonError, match=r"line 1 is not .*: a stands twice in an object; expected once; mend it"):
        read(path, scale=100)


def test_a_document_without_terms_is_read_and_empty(write):
    assert read(write(line({}, contents="text"))) == [Vector("d", '{"id": "d", "contents": "text"}', "", 0)]


def test_weights_are_scaled_and_rounded_as_encoding_rounds(write):
    path = write(line({"a": 1.234, "b": 0.004, "c": 2, "d": 0.125, "e": 0.0}))
    (vector,) = read(path, scale=100)
    assert decoded(vector) == {"a": 123, "c": 200, "d": 12}
    assert vector.terms == 3


@pytest.mark.parametrize("weight", ["-0.5", '"1"', "null", "true", "NaN", "Infinity", "3e7"])
def test_weights_that_give_no_impact_are_refused(write, weight):
    path = write(line({"a": 1}), b'{"id": "e", "vector": {"b": %s}}\n' % weight.encode())
    with pytest.raises(SpartonError) as caught:
        read(path, scale=100)
    assert str(caught.value) == (
        f"{path} line 2 gives the term 'b' the weight {json.dumps(json.loads(weight))}; a weight is a number from 0, "
        f"and times scale at most 2147483647{MEND}"
    )


@pytest.mark.parametrize("most", [1, 7, 60, 61, 100, 10_000])
def test_splits_hold_each_line_once_and_in_order(write, most):
    lines = [line({"a": i + 1}, contents="x" * (i % 50)) for i in range(40)]
    path = write(*lines)
    splits = list(cut(path, most=most))
    assert splits[0].start == 0
    assert splits[-1].stop == path.stat().st_size
    found = [decoded(vector)["a"] for split in splits for vector in read_vectors(split)]
    assert found == list(range(1, 41))


def test_an_empty_file_is_one_empty_split(write):
    assert read(write()) == []


def test_a_fault_in_a_later_split_is_named_by_its_line_in_the_file(write):
    path = write(*[line({"a": 1})] * 20, line({"a": -1}), *[line({"a": 1})] * 20)
    with pytest.raises(SpartonError, match=f"{path} line 21 gives"):
        [list(read_vectors(split, careful=True)) for split in cut(path, most=100)]


def test_blank_lines_are_none_and_lines_keep_their_numbers(write):
    path = write(b"\xef\xbb\xbf\n", line({"a": 1}), b" \t\r\n", b"\n", line({"a": 2}), b"\n", line({"b": "x"}), b"\n")
    with pytest.raises(SpartonError, match=f"^{path} line 7 gives the term 'b' the impact \"x\"; an impact is an"):
        read(path)
    path.write_bytes(path.read_bytes().replace(b'"x"', b"3"))
    assert [decoded(vector) for vector in read(path)] == [{"a": 1}, {"a": 2}, {"b": 3}]
    (split,) = cut(path)
    assert [number for number, _ in numbered_vectors(split)] == [2, 5, 7]


def test_zeros_are_left_out_and_counted(write):
    path = write(
        line({"a": 0, "b": 2, "c": 0}, contents="x"),
        line({"a": 0}),
        b'{"id":"e","vector":{"a":0.0,"b":-0.0,"c":1}}\n',
    )
    found = read(path)
    assert [decoded(vector) if vector.terms else {} for vector in found] == [{"b": 2}, {}, {"c": 1}]
    assert [(vector.terms, vector.zeros) for vector in found] == [(1, 2), (0, 1), (1, 2)]
    assert [vector.zeros for vector in read(path, careful=True)] == [2, 1, 2]
    (scaled, *_) = read(write(line({"a": 0.001, "b": 1, "c": 0})), scale=100)
    assert (decoded(scaled), scaled.zeros) == ({"b": 100}, 2)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (b"bag", "it is no JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"\xff\xfe{", "it is no JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)"),
        (b'{"id": 1, "vector": {"a": 1}', "it is no JSON (Expecting ',' delimiter: line 1 column 29 (char 28))"),
        (b'[{"id": 1}]', "it is a list"),
        (b"null", "it is null"),
        (b'{"_id": "1", "vector": {}}', "it has no id"),
        (b'{"id": "1", "text": "a bag"}', "it has no vector"),
        (b'{"id": "1", "vector": [0.5, 0.25]}', "its vector is a list"),
        (b'{"id": "1", "vector": "a a b"}', 'its vector is "a a b"'),
        (b'{"id": "1", "vector": null}', "its vector is null"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"id":"x","vector":{"a":3, "a":4}} ', "a stands twice in an object; expected once"),
        (b'{"id": "d", "vector": {"a": 9, "a": 1, "b":2}}', "a stands twice in an object; expected once"),
        (b'{"id": "x", "id": "y", "vector": {"a": 3}}', "id stands twice in an object; expected once"),
        (b'{"vector": {"b": 1}, "id": "x", "vector": {"a": 3}}', "vector stands twice in an object; expected once"),
        (
            b'{"id": "x", "contents": "", "contents": "y", "vector": {"a": 3}}',
            "contents stands twice in an object; expected once",
        ),
    ],
)
def test_a_line_that_is_no_vector_says_what_it_is(write, written, sentence):
    path = write(line({"a": 1}), written + b"\n")
    with pytest.raises(SpartonError) as caught:
        read(path)
    assert str(caught.value) == (f'{path} line 2 is not {{"id": …, "vector": {{term: impact}}}}: {sentence}{MEND}')


@pytest.mark.parametrize(
    ("impact", "found", "advice"),
    [
        ("-3", "-3", ""),
        ("0.5", "0.5", "; float weights need scale"),
        ("3.0", "3.0", "; float weights need scale"),
        ("NaN", "NaN", "; float weights need scale"),
        ("1e400", "Infinity", "; float weights need scale"),
        ("2147483648", "2147483648", ""),
        ("1" + "0" * 100, "1" + "0" * 58 + "…", ""),
        ('"7"', '"7"', ""),
        ("null", "null", ""),
        ("true", "true", ""),
        ("[3]", "a list", ""),
        ('{"b": 3}', "an object", ""),
        ("[" * 400 + "]" * 400, "a list", ""),
    ],
)
def test_what_is_no_impact_is_refused(write, impact, found, advice):
    path = write(line({"a": 1}), b'{"id": "e", "vector": {"a": %s }}\n' % impact.encode())
    with pytest.raises(SpartonError) as caught:
        read(path)
    found = f"gives the term 'a' the impact {found}; an impact is an integer from 0 to 2147483647{advice}"
    assert str(caught.value) == f"{path} line 2 {found}{MEND}"


def test_a_gzip_file_may_have_any_name(write):
    path = write(gzip.compress(line({"a": 3}) * 50))
    assert [split.start for split in cut(path, most=10)] == [0]
    assert [decoded(vector) for vector in read(path)] == [{"a": 3}] * 50


def test_files_behind_links_are_found_and_others_are_told(tmp_path, caplog):
    caplog.set_level("INFO", logger="sparton")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.jsonl.gz").touch()
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "vectors/again").symlink_to(tmp_path / "elsewhere")
    for name in ("a.jsonl", "b.jsonl.bz2", "readme", "c.tsv", "d.npz", ".hidden"):
        (tmp_path / "vectors" / name).touch()
    found = find_files(tmp_path / "vectors")
    assert found == [tmp_path / "vectors" / name for name in ("a.jsonl", "again/1.jsonl.gz")]
    assert caplog.messages == [
        "1 links or second names of files that are taken already were passed over",
        "4 files of other formats were passed over: 'b.jsonl.bz2', 'c.tsv', 'd.npz', … and 1 more",
    ]


def test_gzip_is_read_whole(tmp_path):
    path = tmp_path / "docs.jsonl.gz"
    path.write_bytes(gzip.compress(line({"a": 3}) * 50))
    assert [split.start for split in cut(path, most=10)] == [0]
    assert len(read(path)) == 50


def test_a_split_is_named_by_file_offsets_and_change(write):
    path = write(line({"a": 1}))
    (split,) = cut(path)
    assert split == Split(path, "part.jsonl", 0, path.stat().st_size, path.stat().st_mtime_ns)
    assert split.name() != next(cut(write(line({"a": 1}), name="other.jsonl"))).name()


def test_files_of_a_collection_are_found_in_name_order(tmp_path):
    for name in (
        *("b/1.jsonl", "a/2.json", "a/1.jsonl.gz", "a/notes.txt", "c.jsonl.tmp"),
        *("index/sparton.json", "index/shards/part-00000.json", ".hidden/x.jsonl", "a/._1.jsonl"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_files(tmp_path) == [tmp_path / name for name in ("a/1.jsonl.gz", "a/2.json", "b/1.jsonl")]
    assert find_files(tmp_path / "a/2.json") == [tmp_path / "a/2.json"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing",
            "the collection {path} does not exist; name a folder with .jsonl, .json, .jsonl.gz, .json.gz files",
        ),
        (
            "notes.txt",
            "the collection {path} is not a file of JSON lines; name a folder with .jsonl, .json, .jsonl.gz, "
            ".json.gz files",
        ),
        ("empty", "the collection {path} holds no .jsonl, .json, .jsonl.gz, .json.gz file"),
    ],
)
def test_a_collection_that_is_none_is_refused(tmp_path, name, message):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpartonError) as caught:
        find_files(tmp_path / name)
    assert str(caught.value) == message.format(path=tmp_path / name)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_lines_are_read_alike_or_refused_in_a_sentence(tmp_path, seed):
    """A thousand parts: the quick way and the long way give the same documents, or both name the line."""
    chance = random.Random(seed)
    whole = [
        line({"bag": 12, "##s": 3}, contents="a bag"),
        line({term: chance.randint(1, 300) for term in AWKWARD}),
        b'{"id": "x", "contents": "\\u00e9 \\"quoted\\"", "vector": {"hat": 7}}\n',
    ]
    read_well = 0
    for number in range(250):
        lines = [*whole, mutated(chance.choice(whole), chance), line({"red": 1})]
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(b"".join(lines))
        found = []
        for careful in (False, True):
            try:
                vectors = read(path, careful=careful)
                found.append([(v.id, v.raw and json.loads(v.raw), decoded(v) if v.terms else {}) for v in vectors])
            except SpartonError as error:
                found.append(str(error))
        quick, long = found
        if isinstance(long, str):
            assert long.startswith(f"{path} line 4 ")
            assert "\n" not in long
            # How large an impact may be the quick way leaves to Lucene.
            assert quick == long or len(quick) == 5
        else:
            assert quick == long
            read_well += 1
    assert 5 < read_well < 245
