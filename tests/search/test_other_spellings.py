"""What is written otherwise in texts is found: apart or as one word, in British or American."""

import pytest

import sparton
from sparton.search import rare_words
from sparton.search.other_spellings import apart, as_one, spellings

PAIRS = [
    ("colour", "color"),
    ("haemoglobin", "hemoglobin"),
    ("oesophagus", "esophagus"),
    ("organise", "organize"),
    ("organisation", "organization"),
    ("paralyse", "paralyze"),
    ("catalogue", "catalog"),
    ("centre", "center"),
    ("fibre", "fiber"),
    ("sulphur", "sulfur"),
    ("mould", "mold"),
    ("licence", "license"),
    ("travelling", "traveling"),
    ("labelled", "labeled"),
    ("traveller", "traveler"),
    ("woollen", "woolen"),
    ("jewellery", "jewelry"),
    ("plough", "plow"),
    ("aluminium", "aluminum"),
    ("metres", "meters"),
    ("greyish", "grayish"),
    ("dishonour", "dishonor"),
    ("anaemia", "anemia"),
    ("foetal", "fetal"),
    ("manoeuvre", "maneuver"),
    ("manoeuvring", "maneuvering"),
    ("tumours", "tumors"),
    ("watercolour", "watercolor"),
    ("fibreglass", "fiberglass"),
]
DOCUMENTS = {
    "mower": "Cordless lawn mower with a deck of 40 cm",
    "trap": "Mouse trap of wood, pack of four",
    "cat": "Dry cat food with salmon",
    "raincoat": "A yellow raincoat of rubber",
    "teapot": "A teapot of glass",
    "blood": "Hemoglobin in the blood of divers",
    "volcano": "Sulfur compounds of volcanoes",
    "bees": "The behavior of bees",
    "bathroom": "Mold resistant caulk for bathrooms",
    "pruner": "Secateurs for roses",
}
ASKED = {
    "lawnmower": "mower",
    "a lawnmower": "mower",
    "lawnmowers": "mower",
    "mousetrap": "trap",
    "Catfood": "cat",
    "rain coat": "raincoat",
    "tea pots": "teapot",
    "haemoglobin": "blood",
    "sulphur": "volcano",
    "behaviour": "bees",
    "secateur": "pruner",
}


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_each_of_two_spellings_gives_the_other(pair):
    for word, other in (pair, pair[::-1]):
        assert other in list(spellings(word))
        assert word not in list(spellings(word))


@pytest.mark.parametrize(
    "word", ["for", "the", "four", "pets", "filling", "filing", "gold", "could", "slow", "pour", "rise"]
)
def test_words_that_only_look_like_it_have_no_other_spelling(word):
    others = {"gould", "poets", "pets", "filing", "filling", "cold", "por", "tor", "four", "for", "slough", "rize"}
    assert not others & set(spellings(word))


def test_a_word_is_taken_apart_at_each_place_that_leaves_parts():
    assert list(apart("mousetrap")) == [
        ("mou", "setrap"),
        ("mous", "etrap"),
        ("mouse", "trap"),
        ("mouset", "rap"),
    ]
    assert list(apart("onion")) == []
    assert as_one("rain", "coat") == "raincoat"
    assert as_one("a", "part") is None


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "spellings"
    sparton.build_index([{"id": name, "text": text} for name, text in DOCUMENTS.items()], folder, model="small")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("query", ASKED)
def test_what_texts_write_otherwise_is_found_first(index, query):
    with sparton.Searcher(index) as searcher:
        hits = searcher.search(query)
        assert hits[0].id == ASKED[query]
        assert searcher.search_many([query, "x"])[0] == hits


@pytest.mark.slow
@pytest.mark.parametrize("query", ["walkie talkie", "blorptastic", "Manon", "sunflower", "mou setrap", "bookshelf"])
def test_what_no_text_has_in_any_spelling_finds_nothing(index, query):
    with sparton.Searcher(index) as searcher:
        assert searcher.search(query) == []


@pytest.mark.slow
def test_a_word_that_documents_have_is_searched_for_as_it_is(tmp_path):
    rows = [{"id": f"{word}{n}", "text": f"{word} of volcanoes"} for word in ("sulphur", "sulfur") for n in range(2)]
    sparton.build_index(rows, tmp_path / "index", model="small")
    with sparton.Searcher(tmp_path / "index") as searcher:
        assert searcher.terms("sulfur").keys() == {"sulfur"}
        assert searcher.terms("sulphur").keys() == {"sul", "##ph", "##ur"}


@pytest.mark.slow
def test_a_word_beyond_all_length_is_not_taken_apart(index, monkeypatch):
    asked = []
    monkeypatch.setattr(rare_words, "apart", lambda word: asked.append(word) or apart(word))
    with sparton.Searcher(index) as searcher:
        assert searcher.search(f"{'lawn' * 10}mower {'lawnmower' * 1_000}") == []
        assert asked == []
        assert searcher.search("lawnmower")
        assert asked == ["lawnmower"]
