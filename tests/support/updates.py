"""A catalogue that changes at random, the same way for the same seed, and what an index of it must be equal to."""

import json
import random
from contextlib import closing
from dataclasses import dataclass

import sparton
from sparton.storage.manifest import load_manifest

WORDS = ["black", "red", "tan", "brown", "leather", "bag", "suede", "clutch", "small", "large", "gold", "brass"]
QUERIES = ("black leather bag", "gold clutch", "word1 word2 word30", "small brown strap with word7", "brass bag word99")
FIELDS = ("price", "brand", "in_stock", "tags")
BRANDS = ("Adele", "Odile & Co", "Verrane", "Muñoz")
FILTERS = ("price < 40", "brand = Adele", "not in_stock and price < 70")
SORTS = ("price", "-price")


@dataclass(frozen=True)
class Change:
    """What is done to an index. kind: update, delete or compact. rows: of an update. ids, filters: what is deleted."""

    kind: str
    rows: tuple[dict, ...] = ()
    ids: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


class Catalogue:
    """Products by their ids, of which `rows` has those that are left after all changes so far."""

    def __init__(self, count, seed=7):
        self._rng = random.Random(seed)
        self._next = count
        self.rows = {f"d{number}": self._product(f"d{number}") for number in range(count)}

    def change(self, share=0.02):
        """A change, which is made to `rows` as well. share: of the products that it touches."""
        rng, most = self._rng, max(2, int(len(self.rows) * share))
        kind = rng.choices(["update", "delete", "filter", "compact"], [6, 2, 1, 1])[0]
        if kind == "compact":
            return Change(kind)
        some = rng.sample(sorted(self.rows), rng.randint(1, most))
        if kind == "filter":
            bound = round(rng.uniform(0, 1), 2)
            for name in [name for name, row in self.rows.items() if row["price"] < bound]:
                del self.rows[name]
            return Change("delete", filters=(f"price < {bound}",))
        if kind == "delete":
            for name in some:
                del self.rows[name]
            return Change(kind, ids=(*some, "nobody"))
        rows = [self._changed(self.rows[name]) for name in some]
        for _ in range(rng.randint(0, most)):
            # An id may hold what divides passages from documents.
            rows.append(self._product(f"n{self._next}#{self._next % 3}"))
            self._next += 1
        for row in rows:
            self.rows[row["id"]] = row
            if not row["text"].strip():
                del self.rows[row["id"]]
        return Change(kind, rows=tuple(rows))

    def _changed(self, row):
        what = self._rng.choices(["price", "text", "nothing", "no text"], [4, 4, 2, 1])[0]
        if what == "text":
            return {**row, "text": self._text()}
        if what == "no text":
            return {**row, "text": " "}
        return {**row, "price": self._price()} if what == "price" else row

    def _product(self, name):
        rng = self._rng
        return {
            "id": name,
            "text": self._text(),
            "price": self._price(),
            "brand": rng.choice(BRANDS),
            "in_stock": rng.random() < 0.7,
            "tags": rng.sample(WORDS, rng.randint(0, 3)),
        }

    def _text(self):
        words = self._rng.choices([*WORDS, *(f"word{number}" for number in range(150))], k=self._rng.randint(0, 12))
        return " ".join(["black", *words])

    def _price(self):
        return round(self._rng.uniform(0.5, 100), 2)


def write_rows(path, rows):
    """Save rows as JSON lines; return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def build(path, rows, model, **options):
    """An index of rows in a folder."""
    corpus = write_rows(path.with_name(f"{path.name}.jsonl"), rows)
    sparton.build_index(
        corpus, path, model=str(model), fields=FIELDS, id_column="id", text_columns=("text",), **options
    )
    return path


def make(change, index, scratch):
    """Make a change in an index; return the report."""
    if change.kind == "update":
        return sparton.update_index(write_rows(scratch, change.rows), index)
    if change.kind == "delete":
        return sparton.delete_documents(index, change.ids or None, filters=change.filters)
    return sparton.compact_index(index)


def found(index, queries=QUERIES, k=1000):
    """All that searches of an index find: without filters, with each, in each order, with counts of all fields."""
    with closing(sparton.Searcher(index)) as searcher:
        return searched(searcher, queries, k)


def searched(searcher, queries=QUERIES, k=1000):
    """The same of an index that is open."""
    index, every = searcher._index, []
    fields = index.facet_fields(FIELDS)
    selections = [
        index.selection(()),
        *(index.selection((one,)) for one in FILTERS),
        *(index.selection((), one) for one in SORTS),
    ]
    for query in queries:
        terms = searcher.terms(query)
        for selection in selections:
            ranked = index.rank(terms, k, selection)
            stored = [(one.text, dict(one.fields)) for one in index.stored(ranked)]
            every.append([(one.id, one.score, *rest) for one, rest in zip(ranked, stored, strict=True)])
        facets = index.facets(terms, fields)
        every.append((facets.total, facets.counts))
    return every


def collection_of(index):
    """The lines of a collection by their ids, each of which stands once."""
    lines = {}
    for part in sorted((index / "collection").glob("part-*.jsonl")):
        for line in part.read_bytes().splitlines():
            name = json.loads(line)["id"]
            assert name not in lines
            lines[name] = line
    return lines


def counted(index):
    """The counts of an index that an update keeps."""
    counts = load_manifest(index).counts
    return counts.documents, counts.split, counts.postings


def size_of(folder):
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
