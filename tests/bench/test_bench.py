"""What bench finds is what index, run and score find in turn, and what ir-measures computes."""

import json

import ir_measures
import pyarrow.parquet as pq
import pytest

from sparton.bench.benchmark import MEASURES
from sparton.bench.published import published

pytestmark = pytest.mark.slow
WAYS = ["bm25", "lucene", "bm25+sparse"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data, small_catalog):
    """The small catalogue, its queries and judgments in BEIR's format."""
    folder = tmp_path_factory.mktemp("beir") / "bags"
    (folder / "qrels").mkdir(parents=True)
    rows = pq.read_table(small_catalog).to_pylist()
    lines = [{"_id": row["id"], "title": row["title"], "text": row["description"]} for row in rows]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    topics = [line.split("\t") for line in (data / "queries.tsv").read_text().splitlines()]
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in topics))
    judged = [line.split() for line in (data / "qrels.txt").read_text().splitlines()]
    qrels = [f"{q}\t{d}\t{g}\n" for q, _, d, g in judged]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(qrels))
    return folder


def test_figures_are_those_of_index_run_score_and_ir_measures(run_cli, folder, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run_cli(
        "bench", folder, "--model", static_model, *(word for way in WAYS for word in ("--with", way)), "-k", "50"
    )
    assert ran.code == 0, ran.stderr
    out = tmp_path / "bags-bench"
    report = json.loads((out / "report.json").read_text())
    assert (
        run_cli("index", folder / "corpus.jsonl", "--index", "by-hand", "--model", static_model, "--also", "bm25").code
        == 0
    )
    qrels = list(ir_measures.read_trec_qrels(str(out / "qrels.txt")))
    judged = {one.query_id for one in qrels}
    topics = [line for line in (folder / "queries.jsonl").read_text().splitlines() if json.loads(line)["_id"] in judged]
    (tmp_path / "topics.jsonl").write_text("\n".join(topics))
    parsed = [ir_measures.parse_measure(name) for name in MEASURES]
    for way, found in zip(WAYS, report["runs"], strict=True):
        command = [
            "run",
            "topics.jsonl",
            "--index",
            "by-hand",
            "--with",
            way,
            "-k",
            "50",
            "-o",
            f"{way}.trec",
            "--tag",
            way,
        ]
        assert run_cli(*command).code == 0
        assert (tmp_path / f"{way}.trec").read_bytes() == (out / f"{way}.trec").read_bytes()
        theirs = ir_measures.calc_aggregate(parsed, qrels, ir_measures.read_trec_run(str(out / f"{way}.trec")))
        assert found["measures"] == {str(measure): value for measure, value in theirs.items()}
    names = [word for name in MEASURES for word in ("-m", name)]
    scored = run_cli(
        "score", *(f"{way}.trec" for way in WAYS), "--qrels", folder / "qrels" / "test.tsv", "--json", *names
    )
    for ours, theirs in zip(report["runs"], json.loads(scored.stdout)["runs"], strict=True):
        assert {name: one["mean"] for name, one in theirs["measures"].items()} == ours["measures"]
        assert {name: one["p_holm"] for name, one in theirs["measures"].items()} == ours["p_holm"]
    assert (report["collection"]["judged queries"], report["collection"]["documents"]) == (len(judged), 64)
    markdown = (out / "report.md").read_text()
    for found in report["runs"]:
        assert all(f"{value:.4f}" in markdown for value in found["measures"].values())
    assert ran.stdout.strip() in markdown
    assert report["bytes"]["all"] == sum(path.stat().st_size for path in (out / "index").rglob("*") if path.is_file())
    missing = {one.doc_id for one in qrels} - {
        json.loads(line)["_id"] for line in (folder / "corpus.jsonl").read_text().splitlines()
    }
    assert report["left out"]["judged documents that the collection lacks"] == len(missing)

    before = {path: path.stat().st_mtime_ns for path in (out / "index" / "collection").iterdir()}
    again = run_cli("bench", folder, "--model", static_model, "--with", "lucene", "-k", "50")
    report_again = json.loads((out / "report.json").read_text())
    assert (again.code, report_again["index reused"], report["index reused"]) == (0, True, False)
    assert {path: path.stat().st_mtime_ns for path in (out / "index" / "collection").iterdir()} == before
    assert report_again["runs"][0]["measures"] == report["runs"][1]["measures"]
    other = run_cli("bench", folder, "--model", static_model, "--top-terms", "3")
    assert (other.code, other.stdout) == (1, "")
    assert "was made with other settings: top_terms none (now 3); use --overwrite to replace it" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "bags/out"], "--out is bags/out, which is in the collection bags; name a folder beside it"),
        (["--index", "bags/index"], "--index is bags/index, which is in the collection bags; name a folder beside it"),
        (["--index", "same", "--out", "same"], "--index is same, the folder of the report; name another"),
        (["--with", "lucene", "--with", "lucene"], "--with names a way to search twice; name each once"),
        (["-m", "nope"], "-m is 'nope', which ir-measures does not know; expected names as nDCG@10"),
        (["--with", "nothing"], "--with is 'nothing'; expected lucene, "),
        (["--rrf-k", "3"], "--rrf-k is for searches that are fused, and --with lucene fuses none; use "),
        (["--split", "dev"], "--split is 'dev', and bags has judgments of test; choose one of them"),
    ],
)
def test_arguments_that_cannot_be_meant_are_one_sentence(run_cli, folder, monkeypatch, arguments, sentence):
    monkeypatch.chdir(folder.parent)
    ran = run_cli("bench", "bags", *arguments)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[-1].startswith(f"Error: {sentence}")
    assert not (folder.parent / "bags-bench").exists()


def test_what_is_left_out_is_told_and_reported(run_cli, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few").mkdir()
    documents = "pid\tpassage\nd1\tblack bag\nd2\t \nd3\tblack shoes\n"
    (tmp_path / "few" / "collection.tsv").write_text(documents)
    (tmp_path / "few" / "queries.eval.tsv").write_text("1\tblack bag\n2\tshoes\n3\tbag\n")
    (tmp_path / "few" / "qrels.eval.tsv").write_text("1\t0\td1\t1\n2\t0\td3\t0\n2\t0\td9\t0\n")
    ran = run_cli("bench", "few", "--model", static_model)
    assert ran.code == 0, ran.stderr
    expected = {
        "topics without judgments": 1,
        "judged queries without a relevant document, which count as 0": 1,
        "lines that are headings": 1,
        "documents without text": 1,
        "judged documents that the collection lacks": 1,
    }
    assert json.loads((tmp_path / "few-bench" / "report.json").read_text())["left out"] == expected
    told = [line for line in ran.stderr.splitlines() if line.startswith("left out")]
    assert sorted(told) == sorted(f"left out, {what}: {count}" for what, count in expected.items())
    assert "topics and judgments of the split eval; --split names another" in ran.stderr
    found = {line.split()[2] for line in (tmp_path / "few-bench" / "lucene.trec").read_text().splitlines()}
    assert found == {"d1", "d3"}


def save_few(folder, documents, topics, qrels):
    folder.mkdir()
    (folder / "collection.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in documents))
    (folder / "queries.dev.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in topics))
    (folder / "qrels.dev.tsv").write_text("".join(f"{query}\t0\t{name}\t{grade}\n" for query, name, grade in qrels))


def test_passages_are_folded_once(run_cli, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documents = [("a#1#0", "black bag"), ("a#1#1", "black bag of leather"), ("a#2#0", "red shoes"), ("b#0", "bag")]
    save_few(tmp_path / "few", documents, [("1", "black bag"), ("2", "red shoes")], [("1", "a#1", 1), ("2", "a#2", 1)])
    ran = run_cli("bench", "few", "--model", static_model, "--max-passage", "#", "-m", "RR@10")
    assert ran.code == 0, ran.stderr
    run, qrels = tmp_path / "few-bench" / "lucene.trec", tmp_path / "few-bench" / "qrels.txt"
    assert {line.split()[2] for line in run.read_text().splitlines()} == {"a#1", "a#2", "b"}
    (found,) = json.loads((tmp_path / "few-bench" / "report.json").read_text())["runs"]
    assert found["measures"]["RR@10"] == 1.0
    by_hand = json.loads(run_cli("score", run, "--qrels", qrels, "-m", "RR@10", "--json").stdout)
    assert by_hand["runs"][0]["measures"]["RR@10"]["mean"] == 1.0


def test_files_that_no_benchmark_wrote_are_not_replaced(run_cli, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_few(tmp_path / "few", [("a", "black bag"), ("b", "bag")], [("1", "black bag")], [("1", "a", 1)])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "topics.jsonl").write_text("precious")
    command = "bench", "few", "--model", static_model, "--out"
    ran = run_cli(*command, "mine")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: --out is mine, which has a topics.jsonl and no report.json of a benchmark; name another, or use "
        "--overwrite"
    )
    assert (tmp_path / "mine" / "topics.jsonl").read_text() == "precious"
    assert run_cli(*command, "mine", "--overwrite").code == 0
    assert run_cli(*command, "mine").code == 0  # it is a benchmark's by now
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "qrels.txt").symlink_to(tmp_path / "few" / "qrels.dev.tsv")
    ran = run_cli(*command, "linked", "--overwrite")
    assert (ran.code, (tmp_path / "few" / "qrels.dev.tsv").read_text()) == (2, "1\t0\ta\t1\n")
    assert "which is a file of the collection and would be overwritten" in ran.stderr


def test_a_report_that_was_not_finished_is_none(run_cli, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_few(tmp_path / "few", [("a", "black bag")], [("1", "black bag")], [("1", "a", 1)])
    assert run_cli("bench", "few", "--model", static_model).code == 0
    (tmp_path / "few" / "collection.tsv").write_text("a\tblack bag\na\tagain\n")
    assert run_cli("bench", "few", "--model", static_model, "--overwrite").code == 1
    assert not (tmp_path / "few-bench" / "report.md").exists()
    assert json.loads((tmp_path / "few-bench" / "report.json").read_text()) == {"unfinished": True}


def test_a_command_that_is_refused_leaves_the_report_before_it(run_cli, static_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_few(tmp_path / "few", [("a", "black bag")], [("1", "black bag")], [("1", "a", 1)])
    assert run_cli("bench", "few", "--model", static_model).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "few-bench").glob("*.*")}
    ran = run_cli("bench", "few", "--model", static_model, "--top-terms", "1")
    assert ran.code == 1
    assert "--overwrite" in ran.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "few-bench").glob("*.*")} == before


def test_published_figures_are_of_the_same_collection_alone():
    found = published("scifact", 5_183, 300, remove_query=True)
    assert [one.measures["nDCG@10"] for one in found.figures] == [0.6789, 0.6647, 0.7041]
    assert all("Pyserini" in one.source for one in found.figures)
    assert found.remark == ""
    assert published("beir/scifact/test", 5_183, 300, remove_query=False).remark == (
        "published figures are without a hit that is the query itself"
    )
    other = published("scifact", 64, 300, remove_query=True)
    assert other.figures == ()
    assert other.remark.endswith("and here are 64 and 300: they are not shown")
    assert published("bags", 64, 3, remove_query=True).figures == ()
