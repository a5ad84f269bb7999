"""Fused runs against the formulas, computed apart, and what is refused."""

import gzip
import random
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from support.wrong_fusions import wrong_fusions

from sparton.errors import SpartonError, UsageError
from sparton.search.evaluation.fuse import fuse_runs
from sparton.search.evaluation.run_lines import as_close
from sparton.search.evaluation.trec_files import read_run
from sparton.search.fusion.reciprocal_rank import ReciprocalRank
from sparton.search.fusion.weighted_sum import WeightedSum


def lines_of(scores):
    return "".join(
        f"{query} Q0 {name} {rank} {score!r} x\n"
        for query, found in scores.items()
        for rank, (name, score) in enumerate(found.items(), start=1)
    )


def some_runs(count=3, seed=3):
    """Runs of 12 queries, each without some of them, whose scores have ties and stand in no order."""
    rng = random.Random(seed)
    return [
        {
            f"q{query}": {
                f"d{number}": rng.choice([rng.randint(0, 9), rng.uniform(-5, 5)])
                for number in rng.sample(range(60), 40)
            }
            for query in range(12)
            if rng.random() < 0.8
        }
        for _ in range(count)
    ]


def written(tmp_path, runs):
    paths = [tmp_path / f"{number}.trec" for number in range(len(runs))]
    for path, run in zip(paths, runs, strict=True):
        path.write_text(lines_of(run))
    return paths


def in_order(scores):
    return sorted(scores, key=lambda name: (-scores[name], name))


def by_ranks(runs, query, k):
    """Exactly, in fractions."""
    scores = defaultdict(Fraction)
    for run in runs:
        for rank, name in enumerate(in_order(run.get(query, {})), start=1):
            scores[name] += Fraction(1, k + rank)
    return scores


def by_scores(runs, query, weights):
    scores = defaultdict(Fraction)
    for run, weight in zip(runs, weights, strict=True):
        found = {name: Fraction(score) for name, score in run.get(query, {}).items()}
        for name, score in found.items():
            low, high = min(found.values()), max(found.values())
            scores[name] += Fraction(weight) * ((score - low) / (high - low) if high > low else 1)
    return scores


def assert_holds(path, expected, k):
    """A run has these documents, in this order, with these scores to a float's precision. Scores that differ by less
    than floats tell are equal, and the order of those is of ids."""
    run = read_run(path)
    assert list(run) == [query for query, scores in expected.items() if scores]
    for query, scores in expected.items():
        rounded = {name: float(score) for name, score in scores.items()}
        names = in_order(rounded)[:k]
        assert list(run[query]) == names
        found = np.array(list(run[query].values()), np.float32)
        assert (np.diff(found) < 0).all()
        assert found == pytest.approx(np.array([rounded[name] for name in names]), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("k", "constant"), [(1000, None), (7, None), (30, 0), (1000, 1_000)])
def test_reciprocal_ranks_are_those_of_the_formula(tmp_path, k, constant):
    runs = some_runs()
    paths = written(tmp_path, runs)
    report = fuse_runs(paths, tmp_path / "out", k=k, rank_constant=constant, tag="t")
    queries = list(dict.fromkeys(query for run in runs for query in run))
    expected = {query: by_ranks(runs, query, 60 if constant is None else constant) for query in queries}
    assert_holds(tmp_path / "out", expected, k)
    assert report.queries == len(queries)
    assert report.hits == sum(min(k, len(scores)) for scores in expected.values())
    assert report.lacking == {
        path: len(queries) - len(run) for path, run in zip(paths, runs, strict=True) if len(run) < len(queries)
    }
    ranks = [line.split()[3] for line in (tmp_path / "out").read_text().splitlines() if line.startswith("q0 ")]
    assert ranks == [str(rank) for rank in range(1, len(ranks) + 1)]


@pytest.mark.parametrize("weights", [(0.5, 0.25, 0.25), (1, 0, 3), (1e-3, 1e3, 1)])
def test_weighted_sums_are_those_of_the_formula(tmp_path, weights):
    runs = some_runs(seed=8)
    runs[0]["q1"] = {"only": 3.5}
    runs[1]["q2"] = {"b": 2, "a": 2, "c": 2}
    fuse_runs(written(tmp_path, runs), tmp_path / "out", weights=weights)
    queries = list(dict.fromkeys(query for run in runs for query in run))
    assert_holds(tmp_path / "out", {query: by_scores(runs, query, weights) for query in queries}, 1000)


def test_ties_go_by_id_whatever_the_order_of_runs_and_lines():
    one = [("b", 9.0), ("a", 8.0), ("c", 7.0)]
    other = [("a", 3.0), ("b", 2.0), ("d", 1.0)]
    third = [("d", 3.0), ("c", 2.0)]
    assert ReciprocalRank().fuse([one, other]) == [
        ("a", 1 / 61 + 1 / 62),
        ("b", 1 / 61 + 1 / 62),
        ("c", 1 / 63),
        ("d", 1 / 63),
    ]
    orders = [[one, other, third], [third, other, one], [other, third, one]]
    assert len({tuple(ReciprocalRank().fuse(order)) for order in orders}) == 1
    assert WeightedSum([1, 1]).fuse([one, other]) == [("a", 1.5), ("b", 1.5), ("c", 0.0), ("d", 0.0)]
    assert ReciprocalRank().fuse([[], []]) == WeightedSum([1, 2]).fuse([[], []]) == []


def test_scores_that_lie_close_together_keep_their_order_in_a_run():
    scores = [1 / (60 + rank) for rank in range(1, 2_001)] + [1e-4] * 5
    read = np.array(list(map(float, as_close(scores))), np.float32)
    assert (np.diff(read) < 0).all()
    assert read == pytest.approx(np.array(scores), rel=1e-6)
    assert as_close([]) == []
    assert [float(score) for score in as_close([0.0, 0.0])] == [0.0, pytest.approx(0, abs=1e-40)]


def test_the_command_writes_it_and_says_what_is_lacking(tmp_path, run_cli):
    first, second = {"1": {"a": 2, "b": 1}, "2": {"a": 1}}, {"1": {"b": 5.5, "c": 1.25}}
    paths = written(tmp_path, [first, second])
    zipped = tmp_path / "0.trec.gz"
    zipped.write_bytes(gzip.compress(paths[0].read_bytes()))
    ran = run_cli("fuse", zipped, paths[1], "-o", tmp_path / "new" / "out.trec", "--tag", "both")
    assert (ran.code, ran.stdout) == (0, f"{tmp_path / 'new' / 'out.trec'}: 2 queries, 4 hits\n")
    assert ran.stderr == f"{paths[1]} has no hits for 1 of the 2 queries\n"
    expected = [("1", "b", 1 / 61 + 1 / 62), ("1", "a", 1 / 61), ("1", "c", 1 / 62), ("2", "a", 1 / 61)]
    lines = [line.split(" ") for line in (tmp_path / "new" / "out.trec").read_text().splitlines()]
    assert [(line[0], line[2]) for line in lines] == [(query, name) for query, name, _ in expected]
    assert [float(line[4]) for line in lines] == pytest.approx([score for *_, score in expected], rel=1e-7)
    assert {(line[1], line[5]) for line in lines} == {("Q0", "both")}
    ran = run_cli("fuse", *paths, "-o", "/dev/stdout", "--weights", "0.25,0.75")
    assert ran.stderr.splitlines()[0] == "/dev/stdout: 2 queries, 4 hits"
    ran = run_cli("fuse", *paths, "-o", tmp_path / "w.trec", "--weights", "0.25,0.75")
    assert read_run(tmp_path / "w.trec")["1"] == pytest.approx({"b": 0.75, "a": 0.25, "c": 0}, abs=1e-30)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        *wrong_fusions("run"),
        (["--tag", "a b"], "--tag is 'a b'; expected one word"),
        (["-k", "0"], "-k is 0; expected at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, run_cli, given, found):
    paths = written(tmp_path, some_runs(2))
    ran = run_cli("fuse", *paths, "-o", tmp_path / "out", *given)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {found}\n")
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_is_named_with_its_line_and_nothing_is_written(tmp_path):
    good, bad = written(tmp_path, some_runs(2))
    bad.write_text(bad.read_text() + "q1 Q0 d1 1 high x\n")
    number = len(bad.read_text().splitlines())
    with pytest.raises(SpartonError, match=f"^{bad}, line {number}: the score is 'high'; expected a number"):
        fuse_runs([good, bad], tmp_path / "out")
    with pytest.raises(UsageError, match=r"^there is 1 run to fuse; expected two or more$"):
        fuse_runs([good], tmp_path / "out")
    with pytest.raises(UsageError, match="the run"):
        fuse_runs([good, bad], good)
    assert not (tmp_path / "out").exists()


def test_files_may_be_named_by_text(tmp_path):
    runs = some_runs(2)
    paths = written(tmp_path, runs)
    report = fuse_runs([str(path) for path in paths], str(tmp_path / "text.trec"))
    fuse_runs(paths, tmp_path / "paths.trec")
    assert report.path == tmp_path / "text.trec"
    assert (tmp_path / "text.trec").read_bytes() == (tmp_path / "paths.trec").read_bytes()


@pytest.mark.parametrize("constant", [-1, 0.5, "60"])
def test_a_constant_that_none_can_be_is_refused(tmp_path, constant):
    with pytest.raises(UsageError, match=r"^rank_constant is .*; expected a whole number from 0 on$"):
        fuse_runs(written(tmp_path, some_runs(2)), tmp_path / "out.trec", rank_constant=constant)
    assert not (tmp_path / "out.trec").exists()


@pytest.mark.slow
def test_a_dash_is_standard_output(tmp_path):
    paths = written(tmp_path, some_runs(2))
    fuse_runs(paths, tmp_path / "file.trec")
    command = [sys.executable, "-c", "from sparton.cli import app; app()", "fuse", *paths, "-o", "-"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == (tmp_path / "file.trec").read_text()
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("given", [{"k": "5"}, {"weights": "0.3,0.7"}, {"weights": [True, 1]}, {"tag": None}])
def test_values_of_other_types_are_refused(tmp_path, given):
    with pytest.raises(UsageError, match=rf"^{next(iter(given))} is .*; expected "):
        fuse_runs(written(tmp_path, some_runs(2)), tmp_path / "out.trec", **given)
    with pytest.raises(UsageError, match="there is 1 run to fuse"):
        fuse_runs("alone.trec", tmp_path / "out.trec")
