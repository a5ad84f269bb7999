"""Every format gives the same documents, topics and judgments; bad files get one sentence with file and line."""

import gzip
import json
import sys

import pytest

from sparton.bench.collections.register import open_collection
from sparton.errors import SpartonError

DOCUMENTS = [("d1", "Black bag", "a small & black leather bag"), ("d2", "", "red dress"), ("d3", "Tan bag", "")]
TOPICS = [("1", "black bag"), ("2", "dress"), ("9", "nobody judged this")]
QRELS = [("1", "d1", 2), ("1", "d3", 1), ("2", "d2", 1)]


def joined(title, text):
    return " ".join(filter(None, (title, text)))


def write(path, text, zipped=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_name(path.name + ".gz") if zipped else path
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())


def beir(folder, zipped=False):
    write(
        folder / "corpus.jsonl",
        "".join(json.dumps({"_id": i, "title": t, "text": x}) + "\n" for i, t, x in DOCUMENTS),
        zipped,
    )
    write(folder / "queries.jsonl", "".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in TOPICS), zipped)
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{g}\n" for q, d, g in QRELS)
    write(folder / "qrels" / "test.tsv", qrels, zipped)
    return folder


def ms_marco(folder, zipped=False):
    write(folder / "collection.tsv", "".join(f"{i}\t{joined(t, x)}\n" for i, t, x in DOCUMENTS), zipped)
    write(folder / "queries.dev.small.tsv", "".join(f"{i}\t{t}\n" for i, t in TOPICS), zipped)
    write(folder / "qrels.dev.small.tsv", "".join(f"{q}\t0\t{d}\t{g}\n" for q, d, g in QRELS), zipped)
    return folder


def trec(folder, zipped=False):
    half = [
        f"<DOC>\n<DOCNO> {i} </DOCNO>\n<HEADLINE>{t}</HEADLINE>\n<DATE>today</DATE>\n<TEXT>\n<P>{x.replace('&', '&amp;')}</P>\n</TEXT>\n</DOC>\n"  # noqa: E501
        for i, t, x in DOCUMENTS
    ]
    write(folder / "documents" / "a.sgml", "".join(half[:2]), zipped)
    write(folder / "documents" / "b.sgml", "\n" + half[2], zipped)
    tops = "".join(
        f"<top>\n<num> Number: {i}\n<title> {t}\n<desc> Description:\nmore words\n</top>\n" for i, t in TOPICS
    )
    write(folder / "topics.txt", tops, zipped)
    write(folder / "qrels.txt", "".join(f"{q} 0 {d} {g}\n" for q, d, g in QRELS), zipped)
    write(folder / "README.md", "what this is")
    return folder


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("make", "kind", "split"), [(beir, "BEIR", "test"), (ms_marco, "MS MARCO", "dev.small"), (trec, "TREC", None)]
)
def test_every_format_gives_the_same(tmp_path, make, kind, split, zipped):
    collection = open_collection(str(make(tmp_path / "tiny", zipped)))
    assert (collection.name, collection.kind, collection.split) == ("tiny", kind, split)
    documents = list(collection.documents())
    assert [one[:2] for one in documents] == [(i, joined(t, x)) for i, t, x in DOCUMENTS]
    assert [(one.id, one.text) for one in collection.topics()] == TOPICS
    assert [(q, d, g) for q, grades in collection.qrels().items() for d, g in grades.items()] == QRELS
    assert dict(collection.left_out) == ({"files without documents": 1} if kind == "TREC" else {})
    assert [one[:2] for one in collection.documents()] == [one[:2] for one in documents]


def register(ir_datasets, tmp_path, name):
    """A dataset of ir_datasets' own classes over local files."""
    beir(tmp_path / "files")
    write(tmp_path / "docs.tsv", "".join(f"{i}\t{joined(t, x)}\n" for i, t, x in DOCUMENTS))
    write(tmp_path / "queries.tsv", "".join(f"{i}\t{t}\n" for i, t in TOPICS))
    write(tmp_path / "qrels.trec", "".join(f"{q} 0 {d} {g}\n" for q, d, g in QRELS))
    made = ir_datasets.create_dataset(*(str(tmp_path / file) for file in ("docs.tsv", "queries.tsv", "qrels.trec")))
    if name not in ir_datasets.registry._registered:
        ir_datasets.registry.register(name, made)
    return made


def test_ids_of_ir_datasets_give_the_same(tmp_path, monkeypatch):
    ir_datasets = pytest.importorskip("ir_datasets", reason="ir_datasets is not installed (extra ir-datasets)")
    monkeypatch.setattr(ir_datasets.registry, "_registered", dict(ir_datasets.registry._registered))
    register(ir_datasets, tmp_path, "tiny-of-sparton/test")
    unjudged = ir_datasets.create_dataset(str(tmp_path / "docs.tsv"), str(tmp_path / "queries.tsv"))
    ir_datasets.registry.register("tiny-of-sparton", unjudged)
    for name in ("tiny-of-sparton/test", "tiny-of-sparton"):
        collection = open_collection(name)
        assert (collection.name, collection.kind) == ("tiny-of-sparton/test", "ir_datasets")
        assert [one[:2] for one in collection.documents()] == [(i, joined(t, x)) for i, t, x in DOCUMENTS]
        assert [(one.id, one.text) for one in collection.topics()] == TOPICS
        assert [(q, d, g) for q, grades in collection.qrels().items() for d, g in grades.items()] == QRELS
    with pytest.raises(SpartonError, match="ir_datasets has no tiny-of-sparton/train; choose another split"):
        open_collection("tiny-of-sparton", "train")
    with pytest.raises(SpartonError, match="is no folder, and ir_datasets has no dataset of that id"):
        open_collection("no/such/id")
    (tmp_path / "docs.tsv").unlink()
    with pytest.raises(SpartonError, match="ir_datasets cannot read the docs of tiny-of-sparton/test"):
        list(open_collection("tiny-of-sparton").documents())


def test_ir_datasets_that_is_missing_is_told(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    ran = run_cli("bench", "beir/scifact")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: 'beir/scifact' is no folder, and ids of ir_datasets need that package, which is not installed; run "
        "`pip install 'sparton[ir-datasets]'`, or name a folder"
    )


BAD = [
    (beir, "corpus.jsonl", '{"_id": "d1", "text": "a"}\nno json\n', ", line 2: this is no JSON"),
    (beir, "corpus.jsonl", '[1]\n', ", line 1: this is [1]; expected an object with _id and text"),
    (beir, "corpus.jsonl", '{"text": "a"}\n', ", line 1: there is no _id; expected text or a whole number as _id"),
    (beir, "corpus.jsonl", '{"_id": null, "text": "a"}\n', ", line 1: _id is None; expected"),
    (beir, "corpus.jsonl", '{"_id": "a"}\n', ", line 1: there is no text"),
    (beir, "corpus.jsonl", '{"_id": "a", "text": ["b"]}\n', ", line 1: text is ['b']; expected text"),
    (beir, "corpus.jsonl", '{"_id": "a b", "text": "b"}\n', ", line 1: the id 'a b' is none that a run can hold"),
    (beir, "corpus.jsonl", '{"_id": "a", "text": "b"}\n{"_id": "a", "text": "c"}\n', ", line 2: the id 'a' stands twice, first at"),  # noqa: E501
    (beir, "queries.jsonl", '{"_id": "1"}\n', ", line 1: the topic has no text"),
    (beir, "qrels/test.tsv", "1 d1 x\n", ", line 1: the grade is 'x'; expected a whole number"),
    (ms_marco, "collection.tsv", "1\ta\n2 b\n", ", line 2: '2 b' has no tab; expected an id, a tab and a text"),
    (ms_marco, "collection.tsv", "1\ta\tb\n", ", line 1: 3 columns; expected an id, a tab and a text without tabs"),
    (ms_marco, "queries.dev.small.tsv", "1 black\n", ", line 1: '1 black' has no tab"),
    (trec, "documents/a.sgml", "<DOC>\n<DOCNO>a</DOCNO>\n<DOC>\n", ", line 3: a <DOC> begins, and that of line 1 has no </DOC>"),  # noqa: E501
    (trec, "documents/a.sgml", "<DOC>\n<TEXT>b</TEXT></DOC>\n", ", line 1: this <DOC> has no <DOCNO> with an id (none)"),  # noqa: E501
    (trec, "documents/a.sgml", "<DOC>\n<DOCNO>a</DOCNO>\n", ", line 1: this <DOC> has no </DOC>; the file ends before"),
    (beir, "corpus.jsonl", "", " holds no document; there is nothing to index"),
    (ms_marco, "collection.tsv", "\n", " holds no document; there is nothing to index"),
    (trec, "documents/a.sgml", "<DOC><DOCNO>a</DOCNO></DOC>\nmore\n", ", line 2: 'more' is in no document; expected <DOC>"),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize(("make", "file", "content", "sentence"), BAD)
def test_bad_files_get_one_sentence_with_file_and_line(run_cli, tmp_path, monkeypatch, make, file, content, sentence):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "tiny")
    (tmp_path / "tiny" / file).write_text(content)
    ran = run_cli("bench", "tiny")
    last = ran.stderr.splitlines()[-1]
    assert (ran.code, ran.stdout) == (1, "")
    assert last.startswith("Error: ")
    assert f"tiny/{file}{sentence}" in last


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "queries.jsonl").unlink(), "tiny has corpus.jsonl and no queries.jsonl; expected corpus.jsonl,"),  # noqa: E501
        (lambda folder: (folder / "corpus.jsonl").unlink(), "tiny has qrels, queries.jsonl; expected corpus.jsonl, queries.jsonl"),  # noqa: E501
        (lambda folder: (folder / "collection.tsv").write_text("1\ta"), "tiny has files of BEIR and of MS MARCO; expected"),  # noqa: E501
        (lambda folder: (folder / "queries.jsonl").write_text('{"_id": "01", "text": "a"}'),
         "no topic of tiny is judged: a topic is '01', and judgments are of '1'; see that both call a topic the same"),
    ],
)  # fmt: skip
def test_folders_that_are_unclear_are_told(run_cli, tmp_path, monkeypatch, change, sentence):
    monkeypatch.chdir(tmp_path)
    change(beir(tmp_path / "tiny"))
    ran = run_cli("bench", "tiny")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith(f"Error: {sentence}")


def test_a_split_is_chosen(tmp_path):
    folder = beir(tmp_path / "tiny")
    write(folder / "qrels" / "train.tsv", "1\td2\t1\n")
    assert open_collection(str(folder)).split == "test"
    assert open_collection(str(folder), "train").qrels() == {"1": {"d2": 1}}
    with pytest.raises(SpartonError, match=r"split is 'dev', and .* has judgments of test, train; choose one of them"):
        open_collection(str(folder), "dev")


def test_copies_and_folders_are_no_splits(tmp_path):
    beir(tmp_path / "a")
    for name in ("dev.tsv.bak", "test.tsv.orig"):
        (tmp_path / "a" / "qrels" / name).write_text("another")
    (tmp_path / "a" / "qrels" / "train.tsv").mkdir()
    write(tmp_path / "a" / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n1\td2\t1\n", zipped=True)
    assert open_collection(str(tmp_path / "a"), None).qrels() == {
        "1": {"d1": 2, "d3": 1},
        "2": {"d2": 1},
    }
    ms_marco(tmp_path / "b")
    (tmp_path / "b" / "qrels.train.tsv").mkdir()
    (tmp_path / "b" / "qrels.dev.small.tsv").rename(tmp_path / "b" / "qrels.dev.small.tsv.bak")
    with pytest.raises(SpartonError, match=r"and no qrels\.\*\.tsv"):
        open_collection(str(tmp_path / "b"), None)


@pytest.mark.parametrize(
    "name", ["clinicaltrials/2021/trec-ct-2021", "codesearchnet/challenge", "wapo/v2/trec-news-2018"]
)
def test_records_without_a_text_are_refused_before_any_is_read(name):
    pytest.importorskip("ir_datasets")
    with pytest.raises(SpartonError, match=f"is the text of the (docs|queries) of {name}; write them to a folder"):
        open_collection(name, None)
