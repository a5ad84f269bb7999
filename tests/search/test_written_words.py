"""Which documents say a word, of those whose vectors have it: counted here from the texts themselves."""

import json
from contextlib import closing

import pytest

import sparton
from sparton.search.impact_index import ImpactIndex
from sparton.search.written_words import MOST_READ, WrittenWords

MODEL_SAYS = {"truck": 30, "hot": 40, "tub": 20, "knife": 10, "lorr": 5, "##y": 5}


def written_words(folder, texts, impacts=None, *, english=True):
    """Of an index in which every document has all terms, whatever its text is."""
    lines = [
        {"id": f"d{number}", "vector": MODEL_SAYS | {"truck": (impacts or {}).get(number, 30)}}
        | ({} if text is None else {"contents": text})
        for number, text in enumerate(texts)
    ]
    (folder / "part.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sparton.index_vectors(folder / "part.jsonl", folder / "index")
    index = closing(ImpactIndex(folder / "index" / "lucene"))
    return index, lambda opened: WrittenWords(opened, english=english)


def count(folder, texts, word, terms, **more):
    index, words_of = written_words(folder, texts, **more)
    with index as opened:
        return words_of(opened).count(word, terms)


@pytest.mark.parametrize(
    ("texts", "word", "terms", "expected"),
    [
        (["a crate", "a TRUCK, red", "two trucks", "truckload", None], "truck", ["truck"], 3),  # what is not stored too
        (["a crate", "a box"], "truck", ["truck"], 0),
        (["knives of steel", "a Knife's edge", "knitted"], "knife", ["knife"], 2),
        (["a knife"], "knives", ["knife"], 1),
        (["trucking", "trucked", "a truck"], "truck", ["truck"], 1),
        (["a hot tub", "tubs", "a hot day", "a heater"], "hot tub", ["hot", "tub"], 3),  # one of both words
        (["lo rry", "lorries", "a lorry"], "lorry", ["lorr", "##y"], 2),
        (["a lorry"], "lorry", ["lorr", "##y", "##zz"], 0),  # which no document has
        (["a lorry"], "lorry", [], 0),
        (["a & b"], "&", ["hot"], 0),  # no word
    ],
)
def test_documents_that_say_a_word_are_counted(tmp_path, texts, word, terms, expected):
    assert count(tmp_path, texts, word, terms) == expected


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [("Ein roter Regenschirm", "schirm", 1), ("赤い傘です", "傘", 1), ("Schirme", "schirm", 1), ("Lampe", "schirm", 0)],
)
def test_in_another_language_a_word_may_stand_within_another(tmp_path, text, word, expected):
    assert count(tmp_path, [text], word, ["truck"], english=False) == expected


@pytest.mark.parametrize(("heavy", "expected"), [(True, 2 * MOST_READ), (False, 0)])
def test_of_many_those_that_weigh_it_most_are_read(tmp_path, heavy, expected):
    """One says it, and is the heaviest or the lightest."""
    texts = ["a crate"] * (2 * MOST_READ)
    texts[7] = "a truck"
    assert count(tmp_path, texts, "truck", ["truck"], impacts={7: 99 if heavy else 1}) == expected


def test_as_many_as_are_read_are_counted_one_by_one(tmp_path):
    texts = ["a crate"] * (MOST_READ - 3) + ["a truck"] * 3
    assert count(tmp_path, texts, "truck", ["truck"]) == 3


def test_documents_with_all_terms_come_heaviest_first(tmp_path):
    vectors = [{"hot": 5, "tub": 1}, {"hot": 9}, {"hot": 3, "tub": 4}, {"tub": 9}, {"hot": 2, "tub": 4}]
    lines = [json.dumps({"id": f"d{number}", "vector": vector}) for number, vector in enumerate(vectors)]
    (tmp_path / "part.jsonl").write_text("\n".join(lines) + "\n")
    sparton.index_vectors(tmp_path / "part.jsonl", tmp_path / "index")
    with closing(ImpactIndex(tmp_path / "index" / "lucene")) as index:
        found = index.heaviest_with_all(["tub", "hot"], 10)
        assert [(one.id, one.score) for one in found] == [("d2", 7), ("d0", 6), ("d4", 6)]
        assert index.heaviest_with_all(["tub", "hot"], 2) == found[:2]
        assert [one.id for one in index.heaviest_with_all(["hot"], 1)] == ["d1"]
        assert index.heaviest_with_all([], 2) == index.heaviest_with_all(["hot", "a b"], 2) == []
