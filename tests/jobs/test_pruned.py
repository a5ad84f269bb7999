"""Documents and queries without their lightest terms, from the options to what is searched."""

import json
from contextlib import closing
from fractions import Fraction

import pytest
from support.updates import Catalogue, build, collection_of, counted, found, make, write_rows

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_document_encoder
from sparton.search.check import check_index
from sparton.storage.manifest import load_manifest

SMALL = {"shard_rows": 40, "index_processes": 2, "heap_mb": 128}
RULES = [
    {"prune_ratio": 0.4},
    {"prune_mass": 0.7},
    {"min_impact": 250},
    {"prune_ratio": 0.2, "prune_mass": 0.9, "min_impact": 60, "top_terms": 6},
]
QUERY = "small black leather bag with a gold clasp"


def pruned(vector, order, top_terms=None, prune_ratio=0, prune_mass=1, min_impact=1):
    """What is left of {term: impact}. order: of the vocabulary, {term: id}."""
    heaviest = sorted(vector, key=lambda term: (-vector[term], order[term]))
    kept, heavier = {}, 0
    for rank, term in enumerate(heaviest):
        impact = vector[term]
        by_rank = top_terms is None or rank < top_terms
        by_ratio = Fraction(impact, vector[heaviest[0]]) >= Fraction(str(prune_ratio))
        by_mass = Fraction(heavier, sum(vector.values())) < Fraction(str(prune_mass))
        if by_rank and by_ratio and by_mass and impact >= min_impact:
            kept[term] = impact
        heavier += impact
    return kept


def order_of(model):
    return {term: number for number, term in enumerate(open_document_encoder(model=str(model)).vocabulary)}


def vectors(index):
    """{id: {term: impact}} of a collection."""
    return {name: json.loads(line)["vector"] for name, line in collection_of(index).items()}


@pytest.mark.parametrize("options", [{}, {"chunk": True, "max_length": 5}], ids=["documents", "passages"])
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "+".join(rules))
def test_a_collection_is_pruned_as_defined(static_model, tmp_path, rules, options):
    rows = write_rows(tmp_path / "rows.jsonl", Catalogue(90).rows.values())
    asked = {"model": str(static_model), "lucene": False, "id_column": "id", "text_columns": "text", **options}
    sparton.build_index(rows, tmp_path / "whole", **asked)
    sparton.build_index(rows, tmp_path / "few", **asked, **rules)
    whole, order = vectors(tmp_path / "whole"), order_of(static_model)
    expected = {name: pruned(vector, order, **rules) for name, vector in whole.items()}
    assert vectors(tmp_path / "few") == {name: vector for name, vector in expected.items() if vector}
    counts = load_manifest(tmp_path / "few").counts
    assert counts.postings == sum(map(len, expected.values())) < sum(map(len, whole.values()))


@pytest.mark.slow
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "+".join(rules))
def test_an_encoder_prunes_as_defined(rules):
    texts = [QUERY, "bag", "", *(f"{word} suede clutch {number}" for number, word in enumerate(("red", "tan") * 20))]
    encoder, few = (sparton.Encoder(device="cpu", batch_tokens=64, **kept) for kept in ({}, rules))
    order = {term: number for number, term in enumerate(encoder.vocabulary)}
    expected = [pruned(row, order, **rules) for row in encoder.encode(texts).to_dicts()]
    assert few.encode(texts).to_dicts() == expected
    assert few.terms(QUERY) == pruned(encoder.terms(QUERY), order, **rules)


def test_what_loses_all_its_terms_is_left_out_and_counted(bags, static_model, tmp_path):
    sparton.build_index(bags, tmp_path / "index", model=str(static_model), shard_rows=25)
    heaviest = {name: max(vector.values()) for name, vector in vectors(tmp_path / "index").items()}
    least = sorted(heaviest.values())[30]
    report = sparton.build_index(bags, tmp_path / "few", model=str(static_model), min_impact=least)
    expected = {name for name, impact in heaviest.items() if impact >= least}
    assert set(collection_of(tmp_path / "few")) == expected
    assert (report.counts.documents, report.counts.dropped_no_terms) == (len(expected), 60 - len(expected))
    with pytest.raises(SpartonError) as caught:
        sparton.build_index(bags, tmp_path / "none", model=str(static_model), min_impact=10**6)
    assert str(caught.value) == (
        "the model gives none of 60 texts a term (columns text); see that it is one of sparse vectors, and knows the "
        "language of the texts, and that min_impact is not too high"
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"chunk": True, "max_length": 8}], ids=["documents", "passages"])
def test_updates_prune_as_a_fresh_build(static_model, tmp_path, options):
    rules = {"prune_ratio": 0.3, "prune_mass": 0.9, "min_impact": 20}
    catalogue = Catalogue(80)
    index = build(tmp_path / "index", catalogue.rows.values(), static_model, **SMALL, **rules, **options)
    for _ in range(4):
        make(catalogue.change(share=0.2), index, tmp_path / "rows.jsonl")
    fresh = build(tmp_path / "fresh", catalogue.rows.values(), static_model, **SMALL, **rules, **options)
    assert collection_of(index) == collection_of(fresh)
    assert (found(index), counted(index)) == (found(fresh), counted(fresh))
    check_index(index, load_manifest(index))


def test_another_ratio_is_another_index(bags, static_model, tmp_path, run_cli):
    command = ["index", bags, "--index", tmp_path / "index", "--model", static_model, "--prune-ratio", 0.2]
    assert run_cli(*command).code == 0
    ran = run_cli(*command[:-1], 0.3, "--prune-mass", 0.5, "--min-impact", 7)
    assert ran.code == 1
    assert ran.stderr.splitlines()[-1] == (
        f"Error: the index {tmp_path / 'index'} was made with other settings: prune_ratio 0.2 (now 0.3); prune_mass "
        "none (now 0.5); min_impact none (now 7); use --overwrite to replace it, or --index to make another"
    )
    shown = run_cli("info", "--index", tmp_path / "index").stdout
    assert "  impacts     round(weight × 100), top terms: all, from 0.2 × the heaviest on\n" in shown
    sparton.build_index(
        bags, tmp_path / "other", model=str(static_model), lucene=False, top_terms=9, prune_mass=0.9, min_impact=2
    )
    shown = run_cli("info", "--index", tmp_path / "other").stdout
    assert "weight × 100), top terms: 9, the heaviest with 0.9 of the sum, impacts from 2 on\n" in shown
    settings = json.loads(run_cli("info", "--index", tmp_path / "index", "--json").stdout)["settings"]
    assert {name: settings[name] for name in ("prune_ratio", "prune_mass", "min_impact")} == {
        "prune_ratio": 0.2,
        "prune_mass": None,
        "min_impact": None,
    }


def test_vectors_that_exist_are_not_pruned(static_model, bags, tmp_path, run_cli):
    ran = run_cli("index", "--from-collection", tmp_path, "--index", tmp_path / "index", "--prune-ratio", 0.1)
    assert (ran.code, ran.stderr) == (
        2,
        "Error: --prune-ratio was given with --from-collection, which encodes nothing; leave out one of them\n",
    )


# Queries.

QUERY_RULES = [
    {"query_top_terms": 3},
    {"query_prune_ratio": 0.5},
    {"query_top_terms": 12, "query_prune_ratio": 0.3},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", QUERY_RULES, ids=lambda options: "+".join(options))
def test_queries_are_pruned_as_defined(searcher, small_index, options):
    order = {term: number for number, term in enumerate(searcher.encoder.vocabulary)}
    rules = {name.removeprefix("query_"): bound for name, bound in options.items()}
    queries = [QUERY, "bag", "red silk scarf", "亞亟"]
    with closing(sparton.Searcher(small_index, **options)) as few:
        for query in queries:
            expected = pruned(searcher.terms(query), order, **rules)
            assert list(few.terms(query).items()) == list(expected.items())
            assert few.terms_of([query]) == [expected]
            assert few.search(query, 20) == searcher.search_terms(expected, 20)
        assert few.search_many(queries, 20) == [few.search(query, 20) for query in queries]
        hits = few.search(QUERY, 20)
        for hit, matches in zip(hits, few.explain(few.terms(QUERY), hits), strict=True):
            assert sum(match.contribution for match in matches) == hit.score
        assert few.search_terms(searcher.terms(QUERY), 20) == searcher.search(QUERY, 20)  # terms are as given


@pytest.mark.slow
def test_commands_search_for_pruned_queries(searcher, small_index, tmp_path, run_cli):
    flags = ("--query-top-terms", 4, "--query-prune-ratio", 0.2)
    order = {term: number for number, term in enumerate(searcher.encoder.vocabulary)}
    expected = searcher.search_terms(pruned(searcher.terms(QUERY), order, top_terms=4, prune_ratio=0.2), 5)
    ran = run_cli("search", QUERY, "--index", small_index, "-k", 5, "--json", "--explain", *flags)
    hits = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(hit["id"], hit["score"]) for hit in hits] == [(hit.id, hit.score) for hit in expected]
    (tmp_path / "topics.tsv").write_text(f"q1\t{QUERY}\n")
    run_cli("run", tmp_path / "topics.tsv", "-o", tmp_path / "run", "--index", small_index, "-k", 5, *flags)
    lines = [line.split() for line in (tmp_path / "run").read_text().splitlines()]
    assert [(line[2], round(float(line[4]))) for line in lines] == [(hit.id, hit.score) for hit in expected]
