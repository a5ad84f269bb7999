"""What shop systems export goes in with the README's words and nothing else, and comes out value by value."""

import csv
import io
import json
import random
import re
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser

import pytest

from sparton.pipeline.corpus.checked import checked
from sparton.pipeline.corpus.reader import Corpus
from sparton.pipeline.corpus.shards import read_shards
from sparton.pipeline.corpus.survey import Wanted, survey_all
from sparton.storage.manifest import load_manifest

PRODUCTS = 60
COLOURS = ["black", "red", "tan", "grün", "naïve blue"]
BLOCKS = {"p", "br", "ul", "li", "div", "h2", "table", "tr", "td"}


class Seen(HTMLParser):
    """What is seen of HTML, by the standard library's parser."""

    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], False

    def handle_starttag(self, tag, attributes):
        self.hidden = tag in ("script", "style")
        self.parts.append(" " * (tag in BLOCKS))

    def handle_endtag(self, tag):
        self.hidden = False
        self.parts.append(" " * (tag in BLOCKS))

    def handle_data(self, text):
        self.parts.append("" if self.hidden else text)


def seen(text):
    if not re.search(r"<[a-z]|&[a-z]+;", text):
        return text
    parser = Seen()
    parser.feed(text)
    parser.close()
    return " ".join("".join(parser.parts).split())


def description(chance):
    colour = chance.choice(COLOURS)
    return chance.choice(
        [
            f"<p>A <strong>{colour}</strong> bag, 20&nbsp;cm wide.</p><ul><li>lined</li><li>R&amp;D tested</li></ul>",
            f"<div><h2>{colour}</h2>Soft<br/>and<br>light<script>track('<p>')</script><!-- internal --></div>",
            f"<style>p {{ color: red }}</style><table><tr><td>Colour</td><td>{colour}</td></tr></table>",
            f"<p>Never closed, {colour} &eacute;t&eacute; <b>bold",
            f"plain {colour} text, 3 < 5",
        ]
    )


def shop_lines(path, chance):
    """A shop system's products, a line each: nested, with prices as strings and what is missing missing or null."""
    with path.open("w", encoding="utf-8") as stream:
        for number in range(PRODUCTS):
            product = {
                "id": 6_790_000_000_000 + number,
                "title": f"Bag {number} in {chance.choice(COLOURS)}",
                "body_html": description(chance) if chance.random() < 0.8 else None,
                "vendor": chance.choice(["Verrane", "H&M", "Odile & Co", ""]),
                "product_type": "Bags",
                "handle": f"bag-{number}",
                "published_at": f"2024-0{chance.randrange(1, 10)}-05T10:00:00-05:00" if chance.random() < 0.7 else None,
                "tags": chance.sample(["new", "sale", "été"], chance.randrange(4)),
                "price": {"amount": f"{chance.randrange(1, 2_000_000) / 100:.2f}", "currency": "EUR"},
                "variants": [{"id": number * 10 + i, "title": size, "price": "12.00"} for i, size in enumerate("SML")],
                "options": [{"name": "Size", "values": ["S", "M", "L"]}],
                "image": {"src": f"https://cdn.example/{number}.jpg?v=1&w=2", "width": 800},
                "available": chance.random() < 0.5,
                "rating": chance.choice([None, 4.5, 3]),
                "metafields": {},
            }
            if chance.random() < 0.3:
                del product["rating"], product["image"]
            stream.write(json.dumps(product, ensure_ascii=chance.random() < 0.5) + "\n")


def expected_of_lines(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        published = row["published_at"] and datetime.fromisoformat(row["published_at"]).astimezone(UTC)
        image = row.get("image", {})
        fields = {
            "title": row["title"],
            "vendor": row["vendor"] or None,
            "product_type": row["product_type"],
            "handle": row["handle"],
            "published_at": published and published.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tags": row["tags"] or None,
            "price.amount": float(row["price"]["amount"]),
            "price.currency": row["price"]["currency"],
            "image.src": image.get("src"),
            "image.width": image.get("width"),
            "available": row["available"],
            "rating": row.get("rating"),
        }
        yield str(row["id"]), [row["title"], seen(row["body_html"] or "")], fields


LINES_KINDS = {
    "title": "string",
    "vendor": "string",
    "product_type": "string",
    "handle": "string",
    "published_at": "timestamp",
    "tags": "strings",
    "price.amount": "number",
    "price.currency": "string",
    "image.src": "string",
    "image.width": "number",
    "available": "boolean",
    "rating": "number",
}


def german(cents):
    whole, rest = divmod(cents, 100)
    return f"{whole:,}".replace(",", ".") + f",{rest:02} €"


def shop_csv(path, chance):
    """An export for a spreadsheet: a mark, semicolons, German headings and prices, HTML over several lines, gaps."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        ["Artikel-Nr.", "EAN", "Bezeichnung", "Langbeschreibung", "Marke", "Preis", "UVP", "Gewicht (kg)", "Auf Lager",
         "Verfügbar ab", "Lager PLZ", "Anzahl", "Notiz"]
    )  # fmt: skip
    for number in range(PRODUCTS):
        writer.writerow(
            [
                f"{number:06}",
                ean(400_638_100_000 + number) if chance.random() < 0.8 else "",
                f"Tasche {number}; {chance.choice(COLOURS)}",
                description(chance).replace("<p>", "<p>\r\n") if chance.random() < 0.8 else "",
                chance.choice(["Verrane", "Müller & Söhne", ""]),
                german(chance.randrange(100, 2_000_000)),
                german(chance.randrange(100, 2_000_000)) if chance.random() < 0.5 else " ",
                f"{chance.randrange(1, 9_999) / 1000:.3f}".replace(".", ","),
                chance.choice(["true", "false"]),
                chance.choice(["2026-01-02", "2025-12-31T08:30", ""]),
                chance.choice(["01067", "10115"]),
                chance.randrange(5_000),
                "",
            ]
        )
    path.write_bytes(b"\xef\xbb\xbf" + stream.getvalue().encode())


def ean(digits):
    weighed = sum(int(digit) * (1, 3)[offset % 2] for offset, digit in enumerate(str(digits)))
    return f"{digits}{-weighed % 10}"


def expected_of_csv(path):
    def number(text):
        return float(text.replace(".", "").replace(",", ".").removesuffix(" €")) if text.strip() else None

    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream, delimiter=";"):
            since = row["Verfügbar ab"]
            fields = {
                "EAN": row["EAN"] or None,
                "Bezeichnung": row["Bezeichnung"],
                "Marke": row["Marke"] or None,
                "Preis": number(row["Preis"]),
                "UVP": number(row["UVP"]),
                "Gewicht (kg)": number(row["Gewicht (kg)"]),
                "Auf Lager": row["Auf Lager"] == "true",
                "Verfügbar ab": f"{since}T00:00:00Z" if len(since) == 10 else (f"{since}:00Z" if since else None),
                "Lager PLZ": row["Lager PLZ"],
                "Anzahl": int(row["Anzahl"]),
            }
            yield row["Artikel-Nr."], [row["Bezeichnung"], seen(row["Langbeschreibung"])], fields


CSV_KINDS = {
    "EAN": "string",
    "Bezeichnung": "string",
    "Marke": "string",
    "Preis": "number",
    "UVP": "number",
    "Gewicht (kg)": "number",
    "Auf Lager": "boolean",
    "Verfügbar ab": "timestamp",
    "Lager PLZ": "string",
    "Anzahl": "number",
}


def documents(path):
    """What a build hands to the encoder."""
    corpus = Corpus([path])
    columns, _ = survey_all(corpus, Wanted(fields=["all"], strip_html=True))
    check = partial(checked, columns=columns, skip_bad=False)
    for shard in read_shards(corpus.rows(columns.all, columns.of_fields), 25, check):
        found = shard.documents
        yield from zip(found.ids, found.texts, map(json.loads, found.fields), strict=True)


LAYOUTS = pytest.mark.parametrize(
    ("name", "write", "read", "kinds"),
    [
        ("products.jsonl", shop_lines, expected_of_lines, LINES_KINDS),
        ("artikel.csv", shop_csv, expected_of_csv, CSV_KINDS),
    ],
)


def values_of(fields):
    return {name: value for name, value in fields.items() if value is not None}


def types_of(document):
    return {name: type(value) for name, value in document[2].items()}


@pytest.mark.slow
@LAYOUTS
def test_every_value_of_a_shop_s_export_is_read(tmp_path, name, write, read, kinds):
    for seed in range(20):
        path = tmp_path / name
        write(path, random.Random(seed))
        expected = [(one, " ".join(filter(None, texts)), values_of(fields)) for one, texts, fields in read(path)]
        found = list(documents(path))
        assert found == expected, seed
        assert list(map(types_of, found)) == list(map(types_of, expected)), seed


@pytest.mark.slow
@LAYOUTS
def test_a_shop_s_export_is_indexed_in_the_readme_s_words(tmp_path, monkeypatch, run_cli, name, write, read, kinds):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    write(path, random.Random(7))
    ran = run_cli("index", name, "--field", "all", "--strip-html")
    assert ran.code == 0, ran.stderr
    index = tmp_path / "sparton-index"
    parts = [part.read_bytes() for part in sorted((index / "collection").iterdir())]
    lines = [json.loads(line) for line in b"".join(parts).splitlines()]
    expected = [(one, " ".join(filter(None, texts))) for one, texts, _ in read(path)]
    assert [(line["id"], line["contents"]) for line in lines] == expected
    settings = load_manifest(index).settings
    assert {field.name: field.kind for field in settings.fields} == kinds
    assert settings.strip_html
    for other in (["--field", "all"], ["--strip-html"], ["--field", next(iter(kinds)), "--strip-html"]):
        refused = run_cli("index", name, *other)
        assert refused.code == 1
        assert "the index sparton-index was made with other settings: " in refused.stderr
