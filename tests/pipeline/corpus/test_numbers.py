"""Numbers and times as people write them, against what they are."""

import random
from datetime import datetime
from decimal import Decimal

import pytest

from sparton.pipeline.corpus.number_column import NumberColumn
from sparton.pipeline.corpus.numbers import COMMA, POINT, UNDECIDED, numbers_in, read_number
from sparton.pipeline.corpus.tally import Tally
from sparton.pipeline.corpus.timestamps import iso, read_iso


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12", POINT, "12"),
        ("0", COMMA, "0"),
        ("12.50", POINT, "12.50"),
        ("1299.00", POINT, "1299.00"),
        ("-3.5", POINT, "-3.5"),
        ("−3,5", COMMA, "-3.5"),
        ("1.299,00 €", COMMA, "1299.00"),
        ("1.299,00\u00a0€", COMMA, "1299.00"),
        ("$1,299.00", POINT, "1299.00"),
        ("-$5.25", POINT, "-5.25"),
        ("$-5.25", POINT, "-5.25"),
        ("US$ 1,299,000", POINT, "1299000"),
        ("EUR 12", POINT, "12"),
        ("12 EUR", COMMA, "12"),
        ("12,5 %", COMMA, "12.5"),
        ("1 299,90 zł", COMMA, "1299.90"),
        ("1\u202f299,90\u00a0€", COMMA, "1299.90"),
        ("CHF 1'299.50", POINT, "1299.50"),
        ("99,-", COMMA, "99"),
        ("1.299", COMMA, "1299"),
        ("1.299", POINT, "1.299"),
        ("0.125", POINT, "0.125"),
        ("0.125", COMMA, None),
        ("1,299.00", COMMA, None),
        ("1.299,00", POINT, None),
        ("1.29,00", COMMA, None),
        ("12.3456,00", COMMA, None),
        ("1,299 300", POINT, None),
        ("1e-05", POINT, "1e-05"),
        ("1E5", POINT, None),
    ],
)
def test_a_number_is_read_by_what_stands_before_its_decimals(text, decimal, number):
    assert numbers_in(text, decimal) == ([] if number is None else [number])


@pytest.mark.parametrize(
    "text",
    ["007", "00", "+4930123456", "12 cm", "3 x 4", "1.2.3", "02.01.2026", "2026-01-02", "12-34", "€", "€ 5 €", "--5",
     "٣", "", ".", "1,", "1..2", "free", "nan", "inf", "1" * 65],
)  # fmt: skip
def test_what_is_no_number_is_none(text):
    assert read_number(text) is None


@pytest.mark.parametrize("decimal", [POINT, COMMA])
def test_numbers_that_are_formatted_are_read_as_what_they_were(decimal):
    group = {POINT: [",", "", "'", " "], COMMA: [".", "", "\u00a0"]}[decimal]
    for seed in range(2_000):
        chance = random.Random(seed)
        number = Decimal(chance.randrange(-(10**9), 10**9)).scaleb(-chance.randrange(5))
        text = f"{number:,f}".translate({ord(","): chance.choice(group), ord("."): decimal})
        text = chance.choice(["{}", "{} €", "€{}", "{} EUR", " {} "]).format(text)
        assert [Decimal(one) for one in numbers_in(text, decimal)] == [number], text


@pytest.mark.parametrize(
    ("values", "kind", "decimal", "notes"),
    [
        (["12", "13"], "number", UNDECIDED, ()),
        (["12.50", "1,299.00"], "number", POINT, ()),
        (["1.299,00 €", "12,50 €"], "number", COMMA, ("written as '1.299,00 €'",)),
        (["1.299", "2.500"], "string", UNDECIDED, ("'1.299' may be 1.299 or 1299, and no other value says which",)),
        (["1.299", "12,5"], "number", COMMA, ("written as '12,5'",)),
        (["1.299", "0.5"], "number", POINT, ("written as '0.5'",)),
        (["1.299 €", "499 €"], "string", UNDECIDED, ("'1.299 €' may be 1.299 or 1299, and no other value says which",)),
        (["12,50", "12.50"], "string", UNDECIDED, ("'12.50' at row 2 is no number, where others are",)),
        (["12 €", "13 $"], "string", UNDECIDED, ("'13 $' at row 2 is no number, where others are",)),
        (["12 €", "13"], "number", UNDECIDED, ("in €",)),
        ([12, "13.50"], "number", POINT, ()),
        ([12.5, "free"], "string", UNDECIDED, ("'free' at row 2 is no number, where others are",)),
        (["M", "38"], "string", UNDECIDED, ()),
        (["38", "M"], "string", UNDECIDED, ("'M' at row 2 is no number, where others are",)),
        (["10115", "01067"], "string", UNDECIDED, ("'01067' at row 2 is no number, where others are",)),
        (["4006381333931", "9780306406157"], "string", UNDECIDED, ("they are codes",)),
        (["4006381333930", "9780306406157"], "number", UNDECIDED, ()),
        (["1234567890123456"], "string", UNDECIDED, ("they are codes",)),
        (["true", "FALSE", None, " "], "boolean", UNDECIDED, ()),
        (["yes", "No"], "boolean", UNDECIDED, ()),
        ([True, False], "boolean", UNDECIDED, ()),
        ([True, 1], "string", UNDECIDED, ("some are true or false and others numbers",)),
        (["true", "maybe"], "string", UNDECIDED, ("'maybe' at row 2 is neither true nor false, where others are",)),
        (["2026-01-02", "2026-01-02T10:00:00+02:00"], "timestamp", UNDECIDED, ()),
        (["2026-01-02", "soon"], "string", UNDECIDED, ("'soon' at row 2 is no time, where others are",)),
        (["2026", "2027"], "number", UNDECIDED, ()),
        ([["a"], []], "strings", UNDECIDED, ()),
        ([["a"], "b", 3], "strings", UNDECIDED, ()),
        ([float("nan"), 1.5], "number", UNDECIDED, ("1 of its numbers are not finite, and no values",)),
    ],
)
def test_the_kind_of_a_column_is_what_all_its_values_can_be(values, kind, decimal, notes):
    tally = Tally("column")
    for row, value in enumerate(values, start=1):
        tally.add(value, lambda row=row: f"row {row}")
    verdict = tally.verdict()
    assert (verdict.kind, verdict.decimal, verdict.notes) == (kind, decimal, notes)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None, "", " ", []], "without a value"),
        ([[{"a": 1}]], "a list of objects"),
        ([["a"], [["b"]]], "a list of lists"),
        (["a", [{}]], "a list of objects"),
    ],
)
def test_a_column_that_can_be_no_field_says_why(values, why):
    tally = Tally("column")
    for value in values:
        tally.add(value, str)
    assert (tally.verdict().kind, tally.verdict().why) == (None, why)


@pytest.mark.parametrize(
    "name", ["ean", "EAN13", "variantSKU", "Zip Code", "order_number", "PLZ", "phone", "vendor_id"]
)
def test_digits_of_a_column_of_codes_are_codes(name):
    column = NumberColumn(name)
    assert column.take("12")
    assert column.unfit == "they are codes"


@pytest.mark.parametrize("name", ["price", "number_of_reviews", "width", "id_count", "Preis"])
def test_digits_of_other_columns_are_numbers(name):
    column = NumberColumn(name)
    assert column.take("12")
    assert column.unfit == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("2026-01-02T10:11", "2026-01-02T10:11:00Z"),
        ("2026-01-02 10:11:12", "2026-01-02T10:11:12Z"),
        ("2026-01-02T10:11:12Z", "2026-01-02T10:11:12Z"),
        ("2026-01-02T10:11:12.5Z", "2026-01-02T10:11:12.500000Z"),
        ("2026-01-02T10:11:12.123456789+02:00", "2026-01-02T08:11:12.123456Z"),
        ("2024-01-05T22:00:00-0500", "2024-01-06T03:00:00Z"),
        ("2024-01-05 10:00:00 -05", "2024-01-05T15:00:00Z"),
        ("2024-01-05 10:00:00 UTC", "2024-01-05T10:00:00Z"),
        ("2024-13-05", None),
        ("2024-02-30", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("20240105", None),
        ("05.01.2024", None),
        ("2024-01", None),
        ("2024-01-05T25:00", None),
    ],
)
def test_times_are_read_as_iso_8601_has_them(text, expected):
    found = read_iso(text)
    assert (found and iso(found)) == expected


def test_a_time_is_the_same_by_another_reader():
    for seed in range(500):
        chance = random.Random(seed)
        moment = datetime(
            chance.randrange(1900, 2100), chance.randrange(1, 13), chance.randrange(1, 29), chance.randrange(24)
        )
        assert read_iso(f"{moment.isoformat()}Z") == read_iso(moment.isoformat(" ")) == moment
