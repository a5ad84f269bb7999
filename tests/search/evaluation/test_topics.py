"""Topics from every kind of file, and what bad ones get."""

import gzip
import json
from pathlib import Path

import pytest

from sparton.errors import SpartonError, UsageError
from sparton.search.evaluation.topics import Topic, TopicOptions, count_topics, read_topics
from sparton.search.evaluation.trec_files import read_qrels, read_run


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content, name="topics"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path.relative_to(tmp_path)

    return write


def test_tsv(write):
    path = write("\ufeffq1\tblack bag\r\n\nq2\ta line\u2028 inside\t\nq3\t\n")
    assert list(read_topics(path)) == [Topic("q1", "black bag"), Topic("q2", "a line\u2028 inside"), Topic("q3", "")]
    assert count_topics(path) == 3


@pytest.mark.parametrize("name", ["_id", "id", "qid"])
@pytest.mark.parametrize("text", ["text", "query", "title"])
def test_json_lines(write, name, text):
    path = write(json.dumps({name: 7, text: "black bag", "metadata": {}}) + "\n")
    assert list(read_topics(path)) == [Topic("7", "black bag")]


def test_encoded_topics(write):
    path = write(json.dumps({"qid": "a", "vector": {"##body": 12, "|": 3.0}}))
    assert list(read_topics(path)) == [Topic("a", None, {"##body": 12, "|": 3})]


def test_gzip_is_known_by_its_content(write):
    path = write(gzip.compress(b"q1\tblack bag\n"), "topics.tsv")
    assert list(read_topics(path)) == [Topic("q1", "black bag")]


def test_half_characters_are_replaced(write):
    path = write('{"id": "a", "text": "bag \\ud800"}')
    assert list(read_topics(path)) == [Topic("a", "bag ?")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", " holds no topics; expected an id, a tab and a text a line, or JSON lines"),
        ("q1\tbag\nbag", ", line 2: 'bag' has no tab; expected an id, a tab and a text, or a JSON object"),
        ("\tbag", ", line 1: the id '' is no single word; a run could not hold it"),
        ("q 1\tbag", ", line 1: the id 'q 1' is no single word; a run could not hold it"),
        ("q1\ta\n\nq1\tb", ", line 3: the id 'q1' stands in line 1 too; ids must differ"),
        ('{"_id": 1, "text": "a"}\n1\tb', ", line 2: the id '1' stands in line 1 too; ids must differ"),
        (
            '{"text": "a"}',
            ', line 1: the topic has no id; expected text or a number as "_id" or "qid" or "id"',
        ),
        (
            '{"id": 1, "text": 2}',
            ', line 1: the topic has no text; expected text as "text" or "query" or "title", or a vector',
        ),
        ('{"id": 1, "vector": [1]}', ", line 1: the vector is [1]; expected {term: impact}"),
        (
            '{"id": 1, "vector": {"a": 1.5}}',
            ", line 1: the impact of 'a' is 1.5; expected a whole number; float weights need scale",
        ),
        ('{"id": 1, "vector": {"a": NaN}}', ", line 1: the impact of 'a' is nan; expected a whole number"),
        ('{"id": 1, "vector": {"a": true}}', ", line 1: the impact of 'a' is True; expected a whole number"),
        ('{"id": 1, "vector": {"a": -1}}', ", line 1: the impact of 'a' is -1; expected one from 0 to 2147483647"),
        (b"q1\tbag\nq2\t\xff", ", line 2: this is not UTF-8 (invalid start byte); save the file as UTF-8"),
    ],
)
def test_bad_topics_get_one_sentence(write, content, sentence):
    with pytest.raises(SpartonError) as caught:
        count_topics(write(content))
    assert str(caught.value) == f"topics{sentence}"


def test_what_is_no_json_is_said(write):
    with pytest.raises(SpartonError, match=r"^topics, line 1: this is no JSON object \(Expecting"):
        count_topics(write("{bag"))


def test_a_file_cut_short_is_said(write):
    path = write(gzip.compress(b"q1\tblack bag\n")[:-9], "topics.gz")
    with pytest.raises(SpartonError, match=r"^topics\.gz cannot be read \("):
        count_topics(path)


def test_a_missing_file_is_said(write, tmp_path):
    with pytest.raises(SpartonError, match=r"nothing cannot be read \(No such file or directory\)"):
        count_topics(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "topics", "told"),
    [
        ("qid\tquery\n1\tbag\n", {"1": "bag"}, "ids in qid and texts in query"),
        ("Query-ID\tText\r\n1\tbag\r\n", {"1": "bag"}, "ids in Query-ID and texts in Text"),
        ("\ufeff_id\ttitle\n1\tbag\n", {"1": "bag"}, "ids in _id and texts in title"),
        (
            "id\tlang\tquery\tnotes\n1\ten\tbag\tx\n2\t\that\t\n",
            {"1": "bag", "2": "hat"},
            "ids in id and texts in query; columns not used: lang, notes",
        ),
        ("query\tqid\nbag\t1\n", {"1": "bag"}, "ids in qid and texts in query"),
        ("\n#topic_id\tquery\n1\tbag\n", {"1": "bag"}, "ids in #topic_id and texts in query"),
    ],
)
def test_a_heading_names_the_columns_and_is_told_once(write, caplog, content, topics, told):
    caplog.set_level("INFO", logger="sparton")
    path = write(content)
    assert count_topics(path) == len(topics)
    assert {topic.id: topic.text for topic in read_topics(path)} == topics
    line = 2 if content.startswith("\n") else 1
    assert caplog.messages == [f"topics, line {line}: taken for a heading, with {told}"]


def test_a_topic_that_is_no_heading_is_kept(write):
    path = write("query\tbag\nq2\tid\nid7\tquery\nqid\tquery\n")
    assert [topic.id for topic in read_topics(path)] == ["query", "q2", "id7", "qid"]


TOPS = """<top>
<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that participate in <b>crime</b>.

<narr> Narrative:
A relevant document must as a minimum identify the
organization. Title: <5 %.
</top>


<top>
<head> Tipster Topic Description
<num> Number:  302
<dom> Domain:  Medical
<title> Topic:  Poliomyelitis
and  Post-Polio

<desc> Description:
Is it under control?
<top lang="en"><num>fr-3</num><title>sacs \u00e0 main &amp; gants</title><desc>x</desc></top>
<TOP>
<NUM>4</NUM><TITLE></TITLE>
</TOP>
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("zipped", [False, True])
def test_topics_of_trec(write, end, zipped):
    content = TOPS.replace("\n", end).encode()
    path = write(gzip.compress(content) if zipped else content)
    assert list(read_topics(path)) == [
        Topic("301", "International Organized Crime"),
        Topic("302", "Poliomyelitis and Post-Polio"),
        Topic("fr-3", "sacs \u00e0 main &amp; gants"),
        Topic("4", ""),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<top>\n<num> 1\n</top>", ", line 1: this topic has no <title>; expected <top>, <num> and <title>"),
        ("<top><title>a</top>\n", ", line 1: this topic has no <num>; expected <top>, <num> and <title>"),
        (
            "\n<top>\n<num> 1\n<title> a\n<num> 2\n",
            ", line 5: the topic that begins in line 2 has a second <num>; expected one, and <top> before the next "
            "topic",
        ),
        (
            "<top><num>1<title>a</top>\nbag\n",
            ", line 2: 'bag' lies in no field of a topic; expected <top>, <num>, <title>",
        ),
        (
            "<top>bag<num>1<title>a</top>\n",
            ", line 1: 'bag' lies in no field of a topic; expected <top>, <num>, <title>",
        ),
        (
            "<top><num>1<title>a</top>\n<num>2\n",
            ", line 2: '2' lies in no field of a topic; expected <top>, <num>, <title>",
        ),
        ("<top><num>1<title>a</top>\n</top>\n", ", line 2: </top> ends no topic; expected <top> before it"),
        ("<top><num>1 2<title>a</top>\n", ", line 1: the id '1 2' is no single word; a run could not hold it"),
        (
            "<top><num>1<title>a\n<top><num> Number: 1<title>b\n",
            ", line 2: the id '1' stands in line 1 too; ids must differ",
        ),
        ("<topics>\n", " is XML; expected an id, a tab and a text a line, JSON lines, or TREC's <top>"),
    ],
)
def test_bad_topics_of_trec_get_one_sentence(write, content, sentence):
    with pytest.raises(SpartonError) as caught:
        count_topics(write(content))
    assert str(caught.value) == f"topics{sentence}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "qid\tbags\n1\tbag",
            ", line 1: this is a heading, 'qid\\tbags', and none of its columns is called query, text, title; rename "
            "the column of texts, or remove the line",
        ),
        ("id,text\n1,bag", " has ',' between columns, 'id,text'; expected tabs: save it as TSV"),
        ('\n"qid";"query"\n1;bag', " has ';' between columns, '\"qid\";\"query\"'; expected tabs: save it as TSV"),
        ("1,bag\n", ", line 1: '1,bag' has no tab; expected an id, a tab and a text, or a JSON object"),
        (
            "1\tbag\n2\tbag\tred",
            ", line 2: 3 columns; expected an id, a tab and a text without tabs, or a first line that names the "
            'columns, as "qid" and "query"',
        ),
        ("qid\tlang\tquery\n1\tbag", ", line 2: 2 columns, and the heading has 3 or more"),
        ("a\0b\tbag", ", line 1: the id 'a\\x00b' is no single word; a run could not hold it"),
        ("1\tbag\r2\that\r", ", line 1 has a carriage return within it; expected lines that end in LF or CRLF"),
        ("1\t" + "bag " * 2**23, ", line 1 is longer than 16 MiB; expected lines that end in LF or CRLF"),
        ("1\tbag\n".encode("utf-16"), ", line 1: this is not UTF-8 (invalid start byte); save the file as UTF-8"),
        (
            '{"id": "1", "text": "a", "metadata": ' + "[" * 100_000 + "]" * 100_000 + "}",
            ", line 1: this is JSON nested too deeply; expected a topic's id and text",
        ),
        (
            '{"id": [], "text": "a"}',
            ', line 1: the topic\'s id is []; expected text or a number as "_id" or "qid" or "id"',
        ),
        (
            '{"_id": 1.5, "text": "a"}',
            ', line 1: the topic\'s _id is 1.5; expected text or a number as "_id" or "qid" or "id"',
        ),
        ('{"_id": "\\ud800", "text": "a"}', ", line 1: the id '\\ud800' has half of a character; expected Unicode"),
        (
            '{"id": 1, "vector": {"a": 1, "b": 2, "a": 3}}',
            ", line 1: a stands twice in an object; expected once",
        ),
        ('{"id": 1, "vector": null}', ", line 1: the vector is None; expected {term: impact}"),
        ('{"id": 1, "vector": {"a": 1e400}}', ", line 1: the impact of 'a' is inf; expected a whole number"),
        (
            '{"id": 1, "vector": {"a": 1e300}}',
            ", line 1: the impact of 'a' is 1e+300; expected one from 0 to 2147483647",
        ),
        ('{"id": 1, "vector": {"a": {"b": 1}}}', ", line 1: the impact of 'a' is {'b': 1}; expected a whole number"),
        *[
            (
                content,
                f" {what}, where each line should be an object; convert it to JSON lines, as with jq -c '{query}'",
            )
            for content, what, query in [
                ('[{"id": 1}]', "is a JSON array", ".[]"),
                ('\n[\n  {"id": 1, "text": "a"}\n]\n', "is a JSON array", ".[]"),
                ('{\n  "id": 1,\n  "text": "a"\n}\n', "has JSON objects that reach over several lines", "."),
            ]
        ],
        *[
            (content, " is XML; expected an id, a tab and a text a line, JSON lines, or TREC's <top>")
            for content in ("<?xml version='1.0'?>\n<topics>", "<topics task='covid'>\n<topic number='1'>")
        ],
        (
            '{"id": 9007199254740994.0, "text": "a"}',
            ', line 1: the topic\'s id is 9007199254740994.0; expected text or a number as "_id" or "qid" or "id"',
        ),
    ],
)
def test_other_files_get_one_sentence(write, content, sentence):
    with pytest.raises(SpartonError) as caught:
        count_topics(write(content))
    assert str(caught.value) == f"topics{sentence}"


def test_a_whole_number_is_an_id_however_it_is_written(write):
    path = write('{"id": 3.0, "text": "a"}\n{"id": 4, "text": "b"}\n{"id": -1e3, "text": "c"}\n')
    assert list(read_topics(path)) == [Topic("3", "a"), Topic("4", "b"), Topic("-1000", "c")]


def test_ids_in_brackets_are_ids(write):
    path = write("[1]\tbag\n<b>\that, cap\nid,text\tshoe\n")
    assert list(read_topics(path)) == [Topic("[1]", "bag"), Topic("<b>", "hat, cap"), Topic("id,text", "shoe")]


def test_a_folder_is_said_with_the_file_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("beir/qrels").mkdir(parents=True)
    for read, words in ((count_topics, "topics"), (read_qrels, "judgments"), (read_run, "a run")):
        with pytest.raises(SpartonError) as caught:
            read(Path("beir"))
        assert str(caught.value) == f"beir is a folder; expected a file of {words}"
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/dev.tsv", "qrels/test.tsv", "bm25.trec"):
        (Path("beir") / name).touch()
    for read, words in (
        (count_topics, "topics, as beir/queries.jsonl"),
        (read_qrels, "judgments, as beir/qrels/test.tsv"),
        (read_run, "a run, as beir/bm25.trec"),
    ):
        with pytest.raises(SpartonError) as caught:
            read(Path("beir"))
        assert str(caught.value) == f"beir is a folder; expected a file of {words}"


def test_what_trec_eval_takes_for_part_of_an_id_is_part_of_it(write):
    path = write(" a\u00a0b \tbag\u00a0red\0\n\u3000\tx\n")
    assert list(read_topics(path)) == [Topic("a\u00a0b", "bag\u00a0red\0"), Topic("\u3000", "x")]


def test_blanks_before_json_do_not_matter(write):
    path = write('  \t{"_id": "1",\t"text": "bag"}\n')
    assert list(read_topics(path)) == [Topic("1", "bag")]


def test_zeros_of_vectors_find_nothing_and_are_left_out(write):
    path = write(json.dumps({"id": 1, "vector": {"a": 0, "b": 2, "c": 0.0}}))
    assert list(read_topics(path)) == [Topic("1", None, {"b": 2})]


def test_float_vectors_need_a_scale(write):
    path = write(json.dumps({"id": 1, "vector": {"a": 1.234, "b": 0.004, "c": 2}}))
    with pytest.raises(
        SpartonError, match=r"^topics, line 1: .* is 1\.234; expected a whole number; float weights need"
    ):
        count_topics(path)
    assert list(read_topics(path, TopicOptions(scale=100))) == [Topic("1", None, {"a": 123, "c": 200})]


@pytest.mark.parametrize("weight", ["-0.5", "NaN", "Infinity", "3e7", "9" * 400])
def test_weights_that_give_no_impact_are_refused(write, weight):
    with pytest.raises(SpartonError) as caught:
        count_topics(write(f'{{"id": 1, "vector": {{"a": {weight}}}}}'), TopicOptions(scale=100))
    shown = "a number of 400 digits" if weight == "9" * 400 else repr(json.loads(weight))
    assert str(caught.value) == (
        f"topics, line 1: the impact of 'a' is {shown}; expected a number from 0, and times scale at most 2147483647"
    )


def test_a_scale_is_refused_where_nothing_is_scaled(write):
    for content, pretokenized in (("1\tbag", None), ("1\tbag bag", True)):
        with pytest.raises(UsageError) as caught:
            count_topics(write(content), TopicOptions(pretokenized, 100))
        assert str(caught.value) == "scale is for topics that are vectors, and topics has none; leave it out for texts"


ENCODED = "1\tbag bag bag bag bag ##s red red\n2\t\n3\that\n"


def test_tokens_are_read_where_they_are_asked_for(write):
    found = list(read_topics(write(ENCODED), TopicOptions(pretokenized=True)))
    assert found == [
        Topic("1", None, {"bag": 5, "##s": 1, "red": 2}),
        Topic("2", None, {}),
        Topic("3", None, {"hat": 1}),
    ]
    path = write('{"id": 1, "text": "a a\u00a0b \\tc\u3000 a"}\n')
    assert list(read_topics(path, TopicOptions(pretokenized=True))) == [
        Topic("1", None, {"a": 2, "a\u00a0b": 1, "c\u3000": 1})
    ]


def test_what_looks_like_tokens_is_neither_encoded_nor_read_as_tokens_unasked(write):
    for content in (ENCODED, '{"id": 1, "text": "red bag bag bag bag bag"}', "<top><num>1<title>bag bag bag\nbag bag"):
        with pytest.raises(SpartonError) as caught:
            count_topics(write(content))
        assert str(caught.value) == (
            "topics, line 1: 'bag' stands 5 times in a row or more, as in queries that are encoded already; use "
            "pretokenized=True if each token stands as often as its impact says, or pretokenized=False to encode the "
            "words as a text"
        )
    texts = [topic.text for topic in read_topics(write(ENCODED), TopicOptions(pretokenized=False))]
    assert texts == ["bag bag bag bag bag ##s red red", "", "hat"]
    assert count_topics(write("1\tbuffalo buffalo buffalo buffalo and that that is\n")) == 1
