"""Which nouns weigh more where a query names a thing by them: of a small WordNet, and of texts written here."""

import pytest

ARTIFACT, ATTRIBUTE, BODY, COGNITION = 6, 7, 8, 9


@pytest.fixture(scope="module")
def module(recipe):
    return recipe("head_noun_table")


@pytest.fixture(scope="module")
def wordnet(recipe):
    """Each noun's senses by file, the most frequent first; a container has a hundred kinds."""
    nouns = {
        "bag": [ARTIFACT],
        "nail": [BODY, ARTIFACT],
        "idea": [COGNITION],
        "line": [COGNITION, BODY, ARTIFACT],  # in its third sense
        "blue": [ATTRIBUTE, ARTIFACT],
        "cell": [ARTIFACT, BODY],
        "tub": [ARTIFACT],
        "key ring": [ARTIFACT],
        "container": [ARTIFACT],
        **{f"kind{'x' * n}": [ARTIFACT] for n in range(100)},
    }
    synset = recipe("wordnet").Synset
    synsets, senses = {}, {}
    for word, files in nouns.items():
        offsets = range(len(synsets), len(synsets) + len(files))
        synsets |= {one: synset((word,), "", file, ()) for one, file in zip(offsets, files, strict=True)}
        senses[word] = tuple(offsets)
    (container,) = senses["container"]
    for word in nouns:
        if word.startswith("kind"):
            (one,) = senses[word]
            synsets[one] = synset((word,), "", ARTIFACT, (container,))
    return recipe("wordnet").WordNet({"noun": synsets}, {"noun": senses}, {})


def texts(*rows):
    return [(source, text) for source, text, times in rows for _ in range(times)]


@pytest.fixture
def shop_words(module, monkeypatch):
    monkeypatch.setattr(module, "shop_words", lambda: {"trainers": [["sneakers", "gym shoes"]], "bags": [["blue"]]})


def test_things_are_artifacts_and_what_shops_have_words_for(module, wordnet, shop_words):
    found = module.head_nouns(wordnet, [])
    assert {word for word in found if not word.startswith("kind")} == {
        *("bag", "nail", "cell", "tub", "trainers", "sneakers"),
    }
    assert found == sorted(found)


def test_words_that_products_hardly_have_are_left_out(module, wordnet, shop_words):
    """Both have as many texts of other words."""
    rows = texts(
        ("webshop", "a bag with one long strap", 9),
        ("arxiv-abstracts", "cells of mice and men divide", 9),  # in the plural
        ("arxiv-abstracts", "a tub of words", 3),  # too few to tell
    )
    found = module.head_nouns(wordnet, rows)
    assert {"bag", "tub"} <= set(found)
    assert "cell" not in found


def test_passages_are_read_from_their_tokens(recipe, module, tmp_path):
    import numpy as np
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "bag": 1, "red": 2}, unk_token="[UNK]"))
    lists = recipe("token_lists")

    class Prepared:
        passages = lists.on_device(np.array([2, 1, 1]), np.array([2, 1]), "cpu")
        sources = ("webshop", "medquad")
        passage_sources = np.array([1, 0], np.uint8)

        def tokenizer(self):
            return tokenizer

    assert list(module.passages(Prepared())) == [("medquad", "red bag"), ("webshop", "bag")]
    assert module.save_head_nouns(tmp_path, recipe("wordnet").WordNet({"noun": {}}, {"noun": {}}, {}), Prepared()) > 500
    assert (tmp_path / "head_nouns.json").read_text().startswith('["')
