"""What a text becomes, and which of its terms it does not hold."""

import json

import pytest

from sparton.search.explain import input_terms

pytestmark = pytest.mark.slow


def test_expanded_terms_are_those_that_the_text_does_not_hold(encoder):
    terms = encoder.terms("Small crossbody bag")
    own = input_terms(encoder, "Small crossbody bag")
    assert own == {"small", "cross", "##body", "bag"}
    assert own < set(terms)


def test_it_prints_bars_heaviest_first(run_cli, encoder):
    ran = run_cli("encode-text", "small crossbody bag")
    terms = encoder.terms("small crossbody bag")
    assert (ran.code, ran.stderr) == (0, "")
    rows = [line.split() for line in ran.stdout.splitlines()]
    own = {"small", "cross", "##body", "bag"}
    assert [(int(row[0]), row[1]) for row in rows] == [
        (impact, term if term in own else f"+{term}") for term, impact in terms.items()
    ]
    assert [int(row[0]) for row in rows] == sorted(terms.values(), reverse=True)
    assert all(len(line.split("\t")) == 2 for line in ran.stdout.splitlines())


def test_it_gives_json(run_cli, encoder):
    content = json.loads(run_cli("encode-text", "silk scarf", "--json").stdout)
    assert content["text"] == "silk scarf"
    assert {row["term"]: row["impact"] for row in content["terms"]} == encoder.terms("silk scarf")
    assert {row["term"] for row in content["terms"] if not row["expanded"]} == input_terms(encoder, "silk scarf")


def test_with_an_index_it_is_a_query(run_cli, small_index, searcher):
    content = json.loads(run_cli("encode-text", "silk scarf", "--index", small_index, "--json").stdout)
    assert {row["term"]: row["impact"] for row in content["terms"]} == searcher.terms("silk scarf")


@pytest.mark.parametrize("text", ["", "亞亟"])
def test_a_text_without_terms_is_said(run_cli, text):
    ran = run_cli("encode-text", text)
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == f"sparton: {text!r} has no term that the model knows\n"


def test_a_search_marks_expanded_terms(run_cli, computed_index):
    arguments = ("search", "black bag", "--index", computed_index, "-k", 3, "--explain")
    for line in run_cli(*arguments, "--json").stdout.splitlines():
        for match in json.loads(line)["matches"]:
            assert match["expanded"] == (match["term"] not in {"black", "bag"})
    marked = [line.split("\t")[2] for line in run_cli(*arguments).stdout.splitlines() if line.startswith("term\t")]
    assert {"black", "bag"} <= set(marked)
    assert all(term in {"black", "bag"} or term.startswith("+") for term in marked)
    assert any(term.startswith("+") for term in marked)
