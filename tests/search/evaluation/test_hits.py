"""Which hits count: against pytrec_eval's own -J, ir-measures on runs that were rewritten by hand, and each other."""

import json

import ir_measures
import pytest
import pytrec_eval
from scipy.stats import ttest_rel

from sparton import Searcher, build_index
from sparton.search.evaluation.hits import HitOptions, ScoringOptions, best_hits, document_of
from sparton.search.evaluation.measures import parse_measures
from sparton.search.evaluation.score import score_runs
from sparton.search.evaluation.significance import holm
from sparton.search.evaluation.trec_files import read_qrels, read_run

QRELS = "q1 0 a 3\nq1 0 b 0\nq1 0 c 1\nq2 0 a 1\nq2 0 q2 2\n"
RUN = {
    "q1": [("x", 9.0), ("b", 8.0), ("y", 7.0), ("a", 6.0), ("c", 5.0)],
    "q2": [("q2", 9.0), ("z", 5.0), ("a", 4.0)],
}
PASSAGES = {
    "q1": [("x#1", 9.0), ("b#3", 8.0), ("x#0", 7.5), ("y", 7.0), ("b#1", 6.5), ("a#0#2", 6.25), ("a#1", 6.0), ("c#7", 5.0)],  # noqa: E501
    "q2": [("q2#1", 9.0), ("z#0", 5.0), ("q2#0", 4.5), ("a#9", 4.0)],
}  # fmt: skip
NAMES = ["nDCG@10", "RR", "R@2", "AP", "P@2"]


def write_run(path, run):
    lines = [
        f"{query} Q0 {name} {rank} {score} t\n"
        for query, hits in run.items()
        for rank, (name, score) in enumerate(hits, start=1)
    ]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qrels").write_text(QRELS)
    write_run(tmp_path / "run", RUN)
    write_run(tmp_path / "passages", PASSAGES)
    return tmp_path


def by_ir_measures(run, names=NAMES):
    """Means of a run that is given as {query: [(document, score)]}."""
    values = ir_measures.calc_aggregate(
        [ir_measures.parse_measure(name) for name in names],
        list(ir_measures.read_trec_qrels("qrels")),
        [ir_measures.ScoredDoc(query, name, score) for query, hits in run.items() for name, score in hits],
    )
    return tuple(values[ir_measures.parse_measure(name)] for name in names)


def test_judged_only_is_what_trec_eval_computes_with_j(files):
    evaluator = pytrec_eval.RelevanceEvaluator(
        read_qrels(files / "qrels"), {"ndcg_cut.10", "recip_rank", "recall.2", "map", "P.2"}, judged_docs_only_flag=True
    )
    theirs = evaluator.evaluate(read_run(files / "run"))
    (scored,) = score_runs([files / "run"], files / "qrels", NAMES, ScoringOptions(judged_only=True)).runs
    for name, values in zip(["ndcg_cut_10", "recip_rank", "recall_2", "map", "P_2"], scored.per_query, strict=True):
        assert values == pytest.approx({query: theirs[query][name] for query in ("q1", "q2")}, abs=1e-12)
    assert scored.left_out.unjudged == 3
    plain = score_runs([files / "run"], files / "qrels", NAMES).runs[0]
    assert plain.means != scored.means


def test_a_querys_own_document_is_left_out(files):
    (scored,) = score_runs([files / "run"], files / "qrels", NAMES, ScoringOptions(remove_query=True)).runs
    assert scored.means == by_ir_measures({"q1": RUN["q1"], "q2": RUN["q2"][1:]})
    assert (scored.left_out.own, scored.left_out.passages) == (1, 0)


def test_passages_are_folded_by_their_documents_best(files):
    (scored,) = score_runs([files / "passages"], files / "qrels", NAMES, ScoringOptions(max_passage="#")).runs
    folded = {  # a#0#2 is of a#0, the part before the last separator
        "q1": [("x", 9.0), ("b", 8.0), ("y", 7.0), ("a#0", 6.25), ("a", 6.0), ("c", 5.0)],
        "q2": [("q2", 9.0), ("z", 5.0), ("a", 4.0)],
    }
    assert scored.means == by_ir_measures(folded)
    assert scored.left_out.passages == 3
    every = ScoringOptions(max_passage="#", remove_query=True, judged_only=True)
    (scored,) = score_runs([files / "passages"], files / "qrels", NAMES, every).runs
    assert scored.means == by_ir_measures({"q1": [("b", 8.0), ("a", 6.0), ("c", 5.0)], "q2": [("a", 4.0)]})
    assert (scored.left_out.passages, scored.left_out.own, scored.left_out.unjudged) == (3, 1, 4)


def test_the_command_says_what_it_left_out(run_cli, files):
    ran = run_cli(
        "score", "passages", "--qrels", "qrels", "--max-passage", "#", "--remove-query", "--judged-only", "--json"
    )
    assert ran.stderr == (
        "passages: 3 hits of a document that has a better passage left out; 1 hit that are their query itself left out; "  # noqa: E501
        "4 hits without a judgment left out\n"
    )
    (run,) = json.loads(ran.stdout)["runs"]
    assert run["hits_left_out"] == {"passages": 3, "own": 1, "unjudged": 4}


@pytest.mark.parametrize(
    ("name", "document"),
    [("d#1", "d"), ("d#1#2", "d#1"), ("d", "d"), ("#1", "#1"), ("d#", "d"), ("http://x#a", "http://x")],
)
def test_the_document_of_a_passage(name, document):
    assert document_of(name, "#") == document


@pytest.mark.parametrize("k", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("options", [HitOptions(), HitOptions(remove_query=True), HitOptions(max_passage="#"),
                                     HitOptions(max_passage="#", remove_query=True)])  # fmt: skip
def test_hits_are_the_best_of_all_hits(k, options):
    """However few are asked for: with ties, and with documents whose passages stand in one another's way."""
    every = sorted(((f"d{n % 11}#{n}", float(20 - n // 7)) for n in range(60)), key=lambda hit: (-hit[1], hit[0]))
    every.insert(0, ("q", 99.0))
    asked = []

    def search(most):
        asked.append(most)
        return every[:most]

    found, own = best_hits(search, "q", k, options)
    expected = every
    if options.max_passage:
        best = {}
        for name, score in every:
            best[name.split("#")[0]] = max(score, best.get(name.split("#")[0], score))
        expected = sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))
    if options.remove_query:
        expected = [hit for hit in expected if hit[0] != "q"]
    assert found == expected[:k]
    assert own == options.remove_query
    assert len(asked) == 1 or options.max_passage


TREC = {
    "ndcg_cut_10": "nDCG@10", "ndcg": "nDCG", "map": "AP", "map_cut_100": "AP@100", "recip_rank": "RR", "P_10": "P@10",
    "recall_1000": "R@1000", "bpref": "Bpref", "success_5": "Success@5", "Rprec": "Rprec", "num_ret": "NumRet",
    "iprec_at_recall_0.50": "IPrec@0.5", "set_P": "SetP", "ndcg_cut.10": "nDCG@10",
}  # fmt: skip


@pytest.mark.parametrize(("trec", "name"), TREC.items())
def test_names_of_trec_eval_are_measures_of_ir_measures(trec, name):
    (measure,) = parse_measures(trec)
    assert measure == ir_measures.parse_measure(name)


def test_values_by_names_of_trec_eval_are_trec_evals(files):
    names = ["ndcg_cut_10", "ndcg", "map", "recip_rank", "P_10", "recall_1000", "bpref", "success_5", "Rprec"]
    theirs = pytrec_eval.RelevanceEvaluator(read_qrels(files / "qrels"), pytrec_eval.supported_measures).evaluate(
        read_run(files / "run")
    )
    (scored,) = score_runs([files / "run"], files / "qrels", names).runs
    for name, values in zip(names, scored.per_query, strict=True):
        assert values == pytest.approx({query: theirs[query][name] for query in ("q1", "q2")}, abs=1e-12), name
    assert [str(one) for one in parse_measures("ndcg_cut.5,10")] == ["nDCG@5", "nDCG@10"]


def test_p_values_are_corrected_as_holm_has_it(files):
    assert holm([None, 0.01, 0.04, 0.03, 0.005]) == pytest.approx([None, 0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]
    without, first, second = holm([float("nan"), 0.01, 0.04])
    assert without != without  # no number
    assert (first, second) == (0.02, 0.04)
    assert holm([None, 0.25]) == [None, 0.25]
    for number in range(4):
        shift = [(name, score if name != "a" else 9.5 - number) for name, score in RUN["q1"]]
        write_run(files / f"run{number}", {"q1": shift, "q2": RUN["q2"][: number + 1]})
    runs = [files / f"run{number}" for number in range(4)]
    scores = score_runs(runs, files / "qrels", ["AP", "nDCG@10"])
    for column in range(2):
        base = list(scores.runs[0].per_query[column].values())
        raw = [run.p[column] for run in scores.runs[1:]]
        for p, run in zip(raw, scores.runs[1:], strict=True):
            ours = list(run.per_query[column].values())
            assert p == (1.0 if ours == base else pytest.approx(ttest_rel(ours, base).pvalue))
        order = sorted(range(3), key=lambda place: raw[place])
        expected, least = {}, 0.0
        for rank, place in enumerate(order):
            least = max(least, min(1.0, raw[place] * (3 - rank)))
            expected[place] = least
        assert [run.p_holm[column] for run in scores.runs] == [None, *(expected[place] for place in range(3))]


def test_the_table_has_corrected_values_and_says_so(run_cli, files):
    write_run(files / "other", {"q1": RUN["q1"][3:], "q2": RUN["q2"]})
    write_run(files / "third", {"q1": RUN["q1"][3:], "q2": RUN["q2"][2:]})
    ran = run_cli("score", "run", "other", "third", "--qrels", "qrels", "-m", "AP")
    scores = score_runs([files / name for name in ("run", "other", "third")], files / "qrels", ["AP"])
    assert [line.split("\t")[2] for line in ran.stdout.splitlines()[2:]] == [
        f"{run.p_holm[0]:.3g}" for run in scores.runs[1:]
    ]
    assert [run.p_holm != run.p for run in scores.runs[1:]].count(True) >= 1
    assert ran.stderr == "p is corrected by Holm's method for the 2 runs that are compared with run\n"


def test_a_run_of_which_nothing_is_judged_is_told_with_an_example(run_cli, files):
    write_run(files / "other", {"q1": [("A-1", 2.0)], "q2": [("A-2", 1.0)]})
    write_run(files / "queries", {"001": [("a", 2.0)]})
    ran = run_cli("score", "other", "--qrels", "qrels", "-m", "AP")
    assert ran.code == 0
    assert ran.stderr == (
        "other: no document of the run is judged: it has 'A-1', and the judgments have 'a'; see that both call a "
        "document the same\n"
    )
    ran = run_cli("score", "queries", "--qrels", "qrels", "-m", "AP")
    assert ran.stderr.endswith(
        "no query of the run is judged: it has '001', and the judgments have 'q1'; see that both call a query the same\n"  # noqa: E501
    )
    assert "is judged" not in run_cli("score", "run", "--qrels", "qrels").stderr
    # Queries that found nothing but themselves, which is judged, are no strangers; passages are told as documents.
    (files / "own.qrels").write_text("q1 0 q1 1\n")
    write_run(files / "own", {"q1": [("q1", 2.0)]})
    assert "is judged" not in run_cli("score", "own", "--qrels", "own.qrels", "-m", "AP", "--remove-query").stderr
    write_run(files / "passages", {"q1": [("A-1#4", 2.0)]})
    ran = run_cli("score", "passages", "--qrels", "own.qrels", "-m", "AP", "--max-passage", "#")
    assert "it has 'A-1', and the judgments have 'q1'" in ran.stderr


@pytest.mark.slow
def test_the_plot_names_its_queries(run_cli, files):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    write_run(files / "other", {"q1": RUN["q1"][3:]})
    assert run_cli("score", "run", "other", "--qrels", "qrels", "-m", "AP", "--plot", "d.svg").code == 0
    comments = (files / "d.svg").read_text()  # matplotlib writes each text as a comment before its outlines
    assert "<!-- q1 -->" in comments
    assert "<!-- q2 -->" in comments
    judged = {f"$q_{n}$": n for n in range(100)}
    (files / "qrels").write_text("".join(f"{query} 0 a 1\n" for query in judged))
    write_run(files / "run", {query: [("z", 2.0), ("a", 1.0)] for query in judged})
    write_run(
        files / "other", {query: [*[(f"z{m}", 9.0) for m in range(n % 50)], ("a", 1.0)] for query, n in judged.items()}
    )
    assert run_cli("score", "run", "other", "--qrels", "qrels", "-m", "AP", "--plot", "d.svg").code == 0
    named = [query for query in judged if f"<!-- {query} -->" in (files / "d.svg").read_text()]
    scores = score_runs([files / "run", files / "other"], files / "qrels", ["AP"])
    base, ours = (run.per_query[0] for run in scores.runs)
    order = sorted(judged, key=lambda query: -(ours[query] - base[query]))
    ends = [query for query in [*order[:20], *order[-20:]] if ours[query] != base[query]]
    assert len(ends) == 38
    assert named == sorted(ends, key=judged.get)


@pytest.fixture(scope="module")
def own_index(tmp_path_factory, static_model):
    """Documents of which three are queries, each in passages that this index takes for documents."""
    texts = [f"{('black', 'red', 'tan')[n % 3]} leather bag number {n}" for n in range(60)]
    rows = [{"id": f"d{n // 4}#{n % 4}", "text": text} for n, text in enumerate(texts)]
    rows.append({"id": "t0", "text": "black leather bag"})
    folder = tmp_path_factory.mktemp("index") / "own"
    build_index(rows, folder, model=str(static_model))
    return folder


@pytest.mark.slow
def test_run_leaves_out_and_folds_as_score_does(run_cli, own_index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "topics").write_text("t0\tblack leather bag\nd3\tred bag number 7\n")
    command = ["run", "topics", "--index", own_index, "-k", "6"]
    ran = run_cli(*command, "-o", "short", "--remove-query", "--max-passage", "#")
    assert ran.stdout == "short: 2 queries, 12 hits, 2 whose own document is left out\n"
    with Searcher(own_index) as searcher:
        for query, text in (("t0", "black leather bag"), ("d3", "red bag number 7")):
            best = {}
            for hit in searcher.search(text, 100):
                best.setdefault(hit.id.partition("#")[0], hit.score)
            assert query in best
            del best[query]
            expected = sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))[:6]
            found = [
                line.split() for line in (tmp_path / "short").read_text().splitlines() if line.startswith(f"{query} ")
            ]
            assert [fields[2] for fields in found] == [name for name, _ in expected]
            assert [float(fields[4]) for fields in found] == pytest.approx([score for _, score in expected], abs=0.01)
            assert [fields[3] for fields in found] == [str(rank) for rank in range(1, 7)]


@pytest.mark.slow
def test_run_with_no_option_is_what_it_was(run_cli, own_index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "topics").write_text("t0\tblack leather bag\n")
    assert run_cli("run", "topics", "--index", own_index, "-o", "plain", "-k", "40").code == 0
    assert run_cli("run", "topics", "--index", own_index, "-o", "other", "-k", "40", "--remove-query").code == 0
    plain, other = (
        [line.split()[2] for line in (tmp_path / name).read_text().splitlines()] for name in ("plain", "other")
    )
    assert "t0" in plain
    assert [name for name in plain if name != "t0"] == other[:39]
    assert len(other) == 40


@pytest.mark.parametrize("command", [["run", "t", "-o", "o"], ["score", "t", "--qrels", "q"]])
def test_an_empty_separator_is_refused(run_cli, command):
    ran = run_cli(*command, "--max-passage", "")
    assert (ran.code, ran.stderr) == (
        2, "Error: --max-passage is ''; expected what separates document and passage in an id, as #\n",
    )  # fmt: skip
