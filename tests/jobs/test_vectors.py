"""Vectors that another tool wrote become an index folder like any other."""

import gzip
import json
import shutil

import pytest

import sparton
from sparton.errors import SpartonError
from sparton.storage.atomic import locked
from sparton.storage.manifest import COMPLETE, ENCODING, load_manifest

pytestmark = pytest.mark.slow


@pytest.fixture
def collection(tmp_path):
    """Three documents over a plain and a gzip file, as Pyserini and naver/splade write them."""
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "a.jsonl").write_text(
        '{"id": "d1", "contents": "a bag", "vector": {"bag": 7, "hat": 2}}\n'
        '{"id": 2, "content": "", "vector": {"hat": 5}}\n'
        '{"id": "none", "vector": {}}\n'
    )
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id":"d3","vector":{"bag":3}}\n'))
    return folder


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.jsonl"
    path.write_text('{"id": "d1", "vector": {"bag": 0.72, "hat": 0.001}}\n{"id": "d2", "vector": {"hat": 0.5}}\n')
    return path


def found(index, terms):
    searcher = sparton.Searcher(index)
    try:
        return [(hit.id, hit.score, hit.text) for hit in searcher.search_terms(terms, 10)]
    finally:
        searcher.close()


def test_vectors_of_other_tools_are_searched(collection, tmp_path):
    report = sparton.index_vectors(collection, tmp_path / "index")
    assert found(tmp_path / "index", {"bag": 2, "hat": 1}) == [
        ("d1", 16.0, "a bag"),
        ("d3", 6.0, None),
        ("2", 5.0, None),
    ]
    manifest = load_manifest(tmp_path / "index")
    assert manifest.stage == COMPLETE
    assert manifest.counts == report.counts
    counts = report.counts
    assert (counts.rows, counts.documents, counts.dropped_no_terms, counts.postings) == (4, 3, 1, 4)


def test_float_weights_need_a_scale(weights, tmp_path):
    with pytest.raises(SpartonError, match=r"gives the term 'bag' the impact 0\.72; .*; float weights need scale"):
        sparton.index_vectors(weights, tmp_path / "index")
    sparton.index_vectors(weights, tmp_path / "index", scale=100, overwrite=True)
    assert found(tmp_path / "index", {"bag": 1, "hat": 1}) == [("d1", 72.0, None), ("d2", 50.0, None)]
    assert load_manifest(tmp_path / "index").counts.postings == 2


def test_the_advice_after_a_first_try_may_be_followed(weights, tmp_path, run_cli):
    command = ("index", "--from-collection", weights, "--index", tmp_path / "index")
    ran = run_cli(*command)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: {weights} line 1 gives the term 'bag' the impact 0.72; an impact is an integer from 0 to "
        "2147483647; float weights need --scale; mend it, or leave out such rows with --skip-bad-rows\n",
    )
    ran = run_cli(*command, "--scale", 100)
    assert (ran.code, ran.stdout) == (
        0,
        f"{tmp_path / 'index'}: 2 documents of 2 rows, 1.0 terms a document, 1 terms left out for having an "
        "impact of 0\n",
    )
    assert ran.stderr.splitlines()[0] == (
        f"the index {tmp_path / 'index'} is half-built with other settings (scale none (now 100)); it is begun anew"
    )
    assert found(tmp_path / "index", {"bag": 1, "hat": 1}) == [("d1", 72.0, None), ("d2", 50.0, None)]
    assert run_cli(*command, "--scale", 50).stderr == (
        f"Error: the index {tmp_path / 'index'} was made with other settings: scale 100 (now 50); use --overwrite to "
        "replace it, or --index to make another\n"
    )


def test_a_half_built_index_of_a_corpus_is_not_begun_anew_for_vectors(small_index, weights, tmp_path):
    shutil.copytree(small_index, tmp_path / "index")
    load_manifest(tmp_path / "index").at(ENCODING).save(tmp_path / "index")
    before = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}
    with pytest.raises(SpartonError, match="was made with other settings: model small"):
        sparton.index_vectors(weights, tmp_path / "index", scale=100)
    assert {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()} == before


def test_vectors_with_zeros_and_blank_lines_are_indexed_and_the_zeros_told(tmp_path, run_cli):
    """As Pyserini's own encoder writes them."""
    (tmp_path / "v.jsonl").write_text(
        '{"id": "d1", "contents": "", "vector": {"bag": 7, "hat": 0, "shoe": 0}}\n\n'
        '{"id": "d2", "contents": "", "vector": {"bag": 0, "hat": 5, "shoe": 0}}\n'
        '{"id": "d3", "contents": "", "vector": {"bag": 0}}\n\n'
    )
    ran = run_cli("index-vectors", tmp_path / "v.jsonl", "--index", tmp_path / "index", "--json")
    counts = json.loads(ran.stdout)["counts"]
    assert {name: counts[name] for name in ("rows", "documents", "dropped_no_terms", "postings", "zeros")} == {
        "rows": 3,
        "documents": 2,
        "dropped_no_terms": 1,
        "postings": 2,
        "zeros": 5,
    }
    assert found(tmp_path / "index", {"bag": 1, "hat": 2, "shoe": 9}) == [("d2", 10.0, ""), ("d1", 7.0, "")]


@pytest.mark.parametrize("scale", [None, 1])
@pytest.mark.parametrize("query_scale", [None, 50])
def test_queries_have_a_scale_of_their_own(small_index, searcher, tmp_path, run_cli, scale, query_scale):
    command = ["index-vectors", small_index / "collection", "--index", tmp_path / "index", "--model", "small"]
    command += ["--scale", scale] if scale else []
    command += ["--query-scale", query_scale] if query_scale else []
    assert run_cli(*command).code == 0
    settings = load_manifest(tmp_path / "index").settings
    assert (settings.scale, settings.query_scale) == (scale, query_scale or 100)
    again = sparton.Searcher(tmp_path / "index")
    query = "small black leather crossbody bag"
    found, expected = again.terms(query), searcher.terms(query)
    part = (query_scale or 100) / 100
    assert found.keys() == expected.keys()
    # Both are rounded to whole numbers.
    assert all(abs(impact - expected[term] * part) <= (part < 1) * 0.75 for term, impact in found.items())
    assert max(found.values()) > 50
    again.close()
    shown = run_cli("info", "--index", tmp_path / "index").stdout
    impacts = "round(weight × 1)" if scale else "as given"
    assert f"  impacts     {impacts}, of queries round(weight × {query_scale or 100}), top terms: all\n" in shown


def test_a_text_cannot_be_encoded_without_a_model(collection, tmp_path):
    sparton.index_vectors(collection, tmp_path / "index")
    searcher = sparton.Searcher(tmp_path / "index")
    with pytest.raises(SpartonError, match="made of vectors without naming their model"):
        searcher.search("bag")
    searcher.close()


def test_with_the_model_named_it_answers_as_the_index_the_vectors_came_from(small_index, searcher, tmp_path):
    sparton.index_vectors(small_index / "collection", tmp_path / "index", model="small")
    again = sparton.Searcher(tmp_path / "index")
    for query in ("small black leather crossbody bag", "raincoat", "evening clutch"):
        assert again.search(query, 20) == searcher.search(query, 20)
    again.close()


def test_a_finished_one_is_left_alone_and_another_is_refused(collection, weights, tmp_path):
    sparton.index_vectors(collection, tmp_path / "index")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*")}
    assert sparton.index_vectors(collection, tmp_path / "index").resumed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*")} == before
    with pytest.raises(SpartonError, match="was made with other settings: corpus"):
        sparton.index_vectors(weights, tmp_path / "index", scale=1)
    with pytest.raises(SpartonError, match=r"was made with other settings: scale none \(now 2\)"):
        sparton.index_vectors(collection, tmp_path / "index", scale=2)


def test_a_lost_lucene_folder_is_made_again(collection, tmp_path):
    sparton.index_vectors(collection, tmp_path / "index")
    shutil.rmtree(tmp_path / "index" / "lucene")
    sparton.index_vectors(collection, tmp_path / "index")
    assert len(found(tmp_path / "index", {"hat": 1})) == 2


def test_a_failed_one_is_half_built_and_goes_on_when_mended(collection, tmp_path):
    bad = collection / "c.jsonl"
    bad.write_text("{}\n")
    with pytest.raises(SpartonError, match=r"c\.jsonl line 1 is not"):
        sparton.index_vectors(collection, tmp_path / "index")
    assert load_manifest(tmp_path / "index").stage == ENCODING
    with pytest.raises(SpartonError, match="is half-built"):
        sparton.Searcher(tmp_path / "index")
    bad.unlink()
    sparton.index_vectors(collection, tmp_path / "index")
    assert len(found(tmp_path / "index", {"hat": 1})) == 2


def test_the_input_is_never_what_is_overwritten(small_index, tmp_path, run_cli):
    shutil.copytree(small_index, tmp_path / "index")
    collection = tmp_path / "index" / "collection"
    before = {path: path.read_bytes() for path in collection.iterdir()}
    ran = run_cli("index", "--from-collection", collection, "--index", tmp_path / "index", "--overwrite")
    assert (ran.code, ran.stderr) == (
        2,
        f"Error: the collection {collection} lies in the index folder {tmp_path / 'index'}, which is to be written; "
        "name another with --index\n",
    )
    assert {path: path.read_bytes() for path in collection.iterdir()} == before


def test_a_link_into_the_index_is_refused_too(small_index, tmp_path, run_cli):
    shutil.copytree(small_index, tmp_path / "index")
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "a.jsonl").symlink_to(tmp_path / "index" / "collection" / "part-00001.jsonl")
    before = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}
    ran = run_cli("index", "--from-collection", tmp_path / "vectors", "--index", tmp_path / "index", "--overwrite")
    assert (ran.code, ran.stderr) == (
        2,
        f"Error: the collection {tmp_path / 'vectors'} lies in the index folder {tmp_path / 'index'}, which is to be "
        "written; name another with --index\n",
    )
    assert {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()} == before


def test_an_index_inside_the_collection_is_not_part_of_it(collection, tmp_path):
    sparton.index_vectors(collection, collection / "index")
    assert sparton.index_vectors(collection, collection / "index").resumed


@pytest.mark.fresh
def test_a_module_of_the_working_directory_is_not_run(collection, tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    assert sparton.index_vectors(collection, tmp_path / "index").counts.documents == 3


def test_text_that_is_no_string_is_shown(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": "a", "contents": 5, "vector": {"bag": 1}}\n')
    sparton.index_vectors(path, tmp_path / "index")
    assert found(tmp_path / "index", {"bag": 1}) == [("a", 1.0, "5")]


def test_two_writers_on_one_folder_are_refused(collection, tmp_path):
    (tmp_path / "index").mkdir()
    with locked(tmp_path / "index"), pytest.raises(SpartonError, match="another run is writing the index"):
        sparton.index_vectors(collection, tmp_path / "index")


def test_the_command_says_what_was_left_out(collection, tmp_path, run_cli):
    ran = run_cli("index", "--from-collection", collection, "--index", tmp_path / "index", "--optimize")
    assert ran.code == 0, ran.stderr
    assert ran.stdout == (
        f"{tmp_path / 'index'}: 3 documents of 4 rows, 1.3 terms a document, 1 dropped for having no term\n"
    )
    shown = run_cli("info", "--index", tmp_path / "index").stdout
    assert "impacts     as given" in shown
    assert "model" not in shown
    assert json.loads(run_cli("info", "--index", tmp_path / "index", "--json").stdout)["settings"]["model"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corpus.parquet"], "a corpus was given with --from-collection, which encodes nothing; leave out one of them"),
        (
            ["--top-terms", "5"],
            "--top-terms was given with --from-collection, which encodes nothing; leave out one of them",
        ),
        (["--scale", "0"], "--scale is 0; expected above 0 and at most 1,000,000"),
        (["--heap-mb", "1"], "--heap-mb is 1; expected at least 128"),
        (["--max-length", "9"], "--max-length is 9 and there is no --model that it could be for; name one"),
        (["--query-scale", "9"], "--query-scale is 9.0 and there is no --model that it could be for; name one"),
        (["--query-scale", "0"], "--query-scale is 0; expected above 0 and at most 1,000,000"),
        (["--dtype", "float16"], "--dtype is float16 and there is no --model that it could be for; name one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(collection, tmp_path, run_cli, arguments, message):
    ran = run_cli("index", *arguments, "--from-collection", collection, "--index", tmp_path / "index")
    assert (ran.code, ran.stderr) == (2, f"Error: {message}\n")


@pytest.mark.parametrize("processes", [1, 2])
def test_an_id_that_stands_twice_is_refused_with_both_lines(tmp_path, run_cli, processes):
    collection = tmp_path / "vectors"
    collection.mkdir()
    for name in "abc":
        lines = [json.dumps({"id": f"{name}{i}", "vector": {"bag": i + 1}}) + "\n" for i in range(40)]
        (collection / f"{name}.jsonl").write_text("".join(lines))
    with gzip.open(collection / "d.jsonl.gz", "wt") as stream:
        stream.write('{"id": "d0", "vector": {"bag": 3}}\n{"id": "b17", "vector": {}}\n')
    command = ("index", "--from-collection", collection, "--index", tmp_path / "index", "--index-processes", processes)
    sentence = (
        f"Error: the id 'b17' stands twice: at {collection / 'b.jsonl'} line 18 and at {collection / 'd.jsonl.gz'} "
        "line 2; make ids unique\n"
    )
    for _ in range(2):  # the second goes on from what the first has indexed
        ran = run_cli(*command)
        assert (ran.code, ran.stderr) == (1, sentence)
        assert not (tmp_path / "index" / "lucene").exists()
    (collection / "d.jsonl.gz").unlink()
    assert run_cli(*command, "--overwrite").code == 0
    assert len(sparton.Searcher(tmp_path / "index")) == 120


def test_a_corpus_has_one_scale_for_documents_and_queries(bags, tmp_path, run_cli):
    ran = run_cli("index", bags, "--index", tmp_path / "index", "--query-scale", "50")
    assert (ran.code, ran.stderr) == (
        2,
        "Error: --query-scale is for vectors that exist, and a corpus is encoded; use --scale for documents and "
        "queries\n",
    )


def test_a_repeated_id_after_blank_lines_is_named_by_its_line(tmp_path, run_cli):
    (tmp_path / "v.jsonl").write_text(
        '\n{"id": "a", "vector": {"x": 1}}\n\n\n{"id": "a", "vector": {"x": 0, "y": 2}}\n'
    )
    ran = run_cli("index-vectors", tmp_path / "v.jsonl", "--index", tmp_path / "index")
    path = tmp_path / "v.jsonl"
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: the id 'a' stands twice: at {path} line 2 and at {path} line 5; make ids unique\n",
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_texts_under_another_name_are_told(run_cli, tmp_path, zipped):
    (tmp_path / "v").mkdir()
    lines = {
        "a": {"id": "1", "title": "red", "content": "red bag", "vector": {"red": 2}},
        "b": {"id": "2", "content": "blue bag", "vector": {"blue": 2}, "lang": "en"},
        "c": {"id": "3", "contents": "tan bag", "url": "kept beside its text", "vector": {"tan": 2}},
    }
    for name, content in lines.items():
        written = b"\xef\xbb\xbf\n" + json.dumps(content).encode() + b"\n"
        (tmp_path / "v" / f"{name}.jsonl").write_bytes(gzip.compress(written) if zipped else written)
    ran = run_cli("index-vectors", tmp_path / "v", "--index", tmp_path / "index")
    assert ran.code == 0
    assert ran.stderr.splitlines()[-2] == "columns not used: title, content, lang"
    report = sparton.index_vectors(tmp_path / "v" / f"{'c'}.jsonl", tmp_path / "other")
    assert report.unused == ()


@pytest.mark.parametrize("options", [[], ["--skip-bad-rows"]])
def test_vectors_in_utf_16_are_told(run_cli, tmp_path, options):
    path = tmp_path / "v.jsonl"
    path.write_bytes('{"id": "1", "vector": {"red": 2}}\n'.encode("utf-16"))
    ran = run_cli("index-vectors", path, "--index", tmp_path / "index", *options)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: {path} is UTF-16; save the file as UTF-8\n"


@pytest.mark.parametrize(
    ("content", "what", "query"),
    [
        (b'[{"id": "1", "vector": {"red": 2}}]', "is a JSON array", ".[]"),
        (b'\n[\n{"id": "1", "vector": {"red": 2}}\n]\n', "is a JSON array", ".[]"),
        (b'{\n  "id": "1",\n  "vector": {"red": 2}\n}\n', "has JSON objects that reach over several lines", "."),
    ],
)
@pytest.mark.parametrize("options", [[], ["--skip-bad-rows"]])
def test_json_that_is_no_lines_is_told_how_to_become_some(run_cli, tmp_path, content, what, query, options):
    path = tmp_path / "v.json"
    for written in (content, gzip.compress(content)):
        path.write_bytes(written)
        ran = run_cli("index-vectors", path, "--index", tmp_path / "index", *options)
        sentence = (
            f"{path} {what}, where each line should be an object; convert it to JSON lines, as with jq -c '{query}'"
        )
        assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: {sentence}\n")
        assert not (tmp_path / "index" / "sparton.json").exists()
