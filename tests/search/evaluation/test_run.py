"""Runs against exact sparse dot products, and against Anserini's own."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from support.anserini import search_collection
from support.serving import SPARTON

import sparton
from sparton.search.evaluation.run import encode_topics, plan_runs, write_runs
from sparton.search.evaluation.topics import TopicOptions, read_topics

pytestmark = pytest.mark.slow

K = 40


@pytest.fixture(scope="module")
def topics(data, tmp_path_factory):
    """The queries of the sample catalogue, and two that find nothing."""
    path = tmp_path_factory.mktemp("topics") / "sample.tsv"
    path.write_text((data / "queries.tsv").read_text(encoding="utf-8") + "blank\t \nunknown\t亞亟\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def collection(small_index):
    """{id: {term: impact}}."""
    parts = sorted((small_index / "collection").iterdir())
    lines = [json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").split("\n") if line]
    return {line["id"]: line["vector"] for line in lines}


def exact_run(collection, vocabulary, queries, k, tag):
    """The lines of a run by SciPy, split: by score, ties by id."""
    numbers = {term: number for number, term in enumerate(vocabulary)}

    def matrix(vectors):
        postings = [
            (row, numbers[term], impact) for row, vector in enumerate(vectors) for term, impact in vector.items()
        ]
        rows, terms, impacts = np.array(postings, dtype=np.int64).T
        return csr_matrix((impacts, (rows, terms)), shape=(len(vectors), len(numbers)))

    scores = (matrix(list(queries.values())) @ matrix(list(collection.values())).T).toarray()
    lines = []
    for query, row in zip(queries, scores.tolist(), strict=True):
        ranked = sorted(zip(collection, row, strict=True), key=lambda pair: (-pair[1], pair[0].encode()))
        for rank, (name, score) in enumerate([pair for pair in ranked if pair[1]][:k], start=1):
            lines.append((query, "Q0", name, rank, score, tag))
    return lines


def lines_of(run):
    """The lines of a run, split; of equal scores that were moved apart by millionths, what they were."""
    with run.open(encoding="utf-8") as lines:
        split = [line.rstrip("\n").split(" ") for line in lines]
    scores = [float(score) for *_, score, _ in split]
    assert all(abs(score - round(score)) < 1e-3 for score in scores)
    return [
        (query, q0, name, int(rank), round(score), tag)
        for (query, q0, name, rank, _, tag), score in zip(split, scores, strict=True)
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_equals_exact_scoring(computed_searcher, collection, topics, tmp_path, threads):
    plan = plan_runs([topics], tmp_path / "new" / "run.trec", k=K, threads=threads, tag="exact")
    (report,) = write_runs(computed_searcher, plan)
    queries = dict(encode_topics(computed_searcher, read_topics(topics)))
    assert (queries["blank"], queries["unknown"]) == ({}, {})
    expected = exact_run(collection, computed_searcher.encoder.vocabulary, queries, K, "exact")
    assert len(queries) == 89
    assert lines_of(report.path) == expected
    assert (report.queries, report.hits) == (89, len(expected))
    assert (report.without_terms, report.without_hits) == (2, 0)
    assert [path.name for path in report.path.parent.iterdir()] == ["run.trec"]


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    """An index of vectors with many equal scores, whose ids have another order by bytes than in the file."""
    folder = tmp_path_factory.mktemp("tied")
    ids = [f"{name}{number}" for number in range(30) for name in ("ü", "a", "Z", "😀", "\x01", "豈")]
    with (folder / "vectors.jsonl").open("w", encoding="utf-8") as stream:
        for number, name in enumerate(ids):
            vector = {"bag": 1 + number % 3, "red": 2, **({"hat": 5} if number % 7 == 0 else {})}
            stream.write(json.dumps({"id": name, "contents": "", "vector": vector}) + "\n")
    sparton.index_vectors(folder / "vectors.jsonl", folder / "index")
    searcher = sparton.Searcher(folder / "index")
    yield searcher, folder
    searcher.close()


QUERIES = {"one": {"bag": 3, "hat": 2}, "none": {"shoe": 4}, "two": {"red": 7}, "large": {"hat": 400_000}}


def test_ties_go_by_id_at_every_cut(tied, tmp_path):
    searcher, folder = tied
    topics = tmp_path / "topics.jsonl"
    topics.write_text("".join(json.dumps({"qid": name, "vector": terms}) + "\n" for name, terms in QUERIES.items()))
    documents = {
        line["id"]: line["vector"] for line in map(json.loads, (folder / "vectors.jsonl").read_text().splitlines())
    }
    for k in (1, 5, 31, 1000):
        plan = plan_runs([topics], tmp_path / f"{k}.trec", k=k, threads=2)
        (report,) = write_runs(searcher, plan)
        expected = exact_run(documents, ["bag", "red", "hat", "shoe"], QUERIES, k, "sparton")
        assert lines_of(report.path) == expected
        assert (report.queries, report.without_terms, report.without_hits) == (4, 0, 1)


def test_a_run_is_the_one_that_anserini_writes(tied, tmp_path):
    searcher, folder = tied
    topics = tmp_path / "topics.tsv"
    asked = {name: terms for name, terms in QUERIES.items() if name != "large"}
    topics.write_text(
        "".join(f"{q}\t{' '.join(' '.join([t] * n) for t, n in terms.items())}\n" for q, terms in asked.items())
    )
    search_collection(
        *("-index", folder / "index" / "lucene", "-topics", topics, "-topicReader", "TsvString"),
        *("-output", tmp_path / "anserini", "-impact", "-pretokenized", "-hits", "50", "-runtag", "x"),
    )
    encoded = tmp_path / "topics.jsonl"
    encoded.write_text("".join(json.dumps({"qid": name, "vector": asked[name]}) + "\n" for name in sorted(asked)))
    (report,) = write_runs(searcher, plan_runs([encoded], tmp_path / "ours", k=50, tag="x"))
    assert report.hits == 100
    assert report.path.read_text(encoding="utf-8") == (tmp_path / "anserini").read_text(encoding="utf-8")
    reading = TopicOptions(pretokenized=True)
    (report,) = write_runs(searcher, plan_runs([topics], tmp_path / "tokens", k=50, tag="x", reading=reading))
    assert report.path.read_bytes() == (tmp_path / "ours").read_bytes()


def test_runs_rank_as_searches_do(searcher, topics):
    for name, terms in list(encode_topics(searcher, read_topics(topics)))[::5]:
        hits = searcher.search_terms(terms, 25)
        assert searcher.rank_terms(terms, 25) == [(hit.id, hit.score) for hit in hits], name


def test_passages_count_as_their_document(tmp_path, write_parquet):
    words = ["leather", "canvas", "silk", "velvet"]
    corpus = write_parquet(
        tmp_path / "long.parquet", id=["a", "b"], text=[" ".join(words * 60), "silk " + "canvas " * 40]
    )
    sparton.build_index(corpus, tmp_path / "index", max_length=100, chunk=True, device="cpu")
    searcher = sparton.Searcher(tmp_path / "index")
    terms = searcher.terms("velvet and silk")
    hits = searcher.search_terms(terms, 10)
    assert searcher.rank_terms(terms, 10) == [(hit.id, hit.score) for hit in hits]
    assert sorted(hit.id for hit in hits) == ["a", "b"]
    searcher.close()


def test_several_files_of_topics_give_a_run_each(run_cli, small_index, tmp_path):
    (tmp_path / "one.dev.tsv").write_text("1\tblack bag\n2\t \n")
    (tmp_path / "two.jsonl").write_text('{"_id": "1", "text": "silk scarf"}\n')
    out = tmp_path / "runs"
    ran = run_cli(
        *("run", tmp_path / "one.dev.tsv", tmp_path / "two.jsonl", "-o", out, "--index", small_index),
        *("-k", 3, "--threads", 2, "--tag", "mine"),
    )
    assert ran.code == 0, ran.stderr
    assert ran.stdout == (
        f"{out / 'one.dev.trec'}: 2 queries, 3 hits, 1 without a term that the model knows\n"
        f"{out / 'two.trec'}: 1 query, 3 hits\n"
    )
    assert sorted(path.name for path in out.iterdir()) == ["one.dev.trec", "two.trec"]
    lines = [line.split() for line in (out / "two.trec").read_text().splitlines()]
    assert [(line[0], line[1], line[3], line[5]) for line in lines] == [("1", "Q0", str(n), "mine") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["good.tsv", "-o", "run", "-k", 0], "-k is 0; expected at least 1"),
        (["good.tsv", "-o", "run", "--threads", 0], "--threads is 0; expected at least 1"),
        (["good.tsv", "-o", "run", "--tag", "a b"], "--tag is 'a b'; expected one word"),
        (["good.tsv", "-o", "folder"], "-o is the folder folder; name a file for the run of one file of topics"),
        (
            ["good.tsv", "good.jsonl", "-o", "good.tsv"],
            "-o is the file good.tsv; name a folder for the runs of 2 files of topics",
        ),
        (
            ["good.tsv", "good.jsonl", "-o", "runs"],
            "the runs of good.tsv and good.jsonl would both be runs/good.trec; give them different names",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_a_model_is_loaded(run_cli, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("good.tsv", "good.jsonl"):
        (tmp_path / name).write_text("1\tbag\n")
    ran = run_cli("run", *arguments, "--index", "no such index")
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Topics in the working folder, with a copy of the index beside them, and what the run of them is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.tsv").write_text("1\tblack bag\n2\tsmall leather\n")


@pytest.fixture
def run_of_it(asked, run_cli, light_index):
    """The bytes of a run to a plain file."""
    assert run_cli("run", "t.tsv", "-o", "plain", "--index", light_index, "-k", 5).code == 0
    return Path("plain").read_bytes()


@pytest.mark.parametrize("redirected", ["pipe", "file", "appended"])
def test_a_run_to_standard_output_is_all_that_stands_there(run_of_it, light_index, redirected):
    command = [*SPARTON, "run", "t.tsv", "-o", "/dev/stdout", "--index", str(light_index), "-k", "5"]
    if redirected == "pipe":
        done = subprocess.run(command, capture_output=True, check=True)
        written, said = done.stdout, done.stderr
    else:
        Path("out").write_text("before\n")
        with open("out", "ab" if redirected == "appended" else "wb") as stream:
            said = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, check=True).stderr
        written = Path("out").read_bytes()
    assert written == (b"before\n" if redirected == "appended" else b"") + run_of_it
    first, second = said.decode().splitlines()
    assert first == "/dev/stdout: 2 queries, 10 hits"
    assert second.endswith(" queries/s)")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("output", ["/dev/full", "full"])
def test_a_file_that_takes_no_more_is_named(asked, run_cli, light_index, output):
    Path("full").symlink_to("/dev/full")
    ran = run_cli("run", "t.tsv", "-o", output, "--index", light_index, "-k", 5)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == f"Error: {output}: No space left on device"


def test_a_run_goes_through_links_and_to_descriptors(run_of_it, run_cli, light_index):
    Path("old").write_text("old")
    Path("link").symlink_to("old")
    Path("dangling").symlink_to("new")
    with open("opened", "w+b") as stream:
        stream.write(b"before\n")
        stream.flush()
        for output in ("link", "dangling", f"/dev/fd/{stream.fileno()}"):
            ran = run_cli("run", "t.tsv", "-o", output, "--index", light_index, "-k", 5)
            assert (ran.code, ran.stdout) == (0, f"{output}: 2 queries, 10 hits\n"), ran.stderr
    assert (Path("link").is_symlink(), Path("dangling").is_symlink()) == (True, True)
    assert Path("old").read_bytes() == Path("new").read_bytes() == run_of_it
    assert Path("opened").read_bytes() == b"before\n" + run_of_it


def test_runs_of_several_topics_may_be_standard_output_too(run_of_it, run_cli, light_index):
    Path("runs").mkdir()
    Path("u.tsv").write_text("3\tblack bag\n")
    Path("runs/t.trec").symlink_to("/dev/stdout")
    ran = run_cli("run", "t.tsv", "u.tsv", "-o", "runs", "--index", light_index, "-k", 5)
    assert ran.code == 0
    assert ran.stdout == f"{run_of_it.decode()}runs/u.trec: 1 query, 5 hits\n"
    assert ran.stderr.startswith("runs/t.trec: 2 queries, 10 hits\n")


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("t.tsv", "is the topics t.tsv and would be overwritten; name another file"),
        ("link", "is the topics t.tsv and would be overwritten; name another file"),
        ("hard link", "is the topics t.tsv and would be overwritten; name another file"),
        (
            "sparton-index/sparton.json",
            "lies in the index sparton-index; only the index itself is written to that folder, so name another file",
        ),
        (
            "sparton-index/runs/run",
            "lies in the index sparton-index; only the index itself is written to that folder, so name another file",
        ),
    ],
)
def test_a_run_does_not_overwrite_what_is_read(asked, run_cli, tmp_path, output, found):
    Path("link").symlink_to("t.tsv")
    Path("hard link").hardlink_to("t.tsv")
    Path("sparton-index").mkdir()
    Path("sparton-index/sparton.json").write_text("{}")  # never opened
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ran = run_cli("run", "t.tsv", "-o", output)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: -o is {output}, which {found}\n")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert Path("link").is_symlink()


def test_no_run_of_several_overwrites_topics_or_another_run(asked, run_cli):
    Path("runs").mkdir()
    for name in ("runs/u.trec", "v.tsv"):
        Path(name).write_text("1\tbag\n")
    ran = run_cli("run", "t.tsv", "runs/u.trec", "-o", "runs")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "Error: -o is runs/u.trec, which is the topics runs/u.trec and would be overwritten; name another file\n"
    )
    Path("runs/v.trec").symlink_to("t.trec")
    ran = run_cli("run", "t.tsv", "v.tsv", "-o", "runs")
    assert ran.stderr == ("Error: the runs of t.tsv and v.tsv would both be runs/v.trec; give them different names\n")
    assert Path("runs/u.trec").read_text() == "1\tbag\n"


def test_a_run_replaces_nothing_beside_it(run_of_it, run_cli, light_index):
    Path("victim").write_text("precious")
    Path("a.tmp").symlink_to("victim")
    Path("b.tmp").write_text("mine")
    for name in ("a", "b"):
        assert run_cli("run", "t.tsv", "-o", name, "--index", light_index, "-k", 5).code == 0
        assert Path(name).read_bytes() == run_of_it
    assert (Path("victim").read_text(), Path("b.tmp").read_text()) == ("precious", "mine")


def test_a_bad_topic_is_found_before_a_model_is_loaded(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.tsv").write_text("1\tbag\n")
    (tmp_path / "bad.tsv").write_text("1\tbag\n2\n")
    ran = run_cli("run", "good.tsv", "bad.tsv", "-o", "runs", "--index", "no such index")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Error: bad.tsv, line 2: '2' has no tab")


def test_an_id_with_white_space_leaves_no_half_a_run(run_cli, write_parquet, tmp_path):
    corpus = write_parquet(tmp_path / "c.parquet", id=["a b", "c"], text=["silk scarf", "black bag"])
    sparton.build_index(corpus, tmp_path / "index", device="cpu")
    (tmp_path / "t.tsv").write_text("1\tbag\n2\tsilk\n")
    ran = run_cli("run", tmp_path / "t.tsv", "-o", tmp_path / "out" / "run", "--index", tmp_path / "index")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == (
        "Error: the index has a document with the id 'a b', and a TREC run holds no white space in ids; index the "
        "corpus with other ids\n"
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_encoded_topics_are_read_as_they_are_asked_to_be(run_cli, tied, small_index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = tied[1] / "index"
    Path("exact.jsonl").write_text(json.dumps({"id": "1", "vector": {"bag": 30, "red": 7}}) + "\n")
    Path("floats.jsonl").write_text(json.dumps({"id": "1", "vector": {"bag": 0.301, "red": 0.07, "hat": 0}}) + "\n")
    Path("tokens.tsv").write_text(f"1\t{'bag ' * 30}{'red ' * 7}\n")
    assert run_cli("run", "exact.jsonl", "-o", "exact", "--index", index, "-k", 9).code == 0
    assert run_cli("run", "floats.jsonl", "-o", "floats", "--index", index, "-k", 9, "--scale", 100).code == 0
    assert run_cli("run", "tokens.tsv", "-o", "tokens", "--index", index, "-k", 9, "--pretokenized").code == 0
    assert Path("exact").read_bytes() == Path("floats").read_bytes() == Path("tokens").read_bytes()
    assert Path("exact").read_text().startswith("1 Q0 ")
    for arguments, sentence in (
        (
            ["floats.jsonl"],
            "floats.jsonl, line 1: the impact of 'bag' is 0.301; expected a whole number; float weights need --scale",
        ),
        (
            ["tokens.tsv"],
            "tokens.tsv, line 1: 'bag' stands 5 times in a row or more, as in queries that are encoded already; use "
            "--pretokenized if each token stands as often as its impact says, or --no-pretokenized to encode the words "
            "as a text",
        ),
    ):
        ran = run_cli("run", *arguments, "-o", "none", "--index", index)
        assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: {sentence}\n")
    for arguments, sentence in (
        (["exact.jsonl", "--scale", 0], "--scale is 0; expected above 0 and at most 1,000,000"),
        (["exact.jsonl", "--scale", "nan"], "--scale is nan; expected above 0 and at most 1,000,000"),
        (
            ["tokens.tsv", "--scale", 100, "--no-pretokenized"],
            "--scale is for topics that are vectors, and tokens.tsv has none; leave it out for texts",
        ),
    ):
        ran = run_cli("run", *arguments, "-o", "none", "--index", index)
        assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")
    ran = run_cli("run", "tokens.tsv", "-o", "texts", "--index", small_index, "-k", 3, "--no-pretokenized")
    assert (ran.code, ran.stdout) == (0, "texts: 1 query, 3 hits\n")


def test_a_heading_of_topics_is_said_and_is_no_query(run_cli, small_index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.tsv").write_text("qid\tquery\n1\tblack bag\n")
    ran = run_cli("run", "t.tsv", "-o", "run", "--index", small_index, "-k", 2)
    assert (ran.code, ran.stdout) == (0, "run: 1 query, 2 hits\n")
    assert ran.stderr.splitlines()[0] == "t.tsv, line 1: taken for a heading, with ids in qid and texts in query"


def test_ids_are_written_as_trec_eval_reads_them_or_refused(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids = {"nbsp": "a\u00a0b", "wide": "\u3000c", "nul": "d\0e", "tab": "f\tg", "feed": "h\x0bi"}
    lines = [json.dumps({"id": name, "vector": {term: 3}}) + "\n" for term, name in ids.items()]
    Path("v.jsonl").write_text("".join(lines))
    sparton.index_vectors("v.jsonl", "index")
    Path("qrels").write_text("1 0 a\u00a0b 1\n1 0 \u3000c 1\n")
    Path("t.jsonl").write_text('{"id": 1, "vector": {"nbsp": 2, "wide": 1}}\n')
    assert run_cli("run", "t.jsonl", "-o", "run", "--index", "index").code == 0
    assert Path("run").read_text() == "1 Q0 a\u00a0b 1 6.000000 sparton\n1 Q0 \u3000c 2 3.000000 sparton\n"
    assert run_cli("score", "run", "--qrels", "qrels", "-m", "AP").stdout.split()[-1] == "1.0000"
    for term, none in (
        ("nul", "NUL in ids"),
        ("tab", "white space in ids"),
        ("feed", "white space in ids"),
    ):
        Path("t.jsonl").write_text(json.dumps({"id": 1, "vector": {"nbsp": 9, term: 1}}) + "\n")
        ran = run_cli("run", "t.jsonl", "-o", "none", "--index", "index")
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr == (
            f"Error: the index has a document with the id {ids[term]!r}, and a TREC run holds no {none}; index the "
            "corpus with other ids\n"
        )
        assert not Path("none").exists()


def test_texts_need_a_model_and_vectors_do_not(run_cli, tied, tmp_path):
    _, folder = tied
    (tmp_path / "t.tsv").write_text("1\tbag\n")
    ran = run_cli("run", tmp_path / "t.tsv", "-o", tmp_path / "run", "--index", folder / "index")
    assert ran.code == 1
    assert "was made of vectors without naming their model" in ran.stderr
    assert not (tmp_path / "run").exists()
