"""Generated topics, judgments, runs and vectors: each is read as a plain reader here reads it, or refused by line.

The readers below share nothing with Sparton's: they work on bytes, know no streams, and say None for a bad file.
"""

import gzip
import json
import random
import re
from decimal import Decimal

import pytest

from sparton.errors import SpartonError
from sparton.indexer.read_vectors import BEFORE_IMPACT, BETWEEN_TERMS, read_vectors
from sparton.indexer.splits import cut
from sparton.search.evaluation.topics import TopicOptions, read_topics
from sparton.search.evaluation.trec_files import read_qrels, read_run

FILES = 100  # of a seed
SEEDS = (11, 42, 1008, 1016, 1030)
BLANK = b" \t\x0b\x0c\r"
INTS = ["0", "1", "2", "-1", "7", "+3", "1.0", "0.0", "-0.0", "12", "003", "1000000", "2147483647"]
ODD = ["1.5", "1e3", "NaN", "inf", "1e300", "1e400", "-1e39", "1_0", "٣", "x", "1000001", "9" * 30, "", "2147483648"]
IDS = ["q1", "q2", "d3", "é", "a\u00a0b", "\u3000", "\x1c", "d#1", "😀", "qid", "a\0b", "007", "7"]


class _BadError(Exception):
    pass


def check(condition):
    if not condition:
        raise _BadError


def plain_lines(content):
    """Number and text of the lines that are not blank."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    for number, line in enumerate(content.split(b"\n"), start=1):
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise _BadError from None
        while text.endswith("\r"):
            text = text[:-1]
        check("\r" not in text)
        if line.strip(BLANK):
            yield number, text


def words(text):
    check("\0" not in text)
    return [word for word in re.split("[ \t\v\f]+", text) if word]


def number_of(text):
    check(set(text) <= set("0123456789+-.eE"))
    try:
        return Decimal(text)
    except ArithmeticError:
        raise _BadError from None


def plain_run(content):
    run = {}
    for _, text in plain_lines(content):
        fields = words(text)
        check(len(fields) == 6)
        score = number_of(fields[4])
        check(abs(score) < Decimal("3.40282346638528861e38"))
        check((fields[0], fields[2]) not in run)
        run[fields[0], fields[2]] = float(score)
    check(run)
    return run


def plain_qrels(content):
    qrels, columns = {}, None
    for _, text in plain_lines(content):
        fields = words(text)
        check(len(fields) in (3, 4) and columns in (None, len(fields)))
        if columns is None and re.fullmatch(r"query-id corpus-id score|(qid|id) \S+ docid rel", " ".join(fields)):
            columns = len(fields)
            continue
        columns = len(fields)
        check("e" not in fields[-1].lower())
        check(not fields[-1].startswith((".", "-.", "+.")))
        grade = number_of(fields[-1])
        check(grade == int(grade) and abs(grade) <= 1_000_000)
        check((fields[0], fields[-2]) not in qrels)
        qrels[fields[0], fields[-2]] = int(grade)
    check(qrels)
    return qrels


def plain_object(text):
    def once(entries):
        check(len({name for name, _ in entries}) == len(entries))
        return dict(entries)

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise _BadError from None


def plain_impacts(vector, scale):
    check(isinstance(vector, dict))
    impacts = {}
    for term, weight in vector.items():
        check(type(weight) in (int, float) and weight == weight and 0 <= weight < 2**31)
        check(scale or weight == int(weight))
        impact = round(weight * scale) if scale else int(weight)
        check(impact < 2**31)
        if impact:
            impacts[term] = impact
    return impacts


def plain_topics(content, tokens, scale):
    topics, heading = {}, None
    for place, (_, text) in enumerate(plain_lines(content)):
        terms = None
        if text.strip(" \t\v\f").startswith("{"):
            entry = plain_object(text)
            name = next((entry[key] for key in ("_id", "qid", "id") if key in entry), None)
            check(type(name) in (str, int))
            name = str(name)
            if "vector" in entry:
                query, terms = None, plain_impacts(entry["vector"], scale)
            else:
                query = next((entry[key] for key in ("text", "query", "title") if key in entry), None)
                check(isinstance(query, str))
                query = query.replace("\ud800", "?")
        else:
            columns = text.split("\t")
            check(len(columns) > 1)
            cells = [column.strip(' \v\f#"') for column in columns]
            if place == 0 and "qid" in cells and (cells[0] == "qid" or "query" in cells):
                check("query" in cells)
                heading = cells.index("qid"), cells.index("query")
                continue
            check(heading or not "".join(columns[2:]).strip(" \v\f"))
            at = heading or (0, 1)
            check(len(columns) > max(at))
            name, query = columns[at[0]].strip(" \v\f"), columns[at[1]]
        check(name and not set(name) & set(" \t\n\v\f\r\0\ud800") and name not in topics)
        if query is not None:
            split = [word for word in re.split("[ \t\n\v\f\r]+", query) if word]
            if tokens:
                query, terms = None, {word: split.count(word) for word in split}
            else:
                check(not any(len(set(split[i : i + 5])) == 1 for i in range(len(split) - 4)))
        topics[name] = (query, terms)
    return topics


def plain_vectors(content, scale):
    vectors = []
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    for line in content.split(b"\n"):
        if line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        if not line.strip(BLANK):
            continue
        try:
            entry = plain_object(line.decode())
        except UnicodeDecodeError:
            raise _BadError from None
        check(isinstance(entry, dict) and type(entry.get("id")) in (str, int) and entry["id"] != "")
        vector = entry.get("vector")
        check(isinstance(vector, dict) and "" not in vector)
        check("\ud800" not in "".join([str(entry["id"]), *vector]))
        if not scale:
            check(all(type(weight) is int or weight == 0 for weight in vector.values()))
        impacts = plain_impacts(vector, scale)
        check(sum(impacts.values()) < 2**31)
        vectors.append((str(entry["id"]), impacts, len(vector) - len(impacts)))
    return vectors


def some(chance, usual, odd, share=0.03):
    return chance.choice(odd if chance.random() < share else usual)


def as_file(chance, lines):
    """Lines as bytes, with what files have: line ends, marks, gzip, blank lines, cuts, strange bytes."""
    end = chance.choice(["\n", "\n", "\r\n"])
    for _ in range(chance.randrange(3)):
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(["", " ", "\t "]))
    content = end.join(lines).encode() + end.encode() * chance.randrange(2)
    if chance.random() < 0.2:
        content = b"\xef\xbb\xbf" + content
    if chance.random() < 0.15:
        start = chance.randrange(len(content) + 1)
        odd = [b"\0", b"\xff", b"\r", b"\t", b" ", b"\n", b"{", b'"', b"", "\u00a0".encode(), b"[" * 3_000]
        content = content[:start] + chance.choice(odd) + content[start + chance.randrange(4) :]
    return gzip.compress(content, mtime=0) if chance.random() < 0.2 else content


def a_run(chance):
    blank = chance.choice([" ", "\t", "  "])
    lines = []
    for _ in range(chance.randint(0, 6)):
        fields = [some(chance, IDS[:8], IDS), "Q0", f"{chance.choice(IDS[:10])}{chance.randrange(50)}", "1"]
        fields += [some(chance, [*INTS, "-.5", "1.25e1"], ODD), some(chance, ["tag"], ["", "two tags"])]
        lines.append(blank.join(fields))
    return as_file(chance, lines)


def some_qrels(chance):
    blank = chance.choice([" ", "\t"])
    iteration = chance.choice([["0"], []])
    heading = "qid 0 docid rel" if iteration else "query-id corpus-id score"
    lines = [heading.replace(" ", blank)] if chance.random() < 0.4 else []
    for _ in range(chance.randint(0, 6)):
        fields = [chance.choice(IDS[:8]), *some(chance, [iteration], [["0"], [], ["0", "0"]])]
        fields += [f"{chance.choice(IDS[:10])}{chance.randrange(50)}", some(chance, INTS[:-1], [*ODD, ".5"])]
        lines.append(blank.join(fields))
    return as_file(chance, lines)


def a_vector(chance, floats):
    usual = ["0", "1", "2", "30", "2147"] + (["0.5", "1.234", "0.001", "0.0"] if floats else [])
    odd = ["-1", "1e3", "NaN", "1e400", "1e300", "true", "null", '"7"', "[1]", "{}", "[[[[]]]]", "9" * 30, "2147483648"]
    terms = chance.sample(["bag", "##s", "é", "a b", '\\"', "\\u00e9x", ", ", "red"], chance.randint(0, 5))
    terms += some(chance, [[]], [["bag"], ["\\ud800"]])
    return "{" + ", ".join(f'"{term}": {some(chance, usual, odd, 0.01)}' for term in terms) + "}"


def some_topics(chance):
    lines, floats = [], chance.random() < 0.5
    kinds = chance.choice([["tsv"], ["json"], ["vector"], ["tsv", "json", "vector"]])
    columns = chance.choice([None, None, ["qid", "query"], ["qid", "lang", "query", "notes"], ["qid", "lang"]])
    if columns and "tsv" in kinds:
        lines.append("\t".join(columns))
    for number in range(chance.randint(0, 6)):
        name = f"{chance.choice(IDS[:9])}{number}" if chance.random() < 0.97 else chance.choice([*IDS, "", "a b"])
        query = " ".join(chance.choices(["bag", "red", "##s", "x\u00a0y", "a\u3000b"], k=chance.choice([0, 1, 3, 9])))
        if chance.random() < 0.03:
            query = "bag " * 7
        match chance.choice(kinds):
            case "tsv":
                fields = [name, query] if not columns or len(columns) == 2 else [name, "en", query, "n"]
                lines.append("\t".join(fields[: chance.randint(1, 4)] if chance.random() < 0.05 else fields))
            case "json":
                key = json.dumps(some(chance, [name, number + 1000], [None, 1.5, [], True, "\ud800"]))
                text = json.dumps(some(chance, [query], [None, 3, ["bag"], "half \ud800"]), ensure_ascii=True)
                names = chance.choice([("_id", "text"), ("qid", "query"), ("id", "title"), ("nr", "body")][:3] * 9)
                lines.append(f'{{"{names[0]}": {key}, "{names[1]}": {text}, "metadata": {{}}}}')
            case "vector":
                lines.append(f'{{"qid": {json.dumps(name)}, "vector": {a_vector(chance, floats)}}}')
    return as_file(chance, lines)


def some_vectors(chance):
    lines, floats = [], chance.random() < 0.5
    for number in range(chance.randint(0, 6)):
        name = json.dumps(some(chance, [f"d{number}", number, "é"], [None, 1.5, [], {}, False]), ensure_ascii=False)
        text = chance.choice(["", '"contents": "a \\"bag\\"", ', '"contents": "", ', '"more": {"vector": {"a": 1}}, '])
        shape = some(chance, ['{{"id": {}, {}"vector": {}}}'], ['{{"id": {}, {}"vectors": {}}}', "[{}, {}{}]", "{}"])
        lines.append(shape.format(name, text, a_vector(chance, floats)))
    return as_file(chance, lines)


def pairs(nested):
    return {(query, document): value for query, of in nested.items() for document, value in of.items()}


def decoded(postings):
    return {
        term: int(impact)
        for term, impact in (posting.split(BEFORE_IMPACT) for posting in postings.split(BETWEEN_TERMS) if posting)
    }


def documents(path, scale):
    quick, careful = (
        [vector for split in cut(path, most=100) for vector in read_vectors(split, scale, careful=careful)]
        for careful in (False, True)  # the quick way leaves to Lucene too large impacts and terms that stand twice
    )
    assert [(vector.id, vector.zeros) for vector in quick] == [(vector.id, vector.zeros) for vector in careful]
    return [(vector.id, decoded(vector.postings), vector.zeros) for vector in careful]


def topics_of(path, tokens, scale):
    return {topic.id: (topic.text, topic.terms) for topic in read_topics(path, TopicOptions(tokens or None, scale))}


KINDS = {
    "run": (a_run, lambda path, *_: pairs(read_run(path)), lambda content, *_: plain_run(content)),
    "qrels": (some_qrels, lambda path, *_: pairs(read_qrels(path)), lambda content, *_: plain_qrels(content)),
    "topics": (some_topics, topics_of, plain_topics),
    "vectors": (
        some_vectors,
        lambda path, tokens, scale: documents(path, scale),
        lambda content, tokens, scale: plain_vectors(content, scale),
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_generated_files_are_read_right_or_refused_by_line(tmp_path, kind, seed):
    make, read, read_plainly = KINDS[kind]
    chance = random.Random(f"{kind} {seed}")
    well = 0
    for number in range(FILES):
        content, tokens, scale = make(chance), chance.random() < 0.3, chance.choice([None, 100])
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(content)
        try:
            expected = read_plainly(content, tokens, scale)
        except _BadError:
            expected = None
        try:
            found = read(path, tokens, scale)
        except SpartonError as error:
            sentence = str(error)
            assert expected is None, (sentence, content)
            assert re.match(rf"{re.escape(str(path))}(,? line [1-9]| holds no )", sentence), sentence
            assert "\n" not in sentence
            continue
        assert found == expected, content
        well += 1
    assert FILES // 4 < well < FILES
