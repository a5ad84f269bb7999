"""Filters, facets, orders and offsets of an open index, against the same worked out from the documents one by one."""

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.with_fields import SHOP

from sparton.errors import UsageError
from sparton.indexer.build import LuceneBuild
from sparton.indexer.java import java_class, java_path
from sparton.indexer.options import LucenePlan
from sparton.search.facets import MOST_VALUES, FacetCount
from sparton.search.impact_index import ImpactIndex
from sparton.search.lucene_hits import ScoredDoc
from sparton.search.max_passage import best_documents, document_of, first_documents
from sparton.storage.fields import Field

pytestmark = pytest.mark.slow

SEED = 19
DOCUMENTS = 400
FIELDS = (*SHOP, Field("doc.odd `name", "string"), Field("never", "number"))
TERMS = [f"t{number}" for number in range(12)]
PRICES = [0, -0.0, 1, 2.5, -3, 99.99, 100, 1e300, -1e-300, 2**53 + 1, 10**17 + 1]
BRANDS = [
    "Adele",
    "Odile & Co",
    "and",
    "é",
    "\U0001f600",
    "",
    "10",
    'say "hi"',
    "back\\slash",
    "it's",
    "a`b",
    "Z",
    "\x00",
]
TAGS = ["new", "sale", "évasé", "a, b", "not"]
TIMES = [
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T23:59:59.999999Z",
    "2026-01-02T00:00:00Z",
    "2026-01-02T08:30:00Z",
]


def some_document(chance, number):
    fields = {
        "price": lambda: chance.choice(PRICES),
        "brand": lambda: chance.choice(BRANDS),
        "in_stock": lambda: chance.random() < 0.5,
        "added": lambda: chance.choice(TIMES),
        "tags": lambda: chance.sample(TAGS, chance.randint(0, 4)) + chance.sample(TAGS, 1) * chance.randint(0, 1),
        "doc.odd `name": lambda: f"value {chance.randint(0, 40)}",
    }
    content = {"id": f"d{number}", "contents": f"text {number}"}
    if own := {name: value() for name, value in fields.items() if chance.random() < 0.7}:
        content["fields"] = own
    terms = chance.sample(TERMS, chance.randint(1, 6))
    return {**content, "vector": {term: chance.randint(1, 9) for term in terms}}


def write_index(folder, documents, plan=None):
    (folder / "collection").mkdir(parents=True)
    paths = [folder / "collection" / f"part-{number}.jsonl" for number in range(3)]
    for number, path in enumerate(paths):
        lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in documents[number::3]]
        path.write_text("".join(lines), encoding="utf-8")
    with LuceneBuild(folder / "lucene", plan or LucenePlan(1, 256, 16), fields=FIELDS) as building:
        for path in paths:
            building.add(path)
        building.finish()
        return [folder / name for name in building.indexes]


@pytest.fixture(scope="module")
def documents():
    chance = random.Random(SEED)
    return [some_document(chance, number) for number in range(DOCUMENTS)]


@pytest.fixture(scope="module")
def index(documents, tmp_path_factory):
    opened = ImpactIndex(*write_index(tmp_path_factory.mktemp("filters"), documents), fields=FIELDS)
    yield opened
    opened.close()


# A filter as text, and whether a document's fields pass it, by Python alone.


def quoted(chance, value):
    if chance.random() < 0.5 and value and not set(value) & set(" ()<>=!,\"'`"):
        return value
    quote = chance.choice("\"'")
    return quote + value.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote


def spelled(name):
    return "`doc.odd \\`name`" if "`" in name else name


def microseconds(text):
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def compared(operator, low, value, high):
    return {
        "=": low <= value <= high,
        "!=": not low <= value <= high,
        "<": value < low,
        "<=": value <= high,
        ">": value > high,
        ">=": value >= low,
    }[operator]


def some_condition(chance):
    field = chance.choice(FIELDS)
    name, kind = field.name, field.kind
    if chance.random() < 0.15:
        return f"{chance.choice(['exists', 'EXISTS'])} {spelled(name)}", lambda fields: fields.get(name, []) != []
    if kind in ("number", "timestamp"):
        operator = chance.choice(["=", "!=", "<", "<=", ">", ">="])
        if kind == "number":
            value = chance.choice([*PRICES, 7, 1e308])
            text, low, high, read = repr(value), float(value), float(value), float
        elif chance.random() < 0.5:
            text = chance.choice(["1969-12-31", "1970-01-01", "2026-01-01", "2026-01-02", "9999-12-31"])
            low, read = microseconds(f"{text}T00:00:00Z"), microseconds
            high = low + 86_400_000_000 - 1
        else:
            text = chance.choice(TIMES)
            low = high = microseconds(text)
            read, text = microseconds, chance.choice([text, text.replace("Z", "+00:00"), text.replace("Z", "")])
        if chance.random() < 0.2:
            negated = chance.random() < 0.5
            return (
                f"{spelled(name)} {'not ' * negated}in ({text})",
                lambda fields: negated != (name in fields and low <= read(fields[name]) <= high),
            )
        return (
            f"{spelled(name)} {operator} {text}",
            lambda fields: compared(operator, low, read(fields[name]), high) if name in fields else operator == "!=",
        )
    if kind == "boolean":
        wanted = chance.random() < 0.5
        return chance.choice(
            [
                (f"{name} = {str(wanted).lower()}", lambda fields: fields.get(name) is wanted),
                (f"{name} != {str(wanted).upper()}", lambda fields: fields.get(name) is not wanted),
                (name, lambda fields: fields.get(name) is True),
            ]
        )
    pool = {"brand": BRANDS, "tags": TAGS}.get(name, [f"value {number}" for number in range(45)])
    values = chance.sample([*pool, "no such"], chance.randint(1, 3))

    def has(fields):
        own = fields.get(name, [])
        return bool(set(values) & set(own if isinstance(own, list) else [own]))

    negated = chance.random() < 0.4
    if len(values) == 1 and chance.random() < 0.7:
        text = f"{spelled(name)}{'!=' if negated else '='}{quoted(chance, values[0])}"
    else:
        text = f"{spelled(name)} {'not ' * negated}in ({', '.join(quoted(chance, value) for value in values)})"
    return text, lambda fields: negated != has(fields)


def some_filter(chance, depth=0):
    roll = chance.random()
    if depth > 3 or roll < 0.45:
        return some_condition(chance)
    if roll < 0.6:
        text, passes = some_filter(chance, depth + 1)
        return f"not ({text})", lambda fields: not passes(fields)
    parts = [some_filter(chance, depth + 1) for _ in range(chance.randint(2, 3))]
    joined, every = chance.choice([("and", all), ("or", any), ("AND", all)])
    return (
        f" {joined} ".join(f"({text})" for text, _ in parts),
        lambda fields: every(passes(fields) for _, passes in parts),
    )


def passes_all(filters, fields):
    return all(passes(fields) for _, passes in filters)


def some_query(chance):
    return {term: chance.randint(1, 9) for term in chance.sample(TERMS, chance.randint(1, 3))}


def expected_hits(documents, query, passes=lambda fields: True):
    """(id, score) of what matches, best first, ties by id."""
    scores = {
        document["id"]: float(sum(impact * document["vector"].get(term, 0) for term, impact in query.items()))
        for document in documents
        if passes(document.get("fields", {}))
    }
    return sorted(
        ((name, score) for name, score in scores.items() if score), key=lambda hit: (-hit[1], hit[0].encode())
    )


def expected_counts(documents, found, field):
    """The facet of a field over what was found, by Python's Counter."""
    names = {name for name, _ in found}
    counts = Counter()
    for document in documents:
        value = document.get("fields", {}).get(field.name)
        if document["id"] in names and value is not None:
            values = set(value) if isinstance(value, list) else {float(value) if field.kind == "number" else value}
            counts.update(values)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [FacetCount(value, count) for value, count in ranked[:MOST_VALUES]]


def check_random_filters(documents, index, seed, turns):
    chance = random.Random(seed)
    for _ in range(turns):
        filters = [some_filter(chance) for _ in range(chance.randint(1, 2))]
        query = some_query(chance)
        selection = index.selection([text for text, _ in filters])
        found = [(hit.id, hit.score) for hit in index.rank(query, DOCUMENTS, selection)]
        passing = [document for document in documents if passes_all(filters, document.get("fields", {}))]
        expected = expected_hits(passing, query)
        assert found == expected, [text for text, _ in filters]
        k = chance.randint(1, 20)
        assert [(hit.id, hit.score) for hit in index.rank(query, k, selection)] == expected[:k]
        facets = index.facets(query, FIELDS, selection)
        assert facets.total == len(expected)
        assert facets.counts == {field.name: expected_counts(documents, expected, field) for field in FIELDS}


def test_random_filters_let_pass_what_python_lets_pass(documents, index):
    check_random_filters(documents, index, SEED + 1, 400)


def test_filters_over_several_indexes_are_those_over_one(documents, tmp_path):
    folders = write_index(tmp_path, documents, LucenePlan(2, 256, 16, join=False))
    index = ImpactIndex(*folders, fields=FIELDS)
    check_random_filters(documents, index, SEED + 2, 60)
    index.close()


def test_deleted_documents_are_neither_found_nor_counted(documents, tmp_path):
    (folder,) = write_index(tmp_path, documents)
    directory = java_class("org.apache.lucene.store.FSDirectory").open(java_path(folder))
    config = java_class("org.apache.lucene.index.IndexWriterConfig")()
    config.setMergePolicy(java_class("org.apache.lucene.index.NoMergePolicy").INSTANCE)
    writer = java_class("org.apache.lucene.index.IndexWriter")(directory, config)
    chance = random.Random(SEED)
    gone = {document["id"] for document in chance.sample(documents, 150)}
    for name in gone:
        writer.deleteDocuments([java_class("org.apache.lucene.index.Term")("id", name)])
    writer.commit()
    writer.close()
    index = ImpactIndex(folder, fields=FIELDS)
    left = [document for document in documents if document["id"] not in gone]
    check_random_filters(left, index, SEED + 3, 60)
    query = dict.fromkeys(TERMS, 1)
    assert index.facets(query, FIELDS[:1]).total == len(left)
    index.close()


def test_scores_under_a_filter_are_those_without_it(documents, index):
    """Also where a score has more digits than a float, and terms many more impacts."""
    chance = random.Random(SEED)
    for _ in range(50):
        query = {term: chance.randint(2**20, 2**24) for term in chance.sample(TERMS, 8)}
        alone = {hit.id: hit.score for hit in index.rank(query, DOCUMENTS)}
        text, _ = some_filter(chance)
        for hit in index.rank(query, DOCUMENTS, index.selection([text])):
            assert hit.score == alone[hit.id]


KEYS = {
    "price": float,
    "brand": str.encode,
    "in_stock": bool,
    "added": microseconds,
    "doc.odd `name": str.encode,
    "never": float,
}


def in_order(documents, hits, sort):
    """The ids of hits by a field, those without it last, ties by id."""
    down = sort.startswith("-")
    name = sort.removeprefix("-")
    own = {document["id"]: document.get("fields", {}) for document in documents}
    ids = sorted((hit for hit, _ in hits), key=str.encode)
    having = sorted((one for one in ids if name in own[one]), key=lambda one: KEYS[name](own[one][name]), reverse=down)
    if down:  # sorted() keeps ties as they were only where it does not turn the order round
        values = {one: KEYS[name](own[one][name]) for one in having}
        having = [one for value in dict.fromkeys(values.values()) for one in ids if values.get(one) == value]
    return having + [one for one in ids if name not in own[one]]


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_hits_in_the_order_of_a_field(documents, index, name, sign):
    chance = random.Random(SEED)
    for text in (None, "price < 100 or brand != Adele", "exists tags"):
        query = some_query(chance)
        selection = index.selection([text] if text else [], sign + name)
        scores = {hit.id: hit.score for hit in index.rank(query, DOCUMENTS, index.selection([text] if text else []))}
        expected = in_order(documents, scores.items(), sign + name)
        found = index.rank(query, DOCUMENTS, selection)
        assert [hit.id for hit in found] == expected
        assert [hit.score for hit in found] == [scores[one] for one in expected]
        assert [hit.id for hit in index.rank(query, 7, selection)] == expected[:7]


# Passages: several lines a document, with its fields.


def passages_of(documents, chance):
    found = []
    for document in documents:
        for number in range(chance.randint(1, 14)):
            terms = chance.sample(TERMS, chance.randint(1, 4))
            vector = {term: chance.randint(1, 4) for term in terms}
            found.append({**document, "id": f"{document['id']}#{number}", "vector": vector})
    return found


ODD_IDS = ["d1", "d1!", "d1 ", 'd1"x', "d1#0", "d1#0!", "d10", "d1$", "d", "é", "\U0001f600", "d1!#1"]


@pytest.fixture(scope="module")
def passages(documents):
    chance = random.Random(SEED)
    named = [{**document, "id": name} for document, name in zip(documents, ODD_IDS, strict=False)]
    return passages_of([*named, *documents[len(ODD_IDS) : 100]], chance)


@pytest.fixture(scope="module")
def passage_index(passages, tmp_path_factory):
    folders = write_index(tmp_path_factory.mktemp("passages"), passages, LucenePlan(2, 256, 16, join=False))
    opened = ImpactIndex(*folders, fields=FIELDS, passages=True)
    yield opened
    opened.close()


def folded(hits):
    """{document: (passage, score)} of the best passage of each, ties in order of the passage's id."""
    best = {}
    for name, score in hits:
        best.setdefault(document_of(name), (name, score))
    return best


def test_passages_are_filtered_counted_and_sorted_by_document(passages, passage_index):
    index, chance = passage_index, random.Random(SEED + 4)
    of_documents = {document_of(passage["id"]): {**passage, "id": document_of(passage["id"])} for passage in passages}
    for turn in range(80):
        text, passes = some_filter(chance)
        query = some_query(chance)
        best = folded(expected_hits(passages, query, passes))
        selection = index.selection([text])
        k = chance.randint(1, 30)
        found = best_documents(lambda asked: index.rank(query, asked, selection), k)  # noqa: B023
        expected = sorted(best.values(), key=lambda hit: (-hit[1], document_of(hit[0])))
        assert [(hit.id, hit.score) for hit in found] == expected[:k]
        facets = index.facets(query, FIELDS, selection)
        matching = [(name, 1.0) for name in best]
        assert facets.total == len(best)
        assert facets.counts == {
            field.name: expected_counts(of_documents.values(), matching, field) for field in FIELDS
        }
        sort = ("-" * (turn % 2)) + chance.choice(list(KEYS))
        ordered = replace(selection, order=index.selection([], sort).order)
        found = first_documents(lambda asked: index.rank(query, asked, ordered), k)  # noqa: B023
        expected = [best[one] for one in in_order(of_documents.values(), matching, sort)]
        assert [(hit.id, hit.score) for hit in found] == expected[:k], sort


def test_the_first_documents_are_those_of_all_passages_however_few_were_asked_for():
    """Where ids begin like others, passages of one document are not always next to each other."""
    chance = random.Random(SEED + 5)
    for _ in range(3_000):
        names = chance.sample([*ODD_IDS, "d1!#1!", "d1#", "d1 #", "d2", "d3"], chance.randint(1, 12))
        keys = {name: chance.choice("123") for name in names}
        every = [
            ScoredDoc(0, f"{name}#{number}", float(chance.randint(1, 5)), keys[name])
            for name in names
            for number in range(chance.choice([1, 2, 12]))
        ]
        every.sort(key=lambda found: (found.key, found.id.encode()))
        best = folded((found.id, found.score) for found in sorted(every, key=lambda found: (-found.score, found.id)))
        k = chance.randint(1, 6)
        found = first_documents(lambda asked: every[:asked], k)  # noqa: B023
        expected = [best[name] for name in sorted(names, key=lambda name: (keys[name], name))]
        assert [(one.id, one.score) for one in found] == expected[:k]


@pytest.mark.parametrize(
    ("sort", "sentence"),
    [
        (
            "-tags",
            "the order '-tags' names 'tags', and documents have several strings of it; expected one of price, brand, "
            "in_stock, added, doc.odd `name, never",
        ),
        (
            "prise",
            "the order 'prise' names the field 'prise', which the index does not have; expected one of price (number), "
            "brand (string), in_stock (boolean), added (timestamp), tags (strings), doc.odd `name (string), never "
            "(number)",
        ),
        (3, "the order is 3; expected the name of a field, or - and that"),
    ],
)
def test_an_order_that_cannot_be_is_refused(index, sort, sentence):
    with pytest.raises(UsageError) as caught:
        index.selection([], sort)
    assert str(caught.value) == sentence


def test_what_a_wrong_filter_is_told_names_the_most_frequent_values(documents, index):
    own = Counter(document["fields"]["brand"] for document in documents if "brand" in document.get("fields", {}))
    values = sorted(own, key=lambda value: (-own[value], value))[:5]
    with pytest.raises(UsageError) as caught:
        index.selection(["brand < 3"])
    assert str(caught.value) == (
        "the filter 'brand < 3' has 'brand', a string, with <; expected =, !=, in, not in or exists, and a value as "
        + ", ".join(repr(value) for value in values)
    )
