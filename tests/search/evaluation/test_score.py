"""Scores against those of ir-measures and pytrec_eval, called directly."""

import gzip
import json
import os
import threading
from pathlib import Path

import ir_measures
import pytest
import pytrec_eval
from scipy.stats import ttest_rel

from sparton.errors import SpartonError
from sparton.search.evaluation.score import paired_p, score_runs
from sparton.search.evaluation.trec_files import read_qrels, read_run

NAMES = ["nDCG@10", "RR@10", "R@1000", "AP", "P@5"]

# q1: ties and grades; q2: judged, in no run; q3: its relevant document comes after rank 10; q4: nothing relevant;
# x: nobody judged it.
QRELS = """\
q1 0 a 3
q1 0 b 0
q1 0 c 1
q1 0 z 2
q2 0 a 1
q3 0 late 1
q3 0 never 2
q4 0 a 0
"""
FIRST = {
    "q1": [("b", 9.0), ("z", 8.0), ("a", 7.5), ("c", 7.5), ("n", 7.5)],
    "q3": [*((f"n{i}", 50.0 - i) for i in range(14)), ("late", 3.0)],
    "q4": [("a", 2.0)],
    "x": [("a", 1.0)],
}
SECOND = {
    "q1": [("a", 5.0), ("z", 4.0), ("c", 3.0)],
    "q3": [("never", 8.0), ("late", 7.0)],
    "q4": [("b", 2.0)],
}


def run_text(run):
    return "".join(
        f"{query} Q0 {name} {rank} {score:.6f} test\n"
        for query, hits in run.items()
        for rank, (name, score) in enumerate(hits, start=1)
    )


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in (("qrels", QRELS), ("first", run_text(FIRST)), ("second", run_text(SECOND))):
        (tmp_path / name).write_text(content)
    return tmp_path


def by_pytrec_eval(run, qrels):
    """{measure: {query: value}} of judged queries, those without results at 0."""
    names = {"nDCG@10": "ndcg_cut_10", "RR@10": "recip_rank", "R@1000": "recall_1000", "AP": "map", "P@5": "P_5"}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recip_rank", "recall.1000", "map", "P.5"})
    found = evaluator.evaluate(run)
    values = {
        name: {query: found[query][key] if query in found else 0.0 for query in qrels} for name, key in names.items()
    }
    values["RR@10"] = {query: value if value >= 0.1 else 0.0 for query, value in values["RR@10"].items()}
    return values


def test_scores_are_those_of_ir_measures_and_pytrec_eval(files):
    scores = score_runs([files / "first", files / "second"], files / "qrels", NAMES)
    assert (scores.measures, scores.queries) == (tuple(NAMES), 4)
    for scored in scores.runs:
        theirs = ir_measures.calc_aggregate(
            [ir_measures.parse_measure(name) for name in NAMES],
            list(ir_measures.read_trec_qrels(str(files / "qrels"))),
            list(ir_measures.read_trec_run(str(scored.path))),
        )
        assert dict(zip(NAMES, scored.means, strict=True)) == {str(key): value for key, value in theirs.items()}
        others = by_pytrec_eval(read_run(scored.path), read_qrels(files / "qrels"))
        for name, mean, values in zip(NAMES, scored.means, scored.per_query, strict=True):
            assert values == pytest.approx(others[name], abs=1e-12)
            assert f"{mean:.4f}" == f"{sum(others[name].values()) / 4:.4f}"
            assert values["q2"] == values["q4"] == 0
    first, second = scores.runs
    assert (first.without_results, first.unjudged, second.without_results, second.unjudged) == (1, 1, 1, 0)
    assert first.per_query[1]["q3"] == 0
    assert second.per_query[0]["q3"] == 1


def test_ties_are_broken_as_ir_measures_breaks_them(files):
    """By id: the later first, as trec_eval does; in RR with a cutoff the earlier first, as MS MARCO does."""
    (files / "tied").write_text("q1 Q0 a 1 7 t\nq1 Q0 n 2 7 t\n")
    (tied,) = score_runs([files / "tied"], files / "qrels", ["RR", "RR@10"]).runs
    assert [values["q1"] for values in tied.per_query] == [0.5, 1.0]


def test_p_is_of_the_paired_t_test_over_judged_queries(files):
    scores = score_runs([files / "first", files / "second", files / "first"], files / "qrels", NAMES)
    first, second, same = scores.runs
    assert first.p == (None,) * 5
    assert same.p == (1.0,) * 5
    for column, p in enumerate(second.p):
        ours = [second.per_query[column][query] for query in ("q1", "q2", "q3", "q4")]
        theirs = [first.per_query[column][query] for query in ("q1", "q2", "q3", "q4")]
        assert p == ttest_rel(ours, theirs).pvalue


def test_p_where_there_is_no_spread():
    assert paired_p({"a": 0.5}, {"a": 0.1}) is None
    assert paired_p({"a": 0.5, "b": 1.0}, {"a": 0.25, "b": 0.75}) == 0


def test_the_command_prints_a_table_and_says_what_does_not_count(run_cli, files):
    ran = run_cli("score", "first", "second", "--qrels", "qrels", "-m", "nDCG@10", "-m", "R@1000")
    assert ran.code == 0
    head, first, second = (line.split("\t") for line in ran.stdout.splitlines())
    scores = score_runs([files / "first", files / "second"], files / "qrels", ["nDCG@10", "R@1000"]).runs
    assert head == ["run", "nDCG@10", "nDCG@10 p", "R@1000", "R@1000 p"]
    assert first == ["first", *(text for mean in scores[0].means for text in (f"{mean:.4f}", ""))]
    (ndcg, recall), (p_ndcg, p_recall) = scores[1].means, scores[1].p
    assert second == ["second", f"{ndcg:.4f}", f"{p_ndcg:.3g}", f"{recall:.4f}", f"{p_recall:.3g}"]
    assert ran.stderr == (
        "first: 1 of 4 judged queries have no results and count as 0; 1 queries have results and no judgments, and do "
        "not count\nsecond: 1 of 4 judged queries have no results and count as 0\n"
    )


def test_the_command_gives_values_of_each_query(run_cli, files):
    ran = run_cli("score", "first", "second", "--qrels", "qrels", "-m", "RR@10", "--per-query")
    assert ran.stdout.splitlines() == [
        "measure\tquery\tfirst\tsecond",
        "RR@10\tq1\t0.5000\t1.0000",
        "RR@10\tq2\t0.0000\t0.0000",
        "RR@10\tq3\t0.0000\t1.0000",
        "RR@10\tq4\t0.0000\t0.0000",
        "RR@10\tall\t0.1250\t0.5000",
    ]


def test_the_command_gives_json(run_cli, files):
    ran = run_cli("score", "first", "second", "--qrels", "qrels", "--json", "--per-query")
    content = json.loads(ran.stdout)
    first, second = content["runs"]
    assert (content["judged"], first["unjudged"], second["without_results"]) == (4, 1, 1)
    assert list(first["measures"]) == ["nDCG@10", "RR@10", "R@1000", "AP"]
    assert first["measures"]["RR@10"]["p"] is None
    assert second["measures"]["RR@10"]["per_query"] == {"q1": 1, "q2": 0, "q3": 1, "q4": 0}
    assert (
        "per_query"
        not in json.loads(run_cli("score", "first", "--qrels", "qrels", "--json").stdout)["runs"][0]["measures"]["AP"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["d.png", "d.svg"])
def test_the_plot_is_a_picture(run_cli, files, name):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    ran = run_cli("score", "first", "second", "--qrels", "qrels", "--plot", name)
    assert ran.code == 0, ran.stderr
    start = (files / name).read_bytes()[:100]
    assert start.startswith(b"\x89PNG") if name == "d.png" else b"<?xml" in start
    assert not (files / f"{name}.tmp").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plot", "sentence"),
    [
        ("second.svg", "which is the run second and would be overwritten; name another file"),
        ("q.svg", "which is the judgments qrels and would be overwritten; name another file"),
        ("new/d.svg", "and the folder new does not exist; make it, or name another file"),
    ],
)
def test_where_a_plot_cannot_go_is_found_before_anything_is_scored(run_cli, files, plot, sentence):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    (files / "second.svg").symlink_to("second")
    (files / "q.svg").hardlink_to(files / "qrels")
    before = {path: path.read_bytes() for path in files.iterdir()}
    ran = run_cli("score", "first", "second", "--qrels", "qrels", "--plot", plot)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: --plot is {plot}, {sentence}\n")
    assert {path: path.read_bytes() for path in files.iterdir()} == before


@pytest.mark.slow
def test_a_plot_goes_through_a_link_and_into_a_pipe(run_cli, files):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    command = ["score", "first", "second", "--qrels", "qrels", "--plot"]
    (files / "link.png").symlink_to("target")
    os.mkfifo(files / "pipe.png")
    got = []
    reader = threading.Thread(target=lambda: got.append((files / "pipe.png").read_bytes()))
    reader.start()
    for name in ("plain.png", "link.png", "pipe.png"):
        assert run_cli(*command, name).code == 0
    reader.join(timeout=60)
    assert (files / "link.png").is_symlink()
    assert [(files / "target").read_bytes(), *got] == [(files / "plain.png").read_bytes()] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (
            ["first", "--qrels", "qrels", "-m", "bogus"],
            "-m is 'bogus', which ir-measures does not know; expected names as nDCG@10, RR@10, R@1000, AP, P@5, or "
            "trec_eval's, as ndcg_cut_10",
            2,
        ),
        (
            ["first", "--qrels", "qrels", "--plot", "d.png"],
            "--plot draws differences between runs; give it two or more",
            2,
        ),
        (["nothing", "--qrels", "qrels"], "nothing cannot be read (No such file or directory)", 1),
        (["empty", "--qrels", "qrels"], "empty holds no results; expected a TREC run", 1),
        (["first", "--qrels", "empty"], "empty holds no judgments; expected TREC's qrels", 1),
        (
            ["qrels", "--qrels", "qrels"],
            "qrels, line 1: 4 fields; expected 6 of a TREC run: query, Q0, document, rank, score, tag",
            1,
        ),
        (
            ["first", "--qrels", "first"],
            "first, line 1: 6 fields; expected 4 of TREC judgments: query, 0, document, grade; or 3, without the 0",
            1,
        ),
        (["nan", "--qrels", "qrels"], "nan, line 1: the score is 'nan'; expected a number", 1),
        (["twice", "--qrels", "qrels"], "twice, line 2: the document 'a' stands twice for the query 'q1'", 1),
        (["first", "--qrels", "half"], "half, line 1: the grade is '0.5'; expected a whole number", 1),
    ],
)
def test_bad_input_gets_one_sentence(run_cli, files, arguments, sentence, code):
    (files / "empty").write_text("\n")
    (files / "nan").write_text("q1 Q0 a 1 nan t\n")
    (files / "twice").write_text("q1 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n")
    (files / "half").write_text("q1 0 a 0.5\n")
    ran = run_cli("score", *arguments)
    assert ran.stderr.splitlines()[-1] == f"Error: {sentence}"
    assert ran.code == code


def test_judgments_of_beir_do_as_well(tmp_path):
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t2\n")
    assert read_qrels(tmp_path / "qrels.tsv") == {"q1": {"a": 2}}


@pytest.mark.parametrize(
    ("content", "qrels"),
    [
        ("query-id\tcorpus-id\tscore\nq1\ta\t2\r\nq2\tb\t0\n", {"q1": {"a": 2}, "q2": {"b": 0}}),
        ("qid docid rel\nq1 a 1.0\n", {"q1": {"a": 1}}),
        ("\ufeffTopic Iteration Document# Relevancy\nq1 0 a 1\n", {"q1": {"a": 1}}),
        ("query_id\titer\tdoc_id\trelevance\nq1\t0\ta\t1\n", {"q1": {"a": 1}}),
        ("q1 0 a -2\nq1\t0  b\t+3.\n\nq1 Q0 c 1000000\n", {"q1": {"a": -2, "b": 3, "c": 1_000_000}}),
        ("q\u00a01 0 a\x1cb 0001.000\n", {"q\u00a01": {"a\x1cb": 1}}),
        (gzip.compress(b"q1 0 a 1\n", mtime=0), {"q1": {"a": 1}}),
    ],
)
def test_judgments_as_people_have_them(tmp_path, content, qrels):
    path = tmp_path / "qrels"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read_qrels(path) == qrels


_BETWEEN = "expected one from -1,000,000 to 1,000,000"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        *[
            (f"q1 0 a 1\nq1 0 b {grade}\n", f", line 2: the grade is '{grade}'; {expected}")
            for grade, expected in [
                ("1.5", "expected a whole number"),
                ("1e300", "expected a whole number"),
                ("NaN", "expected a whole number"),
                ("inf", "expected a whole number"),
                ("1_0", "expected a whole number"),
                ("\u0663", "expected a whole number"),
                ("--1", "expected a whole number"),
                ("1000001", _BETWEEN),
                ("-1000001.0", _BETWEEN),
                (f"{10**30}", _BETWEEN),
            ]
        ],
        ("q1 0 a " + "9" * 9_000, f", line 1: the grade is '{'9' * 58}…; {_BETWEEN}"),
        ("score\tcorpus-id\tquery-id\n", ", line 1: the grade is 'query-id'; expected a whole number"),
        ("query-id score corpus-id\n", ", line 1: the grade is 'corpus-id'; expected a whole number"),
        ("q1 0 a 1\nquery 0 docid score\n", ", line 2: the grade is 'score'; expected a whole number"),
        (
            "q1 a 1\nq1 0 b 1\n",
            ", line 2: 4 fields, and line 1 has 3; expected as many in each line, and no blanks in ids",
        ),
        (
            "query-id corpus-id score\nq1 a b 1\n",
            ", line 2: 4 fields, and line 1 has 3; expected as many in each line, and no blanks in ids",
        ),
        ("q1 1\n", ", line 1: 2 fields; expected 4 of TREC judgments: query, 0, document, grade; or 3, without the 0"),
        ("q1 0 a\0b 1\n", ", line 1 holds NUL, at which trec_eval would cut it; expected text without it"),
        ("q1 0 a 1\nq1 0 a 1\n", ", line 2: the document 'a' stands twice for the query 'q1'"),
        ("query-id\tcorpus-id\tscore\n", " holds no judgments; expected TREC's qrels"),
        (
            b"q1 0 a 1\nq1 0 \xff 1\n",
            ", line 2: this is not UTF-8 (invalid start byte); save the file as UTF-8",
        ),
        (
            "q1 0 a 1\n".encode("utf-16"),
            ", line 1: this is not UTF-8 (invalid start byte); save the file as UTF-8",
        ),
    ],
)
def test_judgments_that_are_none_get_one_sentence(tmp_path, monkeypatch, content, sentence):
    monkeypatch.chdir(tmp_path)
    path = Path("qrels")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SpartonError) as caught:
        read_qrels(path)
    assert str(caught.value) == f"qrels{sentence}"


def test_runs_as_people_have_them(tmp_path):
    content = "\ufeffq1\tQ0\ta\u00a0b\t1\t-1e3\tt\r\n\nq1  Q0 c 2 +.5 t\nq\u2003 Q0 \x1f 1 3.e0 t\n".encode()
    expected = {"q1": {"a\u00a0b": -1000.0, "c": 0.5}, "q\u2003": {"\x1f": 3.0}}
    for written in (content, gzip.compress(content)):
        (tmp_path / "run").write_bytes(written)
        assert read_run(tmp_path / "run") == expected


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("q1 Q0 b 1 2", ": 5 fields; expected 6 of a TREC run: query, Q0, document, rank, score, tag"),
        ("q1 Q0 b c 1 2 t", ": 7 fields; expected 6 of a TREC run: query, Q0, document, rank, score, tag"),
        ("q1 Q0 b 1 inf t", ": the score is 'inf'; expected a number"),
        ("q1 Q0 b 1 1_0 t", ": the score is '1_0'; expected a number"),
        ("q1 Q0 b 1 \u0663 t", ": the score is '\u0663'; expected a number"),
        ("q1 Q0 b 1 1e39 t", ": the score is '1e39'; expected a number of at most 3.4e38"),
        ("q1 Q0 b 1 -1e999 t", ": the score is '-1e999'; expected a number of at most 3.4e38"),
        ("q1 Q0 b\0 1 2 t", " holds NUL, at which trec_eval would cut it; expected text without it"),
        ("q1 Q0 a 2 1 t", ": the document 'a' stands twice for the query 'q1'"),
        ("q1 Q0 b 1 2 t\rq1 Q0 c 1 2 t", " has a carriage return within it; expected lines that end in LF or CRLF"),
    ],
)
def test_runs_that_are_none_get_one_sentence(tmp_path, monkeypatch, line, sentence):
    monkeypatch.chdir(tmp_path)
    path = Path("run")
    path.write_bytes(f"q1 Q0 a 1 9 t\n{line}\n".encode())
    with pytest.raises(SpartonError) as caught:
        read_run(path)
    assert str(caught.value) == f"run, line 2{sentence}"


_UNKNOWN = (
    "which ir-measures does not know; expected names as nDCG@10, RR@10, R@1000, AP, P@5, or trec_eval's, as ndcg_cut_10"
)
_CUTOFF = "expected a whole number from 1 to 1,000,000"


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ("nDCG@0", f"-m is 'nDCG@0', whose cutoff is 0; {_CUTOFF}"),
        (f"nDCG@{10**30}", f"-m is 'nDCG@{10**30}', whose cutoff is {10**30}; {_CUTOFF}"),
        ("P@4294967301", f"-m is 'P@4294967301', whose cutoff is 4294967301; {_CUTOFF}"),
        ("P@True", f"-m is 'P@True', whose cutoff is True; {_CUTOFF}"),
        ("P(rel=0)@5", "-m is 'P(rel=0)@5', whose rel is 0; expected a whole number from 1 to 1,000,000"),
        ("IPrec@7.0", "-m is 'IPrec@7.0', whose recall is 7.0; expected a number from 0 to 1"),
        ("R@-1", f"-m is 'R@-1', {_UNKNOWN}"),
        ("P@1.5", f"-m is 'P@1.5', {_UNKNOWN}"),
        ("P", f"-m is 'P', {_UNKNOWN}"),
        ("nDCG@\u0663", f"-m is 'nDCG@\u0663', {_UNKNOWN}"),
        ("nDCG@10\0", f"-m is 'nDCG@10\\x00', {_UNKNOWN}"),
        ("(" * 5_000, f"-m is '{'(' * 58}…, {_UNKNOWN}"),
        ("", f"-m is '', {_UNKNOWN}"),
        ("ERR", "-m is 'ERR', which lacks a parameter; expected it as in ERR@10"),
        ("RBP(p=0.7)", "-m is 'RBP(p=0.7)', which lacks a parameter; expected it as in RBP(p=0.7,rel=1)"),
        *[
            (
                measure,
                f"-m is '{measure}', which is of subtopics, and judgments are read without; expected a measure "
                "of documents, as nDCG@10",
            )
            for measure in ("alpha_nDCG@10", "ERR_IA@20", "StRecall@5", "AP_IA")
        ],
    ],
)
def test_measures_that_are_none_get_one_sentence(run_cli, files, measure, sentence):
    ran = run_cli("score", "first", "--qrels", "qrels", "-m", "AP", "-m", measure)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")


def test_a_measure_whose_package_is_missing_names_it(run_cli, files, monkeypatch):
    (provider,) = (one for one in ir_measures.DefaultPipeline.providers if one.NAME == "cwl_eval")
    monkeypatch.setattr(provider, "_is_available", False)
    ran = run_cli("score", "first", "--qrels", "qrels", "-m", "RBP(rel=1)")
    sentence = (
        "-m is 'RBP(rel=1)', which needs cwl_eval, and that is not installed; run `pip install ir-measures[cwl_eval]`"
    )
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")


def test_gdeval_scores_queries_whatever_they_are_called(tmp_path):
    """By the formula of ERR: a document stops a reader with the probability (2^grade - 1) / 16."""
    (tmp_path / "qrels").write_text("en-1 0 a\u00a0\u00c5 2\nde-1 0 b 1\nde-1 0 c\u00c5 4\nq 0 a 1\n")
    (tmp_path / "run").write_text(
        "en-1 Q0 a\u00a0\u00c5 1 3 t\nde-1 Q0 z 1 9 t\nde-1 Q0 c\u00c5 2 8 t\nde-1 Q0 b 3 7 t\nnobody Q0 a 1 1 t\n"
    )
    (scored,) = score_runs([tmp_path / "run"], tmp_path / "qrels", ["ERR@10"]).runs
    de = 15 / 16 / 2 + (1 - 15 / 16) * (1 / 16) / 3
    assert scored.per_query == ({"en-1": 3 / 16, "de-1": pytest.approx(de, abs=1e-5), "q": 0.0},)
    assert scored.means == (pytest.approx((3 / 16 + de) / 3, abs=1e-5),)
    assert (scored.without_results, scored.unjudged) == (1, 1)


def test_grades_that_gdeval_does_not_take_are_told_in_one_sentence(run_cli, files):
    (files / "high").write_text("q1 0 a 5\n")
    ran = run_cli("score", "first", "--qrels", "high", "-m", "AP", "-m", "ERR@10")
    sentence = (
        "-m is 'ERR@10', which gdeval computes for grades of at most 4, and high has 5; choose another, as nDCG@10"
    )
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")
