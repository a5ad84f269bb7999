"""BM25 beside the learned index: Anserini's BM25 of the same texts, of one generation, and never of another."""

import json
import math
import random
import shutil
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import pytest
from support.anserini import search_collection
from support.at_once import THREADS, at_once
from support.lucene_content import read_content
from support.pyserini import index_collection, with_pyserini
from support.updates import write_rows
from support.wrong_fusions import wrong_fusions

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.indexer.java import start_jvm
from sparton.jobs import beside
from sparton.search.anserini_scores import as_anserini
from sparton.search.evaluation.run import plan_runs, write_runs
from sparton.search.options import SearcherOptions
from sparton.search.service.server import serve_index
from sparton.storage.manifest import load_manifest

WORDS = ["leather", "bags", "bag", "running", "run", "shoes", "the", "of", "müde", "O'Neil's", "U.S.A.", "wi-fi", "3.5"]
ODD = {
    "quotes": 'a "quoted" bag, and \\ a backslash',
    "lines": "black\nbag\r\n\tof leather ",
    "letters": "Größe 東京 bag 😀 \u2028 naïve",
    "stops": "the of and",
    "markup": "<b>bag</b> &amp; run",
    "long": "leather bag " * 400,
}
QUERIES = [
    "leather bags",
    "bag bag run",
    "the",
    "",
    " \n",
    "O'Neil's wi-fi",
    "größe",
    "東京",
    "nobodyhasthis",
    "running shoes of 3.5",
]


def documents(count=150, seed=7):
    rng = random.Random(seed)
    weights = [1 / (number + 2) for number in range(len(WORDS))]
    texts = {f"d{number:03}": " ".join(rng.choices(WORDS, weights, k=rng.randint(1, 30))) for number in range(count)}
    return {**texts, **ODD}


def rows(texts):
    rng = random.Random(1)
    return [
        {"id": name, "text": text, "price": rng.randint(1, 50), "brand": rng.choice(["Ada", "Bo"])}
        for name, text in texts.items()
    ]


def build(path, given, model, **options):
    corpus = write_rows(path.with_name(f"{path.name}.jsonl"), given)
    asked = {"fields": ["price", "brand"], "id_column": "id", "text_columns": "text", "also": "bm25", **options}
    sparton.build_index(corpus, path, model=str(model), **asked)
    return path


def refused(act):
    with pytest.raises(SpartonError) as caught:
        act()
    return str(caught.value)


def bm25_folder(index):
    return index / "bm25" / load_manifest(index).bm25.folder


def content(index):
    start_jvm()
    return read_content(bm25_folder(index))


def found(searcher, query, k=200, **asked):
    return [(hit.id, hit.score) for hit in searcher.search(query, k, **asked)]


@pytest.fixture(scope="module")
def index(tmp_path_factory, static_model):
    """Not to be written to."""
    texts = {**documents(), "none": None, "empty": "", "blank": " \n"}
    return build(tmp_path_factory.mktemp("bm25") / "index", rows(texts), static_model)


@pytest.fixture
def copy(index, tmp_path):
    shutil.copytree(index, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def searcher(index):
    with sparton.Searcher(index, search_with="bm25") as opened:
        yield opened


@pytest.fixture(scope="module")
def anserini(index, tmp_path_factory):
    """The index that Anserini makes of the texts in the collection."""
    folder = tmp_path_factory.mktemp("anserini")
    (folder / "texts").mkdir()
    with (folder / "texts" / "all.jsonl").open("w", encoding="utf-8") as stream:
        for line in collection(index):
            stream.write(json.dumps({"id": line["id"], "contents": line["contents"]}) + "\n")
    return index_collection(folder / "texts", folder / "lucene", "JsonCollection")


def collection(index):
    parts = sorted((index / "collection").glob("*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").split("\n") if line]


PYSERINI = """
from pyserini.search.lucene import LuceneSearcher

queries = [json.loads(line) for line in sys.stdin]
for index in sys.argv[1:]:
    searcher = LuceneSearcher(index)
    print(json.dumps([[[hit.docid, hit.score] for hit in searcher.search(query, 200)] for query in queries]))
"""


@pytest.mark.slow
def test_it_is_the_index_that_anserini_makes_and_pyserini_finds_the_same_in_both(index, anserini, searcher):
    ours, theirs = content(index), read_content(anserini)
    # Anserini passes over a document without a word; ours has it, without a posting.
    assert {name: value for name, value in ours.values.items() if value[1] is not None} == theirs.values
    assert (ours.statistics["with terms"], ours.statistics["impacts"], ours.statistics["postings"]) == tuple(
        theirs.statistics[name] for name in ("with terms", "impacts", "postings")
    )
    assert not ours.statistics["positions"]
    assert {term: len(found) for term, found in ours.postings.items()} == {
        term: len(found) for term, found in theirs.postings.items()
    }
    asked = [query for query in QUERIES if query.strip() and query != "the"]  # Anserini refuses those without a word
    told = with_pyserini(PYSERINI, bm25_folder(index), anserini, lines=map(json.dumps, asked))
    in_ours, in_theirs = (json.loads(line) for line in told if line.startswith("[["))
    assert in_ours == in_theirs
    assert sum(map(len, in_theirs)) > 300
    for query, hits in zip(asked, in_theirs, strict=True):
        mine = found(searcher, query)
        assert [name for name, _ in mine] == [name for name, _ in hits]
        # Pyserini gives scores with four digits, equal ones moved apart; Lucene's own are ours.
        assert as_anserini([score for _, score in mine]) == [f"{score:.6f}" for _, score in hits]


@pytest.mark.slow
def test_a_run_is_the_one_that_anserini_writes(anserini, searcher, tmp_path):
    asked = [query for query in QUERIES if query.strip() and query != "the"]
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(asked)), encoding="utf-8")
    for k in (5, 1000):
        search_collection(
            *("-index", anserini, "-topics", topics, "-topicReader", "TsvInt", "-output", tmp_path / "anserini"),
            *("-bm25", "-hits", k, "-runtag", "x"),
        )
        (report,) = write_runs(searcher, plan_runs([topics], tmp_path / "ours", k=k, tag="x"))
        assert (tmp_path / "ours").read_text(encoding="utf-8") == (tmp_path / "anserini").read_text(encoding="utf-8")
        assert report.queries == len(asked)


def by_formula(texts, terms):
    """BM25 by its formula, of texts that are lists of words; k1 = 0.9, b = 0.4, lengths as they are."""
    average = sum(map(len, texts.values())) / len(texts)
    scores = Counter()
    for term, times in terms.items():
        having = {name: words.count(term) for name, words in texts.items() if term in words}
        idf = math.log(1 + (len(texts) - len(having) + 0.5) / (len(having) + 0.5))
        for name, count in having.items():
            scores[name] += times * idf * count / (count + 0.9 * (1 - 0.4 + 0.4 * len(texts[name]) / average))
    return dict(scores)


@pytest.mark.slow
def test_scores_are_those_of_the_formula(tmp_path):
    """Of texts of up to 40 words, whose lengths Lucene keeps as they are."""
    rng = random.Random(2)
    texts = {
        f"d{number}": rng.choices(["cat", "dog", "fox", "owl", "ant"], k=rng.randint(1, 39)) for number in range(60)
    }
    lines = [{"id": name, "contents": " ".join(words), "vector": {"x": 1}} for name, words in texts.items()]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sparton.index_vectors(tmp_path / "v.jsonl", tmp_path / "index", also="bm25")
    with sparton.Searcher(tmp_path / "index", search_with="bm25") as searcher:
        for query, terms in (
            ("cat", {"cat": 1}),
            ("owls fox fox", {"owl": 1, "fox": 2}),
            ("ant dogs", {"ant": 1, "dog": 1}),
        ):
            assert searcher.terms(query) == terms
            expected = by_formula(texts, terms)
            hits = searcher.search(query, 60)
            assert {hit.id: hit.score for hit in hits} == pytest.approx(expected, rel=1e-5)
            assert [(-hit.score, hit.id) for hit in hits] == sorted((-hit.score, hit.id) for hit in hits)
            for hit, matches in zip(hits, searcher.explain(terms, hits), strict=True):
                assert {match.term for match in matches} == {term for term in terms if term in texts[hit.id]}
                assert sum(match.contribution for match in matches) == pytest.approx(hit.score, rel=1e-6)


def test_texts_and_fields_come_with_hits_and_queries_without_words_find_nothing(index, searcher):
    kept = {line["id"]: line for line in collection(index)}
    hits = searcher.search("bag quoted", 300)
    assert len(hits) > 50
    assert [(hit.text, hit.fields) for hit in hits] == [
        (kept[hit.id]["contents"], kept[hit.id]["fields"]) for hit in hits
    ]
    assert next(hit for hit in hits if hit.id == "quotes").text == ODD["quotes"]
    for query in ("", " \n", "the of", "nobodyhasthis", "\ud800"):
        assert searcher.search(query) == []
    assert searcher.search_many(["bag", "", "run shoes"], 7) == [
        searcher.search(q, 7) for q in ("bag", "", "run shoes")
    ]


def test_filters_orders_offsets_and_facets_are_those_of_what_it_finds(index, searcher):
    fields = {line["id"]: line["fields"] for line in collection(index)}
    every = found(searcher, "leather run")
    assert len(every) > 60
    kept = [(name, score) for name, score in every if fields[name]["price"] < 25]
    assert found(searcher, "leather run", filters="price < 25") == kept
    assert found(searcher, "leather run", 5, offset=4) == every[4:9]
    by_price = sorted(every, key=lambda pair: (-fields[pair[0]]["price"], pair[0]))
    assert found(searcher, "leather run", 12, sort="-price") == by_price[:12]
    answer = searcher.answer("leather run", facets="brand", filters="price < 25")
    counts = Counter(fields[name]["brand"] for name, _ in kept)
    assert answer.total == len(kept)
    assert {one.value: one.count for one in answer.facets["brand"]} == counts


def rrf(*rankings, k=60):
    """Reciprocal rank fusion by its formula, in fractions of floats, one document after the other."""
    names = {name for ranking in rankings for name in ranking}
    scores = {n: math.fsum(1 / (k + ranking.index(n) + 1) for ranking in rankings if n in ranking) for n in names}
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("filters", [(), ("price < 25",)])
def test_both_are_searched_and_fused(index, searcher, filters):
    with sparton.Searcher(index) as sparse, sparton.Searcher(index, search_with="bm25+sparse") as fused:
        for query in [*QUERIES, "bag O'Neil's shoes"]:
            each = [[name for name, _ in found(one, query, filters=filters)] for one in (searcher, sparse)]
            expected = rrf(*each)
            assert found(fused, query, filters=filters) == expected
            assert found(fused, query, 5, offset=3, filters=filters) == expected[3:8]
            named = {"bm25": searcher.terms(query), "sparse": sparse.terms(query)}
            assert fused.terms(query) == {name: terms for name, terms in named.items() if terms}
        hits = fused.search("bag quoted", 3)
        assert [hit.text for hit in hits] == [fused.get(hit.id).text for hit in hits]
        for asked in ({"sort": "price"}, {"facets": "brand"}):
            with pytest.raises(UsageError, match=rf"^{next(iter(asked))} is of one search, and bm25\+sparse fuses"):
                fused.answer("bag", **asked)
        with pytest.raises(UsageError, match=r"^explain is of one search"):
            fused.explain(fused.terms("bag"), hits)
        with pytest.raises(UsageError, match="expected bm25, sparse, each with"):
            fused.search_terms({"bag": 3})


def test_the_constant_of_reciprocal_ranks_is_the_one_that_is_asked_for(index, searcher):
    with sparton.Searcher(index) as sparse:
        for constant in (0, 10, 60):
            with sparton.Searcher(index, search_with="bm25+sparse", rank_constant=constant) as fused:
                for query in QUERIES:
                    each = [[name for name, _ in found(one, query)] for one in (searcher, sparse)]
                    assert found(fused, query) == rrf(*each, k=constant)


def weighed(weights, rankings):
    """A weighted sum by its formula, in fractions of the scores as runs have them."""
    scores = Counter()
    for weight, ranking in zip(weights, rankings, strict=True):
        written = as_anserini([score for _, score in ranking])
        exact = {name: Fraction(text) for (name, _), text in zip(ranking, written, strict=True)}
        low, high = min(exact.values(), default=0), max(exact.values(), default=0)
        for name, score in exact.items():
            scores[name] += Fraction(weight) * ((score - low) / (high - low) if high > low else 1)
    return {name: float(score) for name, score in scores.items()}


@pytest.mark.parametrize("weights", [[0.3, 0.7], (5, 0), [0, 1]])
@pytest.mark.parametrize("filters", [(), ("price < 25",)])
def test_weights_are_those_of_bm25_and_of_the_learned_index(index, searcher, weights, filters):
    with (
        sparton.Searcher(index) as sparse,
        sparton.Searcher(index, search_with="bm25+sparse", weights=weights) as fused,
    ):
        assert fused.searching.weights == tuple(map(float, weights))
        for query in QUERIES:
            expected = weighed(weights, [found(one, query, filters=filters) for one in (searcher, sparse)])
            hits = found(fused, query, filters=filters)
            assert dict(hits) == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert [(-score, name) for name, score in hits] == sorted((-score, name) for name, score in hits)
            assert found(fused, query, 5, offset=3, filters=filters) == hits[3:8]


def run_of(run_cli, topics, index, output, *asked):
    ran = run_cli("run", topics, "-o", output, "--index", index, *asked)
    assert ran.code == 0, ran.stderr
    return output


def by_query(run):
    lines = defaultdict(list)
    for line in run.read_text(encoding="utf-8").splitlines():
        lines[line.split()[0]].append(line)
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["catalogue", "more documents than are fused"])
def test_a_fused_run_is_the_file_that_fuse_makes_of_runs(corpus, tmp_path, catalog, data, static_model, run_cli):
    """A thousand documents of each, of which fewer are asked for, too."""
    if corpus == "catalogue":
        sparton.build_index(catalog, tmp_path / "index", model=str(static_model), also="bm25")
        topics = data / "queries.tsv"
    else:
        build(tmp_path / "index", rows(documents(1_500)), static_model)
        topics = tmp_path / "topics.tsv"
        topics.write_text("".join(f"q{n}\t{' '.join(WORDS[n : n + 3])}\n" for n in range(6)), encoding="utf-8")
    asked = topics, tmp_path / "index"
    bm25 = run_of(run_cli, *asked, tmp_path / "bm25.trec", "--with", "bm25")
    sparse = run_of(run_cli, *asked, tmp_path / "sparse.trec")
    if corpus != "catalogue":
        assert max(Counter(line.split()[0] for line in bm25.read_text().splitlines()).values()) == 1_000
    for number, (given, turned) in enumerate(
        [
            (["--weights", "0.3,0.7"], ["--weights", "0.7,0.3"]),
            (["--weights", "0.5,0.5"], ["--weights", "0.5,0.5"]),
            (["--weights", "3,0"], ["--weights", "0,3"]),
            (["--rrf-k", "10"], ["--rrf-k", "10"]),
            ([], []),
        ]
    ):
        for k in (1_000, 20):
            both = run_of(
                run_cli, *asked, tmp_path / f"{number}-{k}.trec", "--with", "bm25+sparse", "-k", str(k), *given
            )
            for runs, flags in (([bm25, sparse], given), ([sparse, bm25], turned)):
                fused = tmp_path / "fused.trec"
                assert run_cli("fuse", *runs, "-o", fused, "-k", k, *flags).code == 0
                assert by_query(both) == by_query(fused)
                if runs[0] == bm25:  # which has hits for all: `fuse` has queries in the order in which they come
                    assert both.read_bytes() == fused.read_bytes()
    written = {path.read_text(encoding="utf-8") for path in tmp_path.glob("[0-9]-1000.trec")}
    assert len(written) == 5  # each is another


ONE_SEARCH = " is for searches that are fused, and {} fuses none; use {} or leave it out"


@pytest.mark.parametrize("name", ["lucene", "two-phase", "seismic", "bm25"])
@pytest.mark.parametrize(
    ("asked", "flag", "typed"),
    [({"weights": [0.3, 0.7]}, "--weights", "0.3,0.7"), ({"rank_constant": 60}, "--rrf-k", "60")],
)
def test_how_to_fuse_is_refused_where_nothing_is_fused(tmp_path, monkeypatch, run_cli, name, asked, flag, typed):
    """Before an index or topics are looked at."""
    monkeypatch.chdir(tmp_path)
    sentence = refused(lambda: sparton.Searcher("nowhere", search_with=name, **asked))
    assert sentence == next(iter(asked)) + ONE_SEARCH.format(f"search_with={name!r}", "search_with='bm25+sparse'")
    for command in ("search bag", "run topics -o out"):
        ran = run_cli(*command.split(), "--with", name, flag, typed)
        said = f"Error: {flag}{ONE_SEARCH.format(f'--with {name}', '--with bm25+sparse')}\n"
        assert (ran.code, ran.stdout, ran.stderr) == (2, "", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("given", "found"), wrong_fusions("of bm25 and sparse"))
@pytest.mark.parametrize("command", ["search bag", "run topics -o out"])
def test_weights_and_constants_that_cannot_be_meant_are_refused(tmp_path, monkeypatch, run_cli, command, given, found):
    monkeypatch.chdir(tmp_path)
    ran = run_cli(*command.split(), "--with", "bm25+sparse", *given)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {found}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_passages_are_searched_and_their_documents_found(tmp_path, static_model):
    rng = random.Random(4)
    texts = {f"p{n}": " ".join(rng.choices(["leather", "bag", "run", "shoes"], k=80)) for n in range(12)}
    folder = build(tmp_path / "index", rows(texts), static_model, chunk=True, max_length=32)
    lines = collection(folder)
    assert len(lines) > 30
    plain = [{"id": line["id"], "contents": line["contents"], "vector": {"x": 1}} for line in lines]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(line) + "\n" for line in plain))
    sparton.index_vectors(tmp_path / "v.jsonl", tmp_path / "plain", also="bm25")
    with (
        sparton.Searcher(folder, search_with="bm25") as searcher,
        sparton.Searcher(folder, search_with="bm25+sparse") as fused,
        sparton.Searcher(folder) as sparse,
        sparton.Searcher(tmp_path / "plain", search_with="bm25") as passages,
    ):
        best = {}
        for name, score in found(passages, "leather shoes", 10_000):
            best.setdefault(name.rpartition("#")[0], (name, score))
        hits = searcher.search("leather shoes", 20)
        assert {hit.id: (f"{hit.id}#{hit.passage}", hit.score) for hit in hits} == best
        texts_of = {line["id"]: line["contents"] for line in lines}
        each = [one.search("leather shoes", 20) for one in (searcher, sparse)]
        both = fused.search("leather shoes", 20)
        assert [(hit.id, hit.score) for hit in both] == rrf(*[[hit.id for hit in ranked] for ranked in each])
        for hit in both:
            places = [next((n, h.passage) for n, h in enumerate(ranked) if h.id == hit.id) for ranked in each]
            assert hit.passage == min(places, key=lambda place: place[0])[1]
            assert hit.text == texts_of[f"{hit.id}#{hit.passage}"]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"join": False, "index_processes": 2, "shard_rows": 40}])
def test_after_changes_it_is_refused_until_it_is_renewed_and_then_one_built_afresh(
    tmp_path, static_model, run_cli, settings
):
    texts = documents(100)
    folder = build(tmp_path / "index", rows(texts), static_model, heap_mb=128, **settings)
    changed = {"d003": "a suede bag", "d007": "running", "new": "leather leather shoes", "quotes": None}
    given = rows({**texts, **changed})
    report = sparton.update_index(given, folder)
    renew = f"`sparton compact {folder} --also bm25`"
    assert report.remarks() == [f"--with bm25 is refused until the BM25 index is renewed: {renew}"]
    for name in ("bm25", "bm25+sparse"):
        assert refused(lambda name=name: sparton.Searcher(folder, search_with=name)) == (
            f"the BM25 index of {folder} is of generation 0 and the index of generation 1; build it with {renew}, or "
            "search with search_with='lucene'"
        )
    assert list((folder / "bm25").iterdir()) == []
    assert "  bm25        of generation 0, and the index of 1: not searched until it is renewed" in (
        run_cli("info", folder).stdout.splitlines()
    )
    sparton.compact_index(folder, also="bm25")
    left = {line["id"] for line in collection(folder)}
    assert content(folder).values.keys() == left > {"new", "d003"}
    assert not left & {"quotes"}
    sparton.delete_documents(folder, ["d001", "lines"], also="bm25")
    sparton.update_index([{**given[5], "price": 99}], folder, also=["bm25"])
    last = [row | ({"price": 99} if row["id"] == given[5]["id"] else {}) for row in given]
    afresh = build(tmp_path / "afresh", [row for row in last if row["id"] not in ("d001", "lines")], static_model)
    assert content(folder) == content(afresh)
    with sparton.Searcher(folder, search_with="bm25") as one, sparton.Searcher(afresh, search_with="bm25") as other:
        for query in QUERIES:
            assert found(one, query) == found(other, query)
            assert found(one, query, filters="price > 50") == found(other, query, filters="price > 50")
    assert [path.name for path in (folder / "bm25").iterdir()] == [load_manifest(folder).bm25.folder]
    assert "the BM25 index: as they were written" in run_cli("info", folder, "--check").stdout


@pytest.mark.slow
def test_each_index_beside_is_renewed_by_its_own_name(copy):
    pytest.importorskip("seismic")
    sparton.compact_index(copy, also=["seismic"])
    both = bm25_folder(copy)
    assert {*load_manifest(copy).current_beside} == {"seismic", "bm25"}
    report = sparton.delete_documents(copy, "d000", also="bm25")
    assert report.remarks() == [
        f"--with seismic is refused until the Seismic index is renewed: `sparton compact {copy} --also seismic`"
    ]
    assert [path for path in (copy / "bm25").iterdir() if path != bm25_folder(copy)] == []
    assert bm25_folder(copy) != both
    with pytest.raises(SpartonError, match=r"^the Seismic index of .* is of generation 0 and"):
        sparton.Searcher(copy, search_with="seismic")
    renewed = {path.name: path.read_bytes() for path in bm25_folder(copy).iterdir()}
    sparton.compact_index(copy)  # merges the deleted document away, which makes a generation
    assert load_manifest(copy).current_beside == {}
    sparton.compact_index(copy, also=["seismic", "bm25"])
    assert {path.name: len(path.read_bytes()) for path in bm25_folder(copy).iterdir()} == {
        name: len(content) for name, content in renewed.items()
    }
    for name in ("seismic", "bm25", "bm25+sparse"):
        with sparton.Searcher(copy, search_with=name) as searcher:
            assert "d000" not in {hit.id for hit in searcher.search("leather bag run shoes", 200)}


@pytest.mark.slow
def test_a_change_that_fails_at_one_leaves_both_as_they_were(copy, monkeypatch):
    pytest.importorskip("seismic")
    sparton.compact_index(copy, also=["seismic"])
    before = {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    def killed(into, manifest):
        raise SpartonError("a process that helps with this was killed")

    for first, second in (("seismic", "bm25"), ("bm25", "seismic")):
        with monkeypatch.context() as patch:
            patch.setitem(beside.KINDS, second, replace(beside.KINDS[second], build=killed))
            with pytest.raises(SpartonError, match="was killed"):
                sparton.delete_documents(copy, "d000", also=[first, second])
        for name in ("seismic", "bm25", "bm25+sparse"):
            with sparton.Searcher(copy, search_with=name) as searcher:
                assert "d000" in searcher
        found = {name: (copy / name).read_bytes() for name in before if name.startswith((first, second))}
        assert found == {name: content for name, content in before.items() if name.startswith((first, second))}


@pytest.mark.slow
def test_an_index_that_becomes_empty_has_an_empty_one(copy):
    with sparton.Searcher(copy) as searcher:
        names = [name for name in documents() if name in searcher]
    sparton.delete_documents(copy, names, also="bm25")
    with sparton.Searcher(copy, search_with="bm25") as searcher:
        assert (len(searcher), searcher.search("leather bag")) == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bm25", "bm25+sparse"])
def test_threads_that_share_a_searcher_get_what_each_would_get_alone(index, name):
    asked = [(query, k) for query in QUERIES for k in (1, 10, 200)]
    alone = {}
    for query, k in asked:
        with sparton.Searcher(index, search_with=name) as searcher:
            alone[query, k] = found(searcher, query, k, filters="price > 10")
    assert sum(map(bool, alone.values())) > len(asked) // 2
    with sparton.Searcher(index, search_with=name) as shared:

        def act(seed):
            some = random.Random(seed).sample(asked, len(asked))
            return [one for one in some if found(shared, *one, filters="price > 10") != alone[one]]

        assert at_once(act) == [[]] * THREADS


@pytest.mark.slow
def test_who_has_it_open_goes_on_and_takes_up_the_next(copy):
    with closing(sparton.Searcher(copy, search_with="bm25")) as before:
        first = found(before, "leather")
        sparton.delete_documents(copy, first[0][0], also="bm25")
        assert found(before, "leather") == first
        with closing(before.renewed()) as newer:
            assert {name for name, _ in found(newer, "leather")} == {name for name, _ in first[1:]}
        sparton.delete_documents(copy, first[1][0])
        with pytest.raises(SpartonError, match="is of generation 1 and the index of generation 2"):
            before.renewed()


@pytest.mark.slow
def test_a_finished_index_gets_one_and_a_build_that_is_killed_counts_for_nothing(tmp_path, static_model, monkeypatch):
    given = rows(documents(30))
    folder = build(tmp_path / "index", given, static_model, also=())

    def killed(into, manifest):
        (into / "bm25" / "0123456789abcdef.tmp").mkdir(parents=True)
        (into / "bm25" / "0123456789abcdef.tmp" / "_0.fdt").write_bytes(b"half")
        (into / "bm25" / "fedcba9876543210").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(beside.KINDS, "bm25", replace(beside.KINDS["bm25"], build=killed))
        with pytest.raises(KeyboardInterrupt):
            build(folder, given, static_model)
    assert refused(lambda: sparton.Searcher(folder, search_with="bm25")) == (
        f"the index {folder} has no BM25 index, which search_with='bm25' needs; build it with `sparton compact "
        f"{folder} --also bm25`, or search with search_with='lucene'"
    )
    build(folder, given, static_model)
    built = bm25_folder(folder)
    assert list((folder / "bm25").iterdir()) == [built]
    before = {path.name: path.read_bytes() for path in built.iterdir()}
    build(folder, given, static_model)  # it is there
    assert {path.name: path.read_bytes() for path in bm25_folder(folder).iterdir()} == before
    assert content(folder) == content(build(tmp_path / "afresh", given, static_model))


@pytest.mark.slow
def test_what_is_damaged_is_a_sentence_and_built_again(copy, run_cli):
    whole = content(copy)
    path = next(bm25_folder(copy).glob("*.doc"))
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    mend = f"build it with `sparton compact {copy} --also bm25`, or search with --with lucene\n"
    ran = run_cli("info", "--check", copy)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: the BM25 index of {copy} is damaged: {path} is not what was written; {mend}",
    )
    for file in bm25_folder(copy).glob("segments_*"):
        file.unlink()
    ran = run_cli("search", "bag", "--index", copy, "--with", "bm25")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"Error: the BM25 index of {copy} cannot be opened by Lucene: {bm25_folder(copy)} is damaged, or not there; "
        f"{mend}"
    )
    sparton.compact_index(copy, also="bm25")
    assert content(copy) == whole


def test_an_index_without_texts_gets_none(tmp_path, static_model, run_cli):
    given = rows(documents(5))
    corpus = write_rows(tmp_path / "c.jsonl", given)
    ran = run_cli(
        "index", corpus, "--index", tmp_path / "i", "--model", static_model, "--no-store-text", "--also", "bm25"
    )
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: --also has 'bm25', which is made of the texts that the index stores, and --no-store-text leaves them "
        "out; leave out one of them"
    )
    assert not (tmp_path / "i").exists()
    folder = build(tmp_path / "index", given, static_model, also=(), store_text=False)
    assert refused(lambda: sparton.compact_index(folder, also="bm25")) == (
        f"the index {folder} keeps no texts, of which a BM25 index is made; build it again with store_text=True and "
        "overwrite=True"
    )
    lines = [{"id": "a", "vector": {"bag": 1}}, {"id": "b", "vector": {"bag": 2}, "contents": " "}]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert refused(lambda: sparton.index_vectors(tmp_path / "v.jsonl", tmp_path / "vectors", also="bm25")) == (
        "none of 2 documents has a text, by which BM25 would find it; index vectors with `contents`, or leave out also"
    )
    assert load_manifest(tmp_path / "vectors").bm25 is None
    assert list((tmp_path / "vectors" / "bm25").iterdir()) == []
    with sparton.Searcher(tmp_path / "vectors") as searcher:
        assert [hit.id for hit in searcher.search_terms({"bag": 1})] == ["b", "a"]


@pytest.mark.slow
def test_documents_without_text_among_others_are_counted_and_told(tmp_path, caplog):
    lines = [{"id": f"d{n}", "vector": {"bag": 1}, **({"contents": "a bag"} if n % 3 else {})} for n in range(9)]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with caplog.at_level("INFO", "sparton"):
        sparton.index_vectors(tmp_path / "v.jsonl", tmp_path / "index", also="bm25")
    recorded = load_manifest(tmp_path / "index").bm25
    assert (recorded.documents, recorded.without_text) == (9, 3)
    assert "3 of 9 documents have no text, and BM25 finds none of them" in caplog.text
    with sparton.Searcher(tmp_path / "index", search_with="bm25") as searcher:
        assert [hit.id for hit in searcher.search("bags")] == ["d1", "d2", "d4", "d5", "d7", "d8"]


def test_what_has_no_meaning_with_it_is_refused(index, tmp_path):
    sentence = refused(lambda: sparton.Searcher(index, search_with="bm25", query_top_terms=5))
    assert sentence == (
        "query_top_terms is 5, which is for queries that a model encodes, and search_with='bm25' asks none; leave out "
        "one of them"
    )
    for name in ("bm25", "bm25+sparse"):
        assert refused(lambda name=name: serve_index(index, search_with=name, port=0)) == (
            f"search_with is {name!r}, and a service searches the learned index; expected lucene, two-phase, seismic"
        )
        topics = tmp_path / "topics.jsonl"
        topics.write_text('{"qid": "1", "vector": {"bag": 3}}\n')
        with sparton.Searcher(index, search_with=name) as searcher:
            plan = plan_runs([topics], tmp_path / "out")
            assert refused(lambda searcher=searcher, plan=plan: list(write_runs(searcher, plan))) == (
                f"the topic '1' is a vector, and search_with={name!r} searches for texts; give topics with texts, or "
                "use search_with='lucene'"
            )
    assert not (tmp_path / "out").exists()
    for asked in ({"weights": [1, 2]}, {"rank_constant": 3}):
        with pytest.raises(TypeError, match=rf"unexpected keyword argument '{next(iter(asked))}'$"):
            serve_index(index, port=0, **asked)
        with pytest.raises(TypeError, match=rf"unexpected keyword argument '{next(iter(asked))}'$"):
            sparton.export_index(index, "parquet", tmp_path / "out", **asked)
        given = {"searching": SearcherOptions(search_with="bm25+sparse", **asked)}
        assert "and a service searches the learned index" in refused(lambda given=given: serve_index(index, **given))
        with pytest.raises(UsageError, match="and an export searches for nothing"):
            sparton.export_index(index, "parquet", tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
    with sparton.Searcher(index, search_with="bm25") as searcher:
        assert "has no model" in refused(lambda: searcher.document_terms("bag"))


def test_no_model_is_loaded_for_it(index, static_model, copy):
    """Not even where it is nowhere any more."""
    path = copy / "sparton.json"
    path.write_text(path.read_text().replace(str(static_model), "/nowhere/model"))
    with sparton.Searcher(copy, search_with="bm25") as searcher, sparton.Searcher(index, search_with="bm25") as other:
        assert found(searcher, "leather bag") == found(other, "leather bag")
    assert "/nowhere/model" in refused(lambda: sparton.Searcher(copy))


def test_commands_show_what_it_found(index, searcher, run_cli):
    ran = run_cli("search", "leather bags", "--index", index, "--with", "bm25", "--explain", "-k", 2)
    assert (ran.code, ran.stderr) == (0, "")
    hits = searcher.search("leather bags", 2)
    expected = []
    for hit, matches in zip(hits, searcher.explain(searcher.terms("leather bags"), hits), strict=True):
        fields = " · ".join(f"{name}: {value}" for name, value in hit.fields.items())
        expected.append([str(hit.rank), f"{hit.score:.6f}", hit.id, " ".join(hit.text.split()), fields])
        for match in matches:
            impacts, share = (str(match.query_impact), f"{match.document_impact:.6f}"), match.contribution / hit.score
            expected.append(["term", f"{match.contribution:.6f}", match.term, *impacts, f"{share:.4f}"])
    assert [line.split("\t") for line in ran.stdout.splitlines()] == expected
    assert {"leather", "bag"} == {line[2] for line in expected if line[0] == "term"}
    ran = run_cli("search", "leather bags", "--index", index, "--with", "bm25+sparse", "--json", "-k", 3)
    with sparton.Searcher(index, search_with="bm25+sparse") as fused:
        assert [(one["id"], one["score"]) for one in map(json.loads, ran.stdout.splitlines())] == found(
            fused, "leather bags", 3
        )
    ran = run_cli("search", "the of", "--index", index, "--with", "bm25")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == "sparton: no hits for 'the of': the query has no words but stop words\n"
    ran = run_cli("search", "bag", "--index", index, "--with", "bm25+sparse", "--explain")
    assert (ran.code, ran.stderr) == (
        2,
        "Error: --explain is of one search, and bm25+sparse fuses the ranks of 2; use --with lucene or --with bm25\n",
    )
