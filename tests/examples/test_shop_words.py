"""Words of shops: the file is well formed, and they go before WordNet's."""

import re
from itertools import chain

import pytest

_EXPRESSION = re.compile(r"[a-z]+( [a-z]+){0,2}")


@pytest.fixture(scope="module")
def words(recipe):
    return recipe("shop_words")


def test_each_expression_is_written_as_queries_are_looked_up(words):
    table = words.shop_words()
    every = {*table, *chain.from_iterable(chain.from_iterable(table.values()))}
    assert len(table) > 1_500
    assert [word for word in every if not _EXPRESSION.fullmatch(word)] == []
    for word, lists in table.items():
        others = list(chain.from_iterable(lists))
        assert others
        assert len({word, *others}) == 1 + len(others)


def test_a_word_has_one_line(words):
    lines = [line.partition(": ") for line in words._FILE.read_text().splitlines()]
    grouped = list(chain.from_iterable(line.split(", ") for line, _, others in lines if not others))
    alone = [word for word, _, others in lines if others]
    assert sorted({*grouped, *alone}) == sorted([*grouped, *alone])
    assert words.groups() == [line.split(", ") for line, _, others in lines if not others]


def test_a_group_stands_for_each_other_and_an_entry_one_way(words):
    table = words.shop_words()
    assert ["torch"] not in table.get("flashlight", [])
    for word, lists in table.items():
        if len(lists) == 1 and len(lists[0]) > 1:  # of a group
            assert all(word in chain.from_iterable(table[other]) for other in lists[0])


def test_they_go_before_wordnets(recipe, words):
    word, [nearest, *_] = next(iter(words.shop_words().items()))
    given = {word: [[nearest[0], "of wordnet"], ["far"]], "elsewhere": [["there"]]}
    found = recipe("synonym_table").with_shop_words(given)
    assert found[word] == [nearest, ["of wordnet"], ["far"]]
    assert found["elsewhere"] == [["there"]]
    assert found.keys() == {"elsewhere"} | words.shop_words().keys()


def test_hardly_anything_that_is_never_guessed_is_among_them(recipe, words):
    """The list has words for which shops have innocent uses, as "monkey wrench"; those that stand alone are no more."""
    never = recipe("never_guessed").NEVER
    alone = {word for word in words.shop_words() if word in never}
    assert alone <= {"underwear", "panties", "nude"}
