"""What shops call things elsewhere finds them, with the embedded model."""

import pytest

import sparton

pytestmark = pytest.mark.slow

DOCUMENTS = {
    "wrench": "A chrome wrench with a jaw of 30 mm",
    "faucet": "Kitchen faucet, brushed steel, with a pull out spray",
    "flashlight": "A flashlight for camping with four batteries",
    "diapers": "Soft diapers for babies of 4 to 8 kg, pack of 60",
    "sneakers": "White low sneakers of smooth leather",
    "hat": "A ribbed knitted hat of merino",
    "vacuum": "A bagless vacuum cleaner for carpets and floors",
    "shears": "Pruning shears with a spring and a lock",
    "napkins": "Paper napkins with a print of lemons",
    "couch": "A couch of green velvet for three",
    "tape": "Clear adhesive tape, six rolls",
    "garbage": "Garbage bags of 60 litres on a roll",
}
QUERIES = {
    "spanner": "wrench",
    "kitchen tap": "faucet",
    "torch": "flashlight",
    "nappies": "diapers",
    "white trainers": "sneakers",
    "beanie": "hat",
    "hoover": "vacuum",
    "secateurs": "shears",
    "serviettes": "napkins",
    "settee": "couch",
    "sellotape": "tape",
    "bin liners": "garbage",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "shops"
    rows = [{"id": name, "text": text} for name, text in DOCUMENTS.items()]
    sparton.build_index(rows, folder, model="small", also=["bm25"])
    return folder


def test_a_thing_is_found_by_what_it_is_called_elsewhere(index):
    """Which no text says: BM25 finds at best what another word of the query names."""
    with sparton.Searcher(index) as searcher:
        found = {query: hits[0].id for query, hits in zip(QUERIES, searcher.search_many([*QUERIES]), strict=True)}
    assert found == QUERIES
    with sparton.Searcher(index, search_with="bm25") as searcher:
        words = [query for query in QUERIES if " " not in query]
        assert not any(searcher.search_many(words))


@pytest.mark.parametrize("query", ["blorptastic", "xyzzy frobnicator", "walkie talkie"])
def test_what_nothing_is_called_finds_nothing(index, query):
    with sparton.Searcher(index) as searcher:
        assert searcher.search(query) == []


# Texts of a shop, and a query that they have a guess for. None of them has the thing.
LACKING = {
    "Xylophone. Eight metal bars and two beaters to play first tunes.": ("violin", "fiddle"),
    "Wind chimes, bamboo. Mellow notes for the porch.": ("cornet", "trumpet"),
    "A toy tractor that tips its load, with a trailer": ("lorry", "truck"),
}


@pytest.fixture(scope="module")
def lacking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "lacking"
    texts = [*LACKING, "Dinner suit. Black wool with satin lapels for evening events."]
    sparton.build_index([{"id": str(n), "text": text} for n, text in enumerate(texts)], folder, model="small")
    with sparton.Searcher(folder) as searcher:
        yield searcher


@pytest.mark.parametrize(("text", "asked"), LACKING.items())
def test_a_guess_is_not_what_a_shop_has(lacking, text, asked):
    query, synonym = asked
    assert synonym in lacking.document_terms(text)
    assert synonym not in lacking.terms(query)
    assert lacking.search(query) == []


def test_of_an_expression_a_document_says_one_word(lacking):
    assert "jacket" in lacking.terms("tuxedo")
    assert lacking.search("tuxedo")[0].text.startswith("Dinner suit")
