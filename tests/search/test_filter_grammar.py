"""Filters as people write them: what they mean to an index, and what is said of those that mean nothing."""

import math

import pytest

from sparton.errors import UsageError
from sparton.search.filters.grammar import Any, Condition, Every, Not, parse_filter
from sparton.search.filters.typed import AnyOf, Between, Complement, Exists, Keywords, typed_filter
from sparton.storage.fields import Field

FIELDS = {
    field.name: field
    for field in (
        Field("price", "number"),
        Field("brand", "string"),
        Field("in_stock", "boolean"),
        Field("added", "timestamp"),
        Field("tags", "strings"),
        Field("doc.text", "string"),
    )
}
NAMES = "price (number), brand (string), in_stock (boolean), added (timestamp), tags (strings), doc.text (string)"
A_NUMBER = "expected a number as 9.99"
DAY = 86_400_000_000
FIRST, LAST = -(2**63), 2**63 - 1


def typed(text, fields=FIELDS):
    return typed_filter(text, fields, lambda name: {"brand": ["Adele", "Odile & Co"]}.get(name, []))


A, B, C, D = (Condition(name, "") for name in "abcd")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a and b or c and d", Any((Every((A, B)), Every((C, D))))),
        ("a and (b or c) and d", Every((A, Any((B, C)), D))),
        ("not a and b", Every((Not(A), B))),
        ("not (a or not b)", Not(Any((A, Not(B))))),
        ("A AND NOT b", Every((Condition("A", ""), Not(B)))),
        ("price<100", Condition("price", "<", ("100",))),
        ("price >= -9.99", Condition("price", ">=", ("-9.99",))),
        ("brand = 'Adele Paris'", Condition("brand", "=", ("Adele Paris",))),
        ('brand != "say \\"hi\\" \\\\ \\n"', Condition("brand", "!=", ('say "hi" \\ \\n',))),
        ("brand in (Adele,'Odile & Co' , not)", Condition("brand", "in", ("Adele", "Odile & Co", "not"))),
        ("brand not in (and)", Condition("brand", "not in", ("and",))),
        ("exists doc.text", Condition("doc.text", "exists")),
        ("`not` = x and `a \\` b`", Every((Condition("not", "=", ("x",)), Condition("a ` b", "")))),
        ("größe = 38½ and Preis_€ < 3", Every((Condition("größe", "=", ("38½",)), Condition("Preis_€", "<", ("3",))))),
        ("added >= 2026-01-01T08:00:00+01:00", Condition("added", ">=", ("2026-01-01T08:00:00+01:00",))),
        ("brand = ''", Condition("brand", "=", ("",))),
    ],
)
def test_a_filter_is_read_into_its_tree(text, tree):
    assert parse_filter(text) == tree


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("price = 100", Between("price", 100.0, 100.0)),
        ("price != 1e2", Complement(Between("price", 100.0, 100.0))),
        ("price < 0", Between("price", -math.inf, -5e-324)),
        ("price <= -0", Between("price", -math.inf, 0.0)),
        ("price > '.5'", Between("price", math.nextafter(0.5, 1), math.inf)),
        ("price >= 0.5", Between("price", 0.5, math.inf)),
        ("price in (1, 2)", AnyOf((Between("price", 1.0, 1.0), Between("price", 2.0, 2.0)))),
        ("brand = Adele", Keywords("brand", ("Adele",))),
        ("brand not in (b, a, b)", Complement(Keywords("brand", ("b", "a")))),
        ("tags != new", Complement(Keywords("tags", ("new",)))),
        ("in_stock", Keywords("in_stock", ("true",))),
        ("not in_stock", Complement(Keywords("in_stock", ("true",)))),
        ("in_stock = False", Keywords("in_stock", ("false",))),
        ("exists price", Exists("price")),
        ("added = 1970-01-02", Between("added", DAY, 2 * DAY - 1)),
        ("added < 1970-01-02", Between("added", FIRST, DAY - 1)),
        ("added <= 1970-01-02", Between("added", FIRST, 2 * DAY - 1)),
        ("added > 1970-01-02", Between("added", 2 * DAY, LAST)),
        ("added >= 1970-01-02", Between("added", DAY, LAST)),
        ("added = 1970-01-01T00:00:00.000005Z", Between("added", 5, 5)),
        ("added = '1970-01-01 01:00+01:00'", Between("added", 0, 0)),
        ("added > 1969-12-31T23:59:59", Between("added", -999_999, LAST)),
    ],
)
def test_what_a_filter_means(text, meant):
    assert typed(text) == meant


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a filter is empty; expected a condition as price < 100"),
        ("price <", "the filter 'price <' is wrong at its end; expected a value"),
        ("price < )", "the filter 'price < )' is wrong at character 9, ')'; expected a value"),
        ("price == 3", "the filter 'price == 3' is wrong at character 7, '=='; expected one of = != < <= > >="),
        ("price < 3 x", "the filter 'price < 3 x' is wrong at character 11, 'x'; expected and, or, or the end"),
        ("(price < 3", "the filter '(price < 3' is wrong at its end; expected and, or, or )"),
        ("and", "the filter 'and' is wrong at character 1, 'and'; expected a condition as price < 100"),
        ("exists 'price'", "the filter \"exists 'price'\" is wrong at character 8, 'price'; expected a field's name"),
        ("brand in Adele", "the filter 'brand in Adele' is wrong at character 10, 'Adele'; expected ( and values"),
        ("brand in (a b)", "the filter 'brand in (a b)' is wrong at character 13, 'b'; expected a comma or )"),
        ("brand in ()", "the filter 'brand in ()' is wrong at character 11, ')'; expected a value"),
        ("brand not = a", "the filter 'brand not = a' is wrong at character 11, '='; expected in"),
        (
            'brand = "Adele',
            "the filter 'brand = \"Adele' has a quote at character 9 that is not closed; expected another \"",
        ),
        ("brand = \ud800", "a filter is 'brand = \\ud800'; expected a text as price < 100"),
        (
            "prise < 3",
            f"the filter 'prise < 3' names the field 'prise', which the index does not have; expected one of {NAMES}",
        ),
        (
            "brand < B",
            "the filter 'brand < B' has 'brand', a string, with <; expected =, !=, in, not in or exists, and a value "
            "as 'Adele', 'Odile & Co'",
        ),
        ("tags", "the filter 'tags' has 'tags', strings, by itself; expected =, !=, in, not in or exists"),
        (
            "not price",
            "the filter 'not price' has 'price', a number, by itself; expected =, !=, <, <=, >, >=, in, not in or "
            "exists",
        ),
        (
            "in_stock > 1",
            "the filter 'in_stock > 1' has 'in_stock', a boolean, with >; expected =, !=, in, not in or exists",
        ),
        ("price < x", "the filter 'price < x' compares 'price', a number, with 'x'; expected a number as 9.99"),
        ("price < 1_0", "the filter 'price < 1_0' compares 'price', a number, with '1_0'; expected a number as 9.99"),
        ("price < 9e999", f"the filter 'price < 9e999' compares 'price', a number, with '9e999'; {A_NUMBER}"),
        ("price < ٣", "the filter 'price < ٣' compares 'price', a number, with '٣'; expected a number as 9.99"),
        ("in_stock = 1", "the filter 'in_stock = 1' compares 'in_stock', a boolean, with '1'; expected true or false"),
        (
            "added > 2026-02-30",
            "the filter 'added > 2026-02-30' compares 'added', a timestamp, with '2026-02-30'; expected a day as "
            "2026-01-31 or a time as 2026-01-31T08:00:00Z",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_filter(text, sentence):
    with pytest.raises(UsageError) as caught:
        typed(text)
    assert str(caught.value) == sentence


def test_an_index_without_fields_has_none_to_filter_by():
    with pytest.raises(UsageError) as caught:
        typed("price < 3", {})
    assert str(caught.value) == (
        "the filter 'price < 3' names the field 'price', and the index has no fields; build it again with fields"
    )


@pytest.mark.parametrize("text", ["(" * 5_000 + "in_stock", "not " * 5_000 + "in_stock"])
def test_a_filter_that_is_nested_without_end_is_refused(text):
    with pytest.raises(UsageError, match=r"^the filter .*… is nested more than 100 deep; write it flatter$"):
        typed(text)


@pytest.mark.slow
def test_long_filters_are_taken():
    assert len(typed(" or ".join(["in_stock"] * 5_000)).of) == 5_000
    assert len(typed(f"brand in ({', '.join(map(str, range(5_000)))})").values) == 5_000
