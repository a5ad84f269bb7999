"""Searches with a Seismic index: built whole or not at all, of one generation, with the scores of exact searches."""

import json
import random
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from support.with_fields import index_with_fields

pytest.importorskip("seismic")

import sparton
from sparton.errors import SpartonError
from sparton.jobs import beside
from sparton.jobs.beside import build_beside
from sparton.processes import Subprocess
from sparton.search.first_pass import seismic, seismic_build
from sparton.search.first_pass.seismic_package import PackageError, told
from sparton.search.stats import index_stats
from sparton.storage.manifest import load_manifest
from sparton.storage.untrusted import UnexpectedError

COUNT = 300
TERMS = [f"t{number}" for number in range(40)] + ["x" * 150 + "1", "x" * 150 + "2", "black bag", "né\n", "7"]


def vectors(count=COUNT, seed=3):
    rng, weights = random.Random(seed), [1 / (number + 2) for number in range(len(TERMS))]
    return {
        f"d{number * 7919 % 1000:03}": {term: rng.randint(1, 300) for term in {*rng.choices(TERMS, weights, k=8)}}
        for number in range(count)
    }


def write(path, documents):
    path.write_text(
        "".join(
            json.dumps({"id": name, "vector": vector, "contents": name}) + "\n" for name, vector in documents.items()
        )
    )
    return path


def queries(number=40, seed=5):
    rng = random.Random(seed)
    return [{term: rng.randint(1, 250) for term in rng.sample(TERMS, rng.randint(1, 12))} for _ in range(number)]


def best(documents, terms, k):
    """What an exact search finds, by sums in Python."""
    scores = {
        name: sum(impact * vector[term] for term, impact in terms.items() if term in vector)
        for name, vector in documents.items()
    }
    return sorted((-score, name) for name, score in scores.items() if score)[:k]


def found(searcher, terms, k, **asked):
    return [(-hit.score, hit.id) for hit in searcher.search_terms(terms, k, **asked)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("seismic")
    sparton.index_vectors(write(path / "v.jsonl", vectors()), path / "index", also=["seismic"])
    return path / "index"


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder.parent, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy" / "index"


@pytest.fixture
def few(monkeypatch):
    """Look at few candidates, as a large index is searched."""
    monkeypatch.setattr(seismic, "_CANDIDATES", 30)


@pytest.fixture
def thorough(monkeypatch, few):
    """Look into every cluster too: those are drawn by lot, and with others now and then one of the best is missed."""
    monkeypatch.setattr(seismic, "_HEAP", 0.0)


def refused(act):
    with pytest.raises(SpartonError) as caught:
        act()
    return str(caught.value)


@pytest.mark.slow
def test_scores_are_exact_ties_in_order_of_id_and_most_hits_the_best(folder, few):
    documents, right, wanted = vectors(), 0, 0
    with sparton.Searcher(folder, search_with="seismic") as quick:
        for terms in queries():
            scores = {name: score for score, name in best(documents, terms, COUNT)}
            hits, expected = found(quick, terms, 10), best(documents, terms, 10)
            assert hits == sorted(hits)
            assert [scores[name] for _, name in hits] == [score for score, _ in hits]
            assert len(hits) == len(expected)
            right += sum(score <= expected[-1][0] for score, _ in hits)
            wanted += len(expected)
            assert found(quick, terms, COUNT) == best(documents, terms, COUNT)
            assert [hit.text for hit in quick.search_terms(terms, 3)] == [name for _, name in hits[:3]]
    assert right / wanted > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("times", [7, 1_000])
def test_scores_beyond_what_its_floats_hold_are_those_of_an_exact_search(tmp_path, thorough, times):
    """Its impacts are floats of 16 bits, in which 2,049 is 2,048."""
    large = {name: {term: impact * times + 1 for term, impact in vector.items()} for name, vector in vectors().items()}
    sparton.index_vectors(write(tmp_path / "v.jsonl", large), tmp_path / "index", also=["seismic"])
    with (
        sparton.Searcher(tmp_path / "index", search_with="seismic") as quick,
        sparton.Searcher(tmp_path / "index") as exact,
    ):
        for terms in [*queries(20), {"t0": 2**20, "t1": 3}]:
            assert found(quick, terms, 10) == found(exact, terms, 10)


@pytest.mark.slow
@pytest.mark.parametrize(("largest", "exact_up_to"), [(2_048, 8_191), (2_049, 0)])
def test_its_own_scores_count_where_its_floats_have_all_whole_numbers(tmp_path, thorough, largest, exact_up_to):
    documents = {name: {**vector, "t0": largest - 300 + i % 300} for i, (name, vector) in enumerate(vectors().items())}
    documents["d000"] = {"t0": largest}
    sparton.index_vectors(write(tmp_path / "v.jsonl", documents), tmp_path / "index", also=["seismic"])
    with (
        sparton.Searcher(tmp_path / "index", search_with="seismic") as quick,
        sparton.Searcher(tmp_path / "index") as exact,
    ):
        assert load_manifest(tmp_path / "index").seismic.largest == largest
        for impact in (1, 8_191, 8_192):
            candidates = quick._way.first_pass.candidates(quick._index._searcher, {"t0": impact}, 10, None)
            assert (candidates.scores is not None) == (impact <= exact_up_to)
            assert found(quick, {"t0": impact}, 10) == found(exact, {"t0": impact}, 10)


@pytest.mark.slow
def test_an_infinite_float_hides_no_document(tmp_path, thorough):
    """The term is not asked for, and infinite times nothing is no number."""
    documents = {**vectors(), "best": {"t0": 290, "t1": 290, "t7": 70_000}}
    sparton.index_vectors(write(tmp_path / "v.jsonl", documents), tmp_path / "index", also=["seismic"])
    with sparton.Searcher(tmp_path / "index", search_with="seismic") as quick:
        for terms in ({"t0": 200, "t1": 200}, {"t1": 7}):
            assert found(quick, terms, 5) == best(documents, terms, 5)


@pytest.mark.slow
def test_one_of_which_the_largest_impact_was_not_recorded_is_searched_as_exactly(copy, few):
    path = copy / "sparton.json"
    content = json.loads(path.read_text())
    del content["seismic"]["largest"]
    path.write_text(json.dumps(content))
    documents = vectors()
    with sparton.Searcher(copy, search_with="seismic") as quick:
        for terms in queries(10):
            scores = {name: score for score, name in best(documents, terms, COUNT)}
            hits = found(quick, terms, 10)
            assert hits == sorted(hits)
            assert [scores[name] for _, name in hits] == [score for score, _ in hits]


def test_no_term_is_lost_however_long_it_is(folder, thorough):
    documents = vectors()
    with sparton.Searcher(folder, search_with="seismic") as quick:
        for term in TERMS[40:]:
            assert found(quick, {term: 7}, 2) == best(documents, {term: 7}, 2)
        assert found(quick, {"nobody's": 7}, 5) == []
        assert found(quick, {"40": 7, "0": 9}, 5) == []  # numbers of terms are none


def test_threads_get_what_each_gets_alone(folder, few):
    asked = queries(30)
    with sparton.Searcher(folder, search_with="seismic") as quick:
        alone = [found(quick, terms, 10) for terms in asked]
        with ThreadPoolExecutor(16) as pool:
            for _ in range(4):
                assert list(pool.map(lambda terms: found(quick, terms, 10), asked)) == alone


@pytest.mark.slow
def test_with_filters_no_hit_is_missing(tmp_path, static_model, thorough):
    documents = {
        f"P{i:03}": (f"word{i % 7} word{i % 11 + 20} bag", {"price": i, "in_stock": i % 3 > 0}) for i in range(120)
    }
    folder = index_with_fields(tmp_path / "index", documents, model=str(static_model))
    sparton.compact_index(folder, also="seismic")
    with sparton.Searcher(folder) as exact, sparton.Searcher(folder, search_with="seismic") as quick:
        terms = exact.terms("bag word1 word2 word3 word20 word21 word22")
        for test in ("price < 60", "in_stock", "price = 7", "price > 1000", "not in_stock and price > 50"):
            passing = {name: score for score, name in found(exact, terms, 120, filters=test)}
            hits = found(quick, terms, 10, filters=test)
            assert len(hits) == min(10, len(passing))
            assert [passing[name] for _, name in hits] == [score for score, _ in hits]
            assert found(quick, terms, 10, filters=test, sort="-price") == found(
                exact, terms, 10, filters=test, sort="-price"
            )


@pytest.mark.slow
def test_a_finished_index_gets_one_and_is_not_built_again(tmp_path, thorough):
    collection, folder = write(tmp_path / "v.jsonl", vectors()), tmp_path / "index"
    sparton.index_vectors(collection, folder)
    lucene = {path: path.read_bytes() for path in (folder / "lucene").iterdir()}
    sentence = (
        f"the index {folder} has no Seismic index, which search_with='seismic' needs; build it with `sparton compact "
        f"{folder} --also seismic`, or search with search_with='lucene'"
    )
    assert refused(lambda: sparton.Searcher(folder, search_with="seismic")) == sentence
    sparton.index_vectors(collection, folder, also="seismic")
    assert {path: path.read_bytes() for path in (folder / "lucene").iterdir()} == lucene
    files = {path.name: path.read_bytes() for path in (folder / "seismic").iterdir()}
    assert len(files) == 2
    sparton.index_vectors(collection, folder, also="seismic")
    assert {path.name: path.read_bytes() for path in (folder / "seismic").iterdir()} == files
    (folder / "seismic" / load_manifest(folder).seismic.terms.name).unlink()
    sparton.index_vectors(collection, folder, also="seismic")
    with sparton.Searcher(folder, search_with="seismic") as quick:
        assert found(quick, queries()[0], 5) == best(vectors(), queries()[0], 5)


@pytest.mark.slow
def test_one_that_is_killed_is_begun_again_and_counts_for_nothing_before(tmp_path, monkeypatch, thorough):
    collection, folder = write(tmp_path / "v.jsonl", vectors()), tmp_path / "index"

    def killed(into, manifest):
        (into / "seismic").mkdir()
        (into / "seismic" / "0123456789abcdef.index.seismic").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(beside.KINDS, "seismic", replace(beside.KINDS["seismic"], build=killed))
        with pytest.raises(KeyboardInterrupt):
            sparton.index_vectors(collection, folder, also="seismic")
    assert "has no Seismic index" in refused(lambda: sparton.Searcher(folder, search_with="seismic"))
    with sparton.Searcher(folder) as exact:
        assert found(exact, queries()[0], 5) == best(vectors(), queries()[0], 5)
    sparton.index_vectors(collection, folder, also="seismic")
    named = {file.name for file in load_manifest(folder).seismic.files}
    assert {path.name for path in (folder / "seismic").iterdir()} == named
    with sparton.Searcher(folder, search_with="seismic") as quick:
        assert found(quick, queries()[0], 5) == best(vectors(), queries()[0], 5)


@pytest.mark.slow
def test_after_a_deletion_it_is_renewed_or_told_of(copy, thorough, run_cli):
    terms, documents = {"t0": 3, "t1": 2, "t2": 200}, vectors()
    gone = [name for _, name in best(documents, terms, 5)]
    with closing(sparton.Searcher(copy, search_with="seismic")) as before:
        ids = copy.parent / "ids"
        ids.write_text(gone[0])
        ran = run_cli("delete", copy, "--ids", ids)
        assert (ran.code, ran.stdout) == (0, f"{copy}: 1 removed; 299 documents, generation 1\n")
        assert ran.stderr.splitlines()[0] == (
            f"--with seismic is refused until the Seismic index is renewed: `sparton compact {copy} --also seismic`"
        )
        assert found(before, terms, 5) == best(documents, terms, 5)
        ran = run_cli("search", "t0", "--index", copy, "--with", "seismic")
        assert (ran.code, ran.stdout) == (1, "")
        assert (
            f"the Seismic index of {copy} is of generation 0 and the index of generation 1; build it with" in ran.stderr
        )
        assert refused(before.renewed).startswith(f"the Seismic index of {copy} is of generation 0")
        assert list((copy / "seismic").iterdir()) == []
        sparton.compact_index(copy, also="seismic")
        del documents[gone[0]]
        with closing(before.renewed()) as after:
            assert found(after, terms, 5) == best(documents, terms, 5)
            sparton.delete_documents(copy, gone[1:], also="seismic")
            for name in gone[1:]:
                del documents[name]
            with closing(after.renewed()) as last:
                for terms in queries(10):
                    assert not {name for _, name in found(last, terms, 50)} & {*gone}
                    assert found(last, terms, COUNT) == best(documents, terms, COUNT)


@pytest.mark.slow
def test_a_change_says_that_it_built_one_and_how_long_that_took(copy, run_cli):
    sparton.delete_documents(copy, "d000")
    ids = copy.parent / "ids"
    ids.write_text("d000")
    ran = run_cli("delete", copy, "--ids", ids, "--also", "seismic")
    assert ran.stdout == (
        f"{copy}: 1 not in the index (d000), Seismic index of generation 1 built; 299 documents, generation 1\n"
    )
    assert re.fullmatch(r"\d+\.\d s, of which Seismic \d+\.\d s\n", ran.stderr)
    assert run_cli("compact", copy, "--also", "seismic").stdout == (
        f"{copy}: what was dead is merged away, Seismic index of generation 2 built; 299 documents, generation 2\n"
    )
    shutil.rmtree(copy / "seismic")
    assert run_cli("compact", copy, "--also", "seismic").stdout == (
        f"{copy}: Seismic index of generation 2 built; 299 documents, generation 2\n"
    )
    ran = run_cli("compact", copy, "--also", "seismic", "--json")
    report = json.loads(ran.stdout)
    assert (report["seismic generation"], report["seconds"]["seismic"], report["generation"]) == (2, None, 2)
    assert run_cli("compact", copy, "--also", "seismic").stdout == (
        f"{copy}: nothing to do; 299 documents, generation 2\n"
    )


@pytest.mark.slow
def test_a_build_says_how_long_it_took(copy, run_cli):
    shutil.rmtree(copy / "seismic")
    build = ("index-vectors", copy.parent / "v.jsonl", "--index", copy, "--also", "seismic")
    ran = run_cli(*build)
    assert re.search(r", Lucene \d+\.\d s, Seismic \d+\.\d s \(resumed: what was finished was kept\)\n$", ran.stderr)
    ran = run_cli(*build)
    assert re.search(r", Lucene \d+\.\d s \(resumed: what was finished was kept\)\n$", ran.stderr)


@pytest.mark.slow
def test_an_update_of_a_corpus_renews_it(tmp_path, static_model, write_parquet, thorough):
    names, words = [f"d{i}" for i in range(80)], [f"word{i % 9} word{i % 20} bag" for i in range(80)]
    folder = tmp_path / "index"
    sparton.build_index(
        write_parquet(tmp_path / "a.parquet", id=names, text=words), folder, model=str(static_model), also="seismic"
    )
    rows = write_parquet(tmp_path / "b.parquet", id=["d3", "new"], text=["word1 word2", "word3 bag bag"])
    sparton.update_index(rows, folder, also="seismic")
    with sparton.Searcher(folder) as exact, sparton.Searcher(folder, search_with="seismic") as quick:
        assert load_manifest(folder).number == 1
        for text in ("word1 word2", "word3 bag", "word1 word5 word6"):
            terms = exact.terms(text)
            scores = {name: score for score, name in found(exact, terms, 80)}
            hits = found(quick, terms, 10)
            assert [scores[name] for _, name in hits] == [score for score, _ in hits]
            assert len(hits) == min(10, len(scores))
            assert hits[0] == found(exact, terms, 1)[0]


def test_a_damaged_one_is_a_sentence(copy, run_cli):
    recorded = load_manifest(copy).seismic
    path = copy / "seismic" / recorded.index.name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    mend = f"build it with `sparton compact {copy} --also seismic`, or search with"
    assert refused(lambda: sparton.Searcher(copy, search_with="seismic")) == (
        f"the Seismic index of {copy} is damaged: {path} is not what was written; {mend} search_with='lucene'"
    )
    ran = run_cli("info", "--check", "--index", copy)
    assert (ran.code, ran.stdout.splitlines()[-3:-2], ran.stderr) == (
        1,
        ["  seismic     of generation 0"],
        f"Error: the Seismic index of {copy} is damaged: {path} is not what was written; {mend} --with lucene\n",
    )
    path.unlink()
    missing = f"the Seismic index of {copy} is damaged: {path} is missing; {mend} "
    assert refused(lambda: sparton.Searcher(copy, search_with="seismic")) == f"{missing}search_with='lucene'"
    ran = run_cli("info", "--check", "--index", copy)
    assert (ran.code, ran.stderr) == (1, f"Error: {missing}--with lucene\n")
    path.write_bytes(b"")
    manifest = load_manifest(copy)
    empty = replace(recorded.index, digest="sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    replace(manifest, seismic=replace(recorded, index=empty)).save(copy)
    assert "this one cannot read it" in refused(lambda: sparton.Searcher(copy, search_with="seismic"))


def test_info_has_its_generation_and_a_check_reads_it(copy, run_cli):
    ran = run_cli("info", "--check", "--index", copy)
    assert (ran.code, ran.stderr) == (0, "")
    assert "  seismic     of generation 0" in ran.stdout.splitlines()
    assert ran.stdout.endswith("ids and Lucene's checksums, the Seismic index: as they were written\n")
    sparton.delete_documents(copy, "d000")
    ran = run_cli("info", "--check", "--index", copy)
    assert (ran.code, ran.stderr) == (0, "")
    assert (
        "  seismic     of generation 0, and the index of 1: not searched until it is renewed" in ran.stdout.splitlines()
    )
    assert ran.stdout.endswith("their ids and Lucene's checksums: as they were written\n")


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": 1}', b"[" * 100_000, b'["a", "b", "a"]'])
def test_terms_that_are_none_are_told(tmp_path, content):
    (tmp_path / "terms").write_bytes(content)
    with pytest.raises(UnexpectedError, match=r"is no (JSON|list of terms)|has a term twice"):
        seismic._terms(tmp_path / "terms")


class NotOurs:
    """An index of Seismic's of another tool: documents have other names."""

    def __init__(self, *names):
        self.names = names

    def search(self, **asked):
        return [("", 1.0, name) for name in self.names]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["1", "doc-7"], "it names the document 'doc-7'; expected a number below 300"),
        (["-1"], "it names the document '-1'; expected a number below 300"),
        (["300"], "it names the document '300'; expected a number below 300"),
        (["²"], "it names the document '²'; expected a number below 300"),
        (["7", "7"], "it has a document twice"),
    ],
)
def test_an_index_that_is_not_of_these_documents_is_a_sentence(copy, few, names, found):
    with sparton.Searcher(copy, search_with="seismic") as quick:
        quick._way.first_pass._index = NotOurs(*names)
        sentence = refused(lambda: quick.search_terms({"t0": 3}, 5))
    assert sentence == (
        f"the Seismic index of {copy} is damaged: {found}; remove {copy / 'seismic'} and build it with `sparton "
        f"compact {copy} --also seismic`, or search with search_with='lucene'"
    )


def test_a_panic_is_a_sentence_and_an_interruption_is_none():
    with pytest.raises(PackageError, match=r"^Panic: out of bounds$"), told():
        raise type("Panic", (BaseException,), {})("out of bounds")
    for kind in (KeyboardInterrupt, SystemExit):
        with pytest.raises(kind), told():
            raise kind


@pytest.mark.slow
def test_a_damaged_one_is_built_again_and_a_folder_beside_its_files_is_left(copy, thorough):
    folder, terms = copy / "seismic", queries()[0]
    (folder / "notes").mkdir()
    (folder / "notes" / "note").write_text("mine")
    (folder / "0123456789abcdef.index.seismic").write_bytes(b"half")  # of a build that was killed
    named = {file.name: (folder / file.name).stat().st_size for file in load_manifest(copy).seismic.files}
    assert index_stats(copy).beside == {"seismic": sum(named.values())}
    path = folder / load_manifest(copy).seismic.index.name
    path.write_bytes(b"x" * path.stat().st_size)
    sparton.index_vectors(copy.parent / "v.jsonl", copy, also="seismic")
    with sparton.Searcher(copy, search_with="seismic") as quick:
        assert found(quick, terms, 5) == best(vectors(), terms, 5)
    files = {file.name for file in load_manifest(copy).seismic.files}
    assert {one.name for one in folder.iterdir()} == {*files, "notes"}
    assert (folder / "notes" / "note").read_text() == "mine"
    assert not files & {*named}


def test_a_build_that_fails_leaves_no_file_and_what_there_was(copy, monkeypatch):
    before = {path.name: path.read_bytes() for path in (copy / "seismic").iterdir()}

    class Killed(Subprocess):
        def ask(self, request):
            (copy / "seismic" / "0123456789abcdef.index.seismic").write_bytes(b"half")
            raise SpartonError("a process that helps with this was killed")

    monkeypatch.setattr(seismic_build, "Subprocess", Killed)
    manifest = load_manifest(copy)
    assert refused(lambda: build_beside(["seismic"], copy, manifest, progress=False)) == (
        "a process that helps with this was killed"
    )
    assert {path.name: path.read_bytes() for path in (copy / "seismic").iterdir()} == before


def test_without_the_package_it_is_a_sentence(copy, monkeypatch, tmp_path):
    from sparton.search.first_pass import seismic_package

    monkeypatch.setattr(seismic_package, "find_spec", lambda name: None)
    sentence = (
        "a Seismic index needs the package pyseismic-lsr, which is not installed; run `pip install 'sparton[seismic]'`"
    )
    assert refused(lambda: sparton.Searcher(copy, search_with="seismic")) == sentence
    assert refused(lambda: sparton.compact_index(copy, also="seismic")) == sentence
    collection = write(tmp_path / "v.jsonl", vectors(5))
    assert refused(lambda: sparton.index_vectors(collection, tmp_path / "new", also="seismic")) == sentence
    assert not (tmp_path / "new").exists()


def test_another_index_beside_is_refused(run_cli, tmp_path):
    ran = run_cli("index-vectors", tmp_path, "--also", "qdrant")
    assert (ran.code, ran.stderr) == (2, "Error: --also is 'qdrant'; expected seismic or bm25\n")
