"""Keys in URIs are printed and recorded nowhere, however the URI is broken."""

import pytest

from sparton.storage.redaction import masked, redacted

KEY, SECRET = "AKIDEXAMPLE7", "wJalrXUtnFEMIK7MDENGbPxRf"
A, B = SECRET[:11], SECRET[11:]  # for a sign in between
TAIL = "bucket/path/index"


@pytest.mark.parametrize(
    ("uri", "visible"),
    [
        ("s3://bucket/corpus/a.parquet", "s3://bucket/corpus/a.parquet"),
        ("s3://bucket/a.parquet?region=eu-west-1&scheme=http", "s3://bucket/a.parquet"),
        (f"s3://{KEY}:{SECRET}@bucket/a.parquet?region=x", "s3://bucket/a.parquet"),
        (f"s3://{KEY}:{A}/{B}@bucket/a", "s3://…@bucket/a"),
        (f"s3://{KEY}:{A}@{B}@bucket/a", "s3://…@bucket/a"),
        (f"s3://{KEY}:{A}?{B}@bucket/a", "s3://…"),
        (f"s3://{KEY}:{A}#{B}@bucket/a", "s3://…"),
        (f"s3://{KEY}:{A}?region={B}@bucket/a", "s3://…"),
        (f"s3://{KEY}:{SECRET}/bucket/a", "s3://…"),
        (f"s3://{KEY}%3A{A}%2F{B}%40bucket/a", "s3://…"),
        (f"s3://{KEY}:{A}%252F{B}%2540bucket/a", "s3://…"),
        (f"s3:/{KEY}:{SECRET}@bucket/a", "s3:/bucket/a"),
        (f"s3:{KEY}:{SECRET}@bucket/a", "…"),
        (f"{KEY}:{SECRET}@bucket/a", "…"),
        ("s3://bucket/users@home/a", "s3://…@home/a"),
        ("s3://bucket/a?endpoint_override=http://u:p@h", "s3://bucket/a"),
        ("hdfs://namenode:8020/a", "hdfs://namenode:8020/a"),
        (f"hdfs://user:{SECRET}/a", "hdfs://…"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://account.dfs.core.windows.net/a"),
        ("file:///home/me@work/a.parquet", "file:///home/me@work/a.parquet"),
        ("/home/me@work/10:30.parquet", "/home/me@work/10:30.parquet"),
        ("corpus.parquet", "corpus.parquet"),
    ],
)
def test_what_may_be_seen_of_a_uri(uri, visible):
    assert redacted(uri) == visible


def test_a_reason_goes_without_any_fragment_of_a_key():
    uri = f"s3://{KEY}:{A}%2F{B}@bucket/a?token=tokenABCDE&region=eu-west-1"
    reason = f"in eu-west-1 '{uri}' {KEY.lower()} '{A}/{B}' port '{B}' at {B[3:9]} of bucket/a: ABCD, {B[:3]}"
    assert masked(reason, uri) == f"in eu-west-1 's3://bucket/a' … '…' port '…' at … of bucket/a: …, {B[:3]}"
    assert masked("nothing of it", uri) == "nothing of it"


def fragments(text, length=4):
    return {text[start : start + length] for start in range(len(text) - length + 1)}


URIS = [
    f"s3://{KEY}:{SECRET}@{TAIL}?region=us-east-1",
    f"s3://{KEY}:{SECRET}@{TAIL}?region=us-east-1&secret_key={SECRET}",
    f"s3://{TAIL}?region=us-east-1&access_key={KEY}&secret_key={SECRET}",
    f"s3://{TAIL}?region=us-east-1&endpoint_override=http://{KEY}:{SECRET}@127.0.0.1:1",
    f"s3://{TAIL}?{SECRET}",
    f"s3://{TAIL}#{SECRET}",
    f"s3://{KEY}:{SECRET}@{TAIL}/with@sign?region=us-east-1",
    f"s3://{KEY}:{SECRET}@?region=us-east-1",
    f"s3://{KEY}:{SECRET}",
    f"s3://{KEY}:{SECRET}/{TAIL}",
    f"s3://{KEY}:{SECRET}%40{TAIL}",
    f"s3://{KEY}%3A{SECRET}@{TAIL}?region=us-east-1",
    f"s3:/{KEY}:{SECRET}@{TAIL}",
    f"s3:{KEY}:{SECRET}@{TAIL}",
    f"S3://{KEY}:{SECRET}@{TAIL}",
    f"s3a://{KEY}:{SECRET}@{TAIL}",
    f"gs://{KEY}:{SECRET}@{TAIL}",
    f"gs://{KEY}:{SECRET}@{TAIL}?zzzz={SECRET}",
    f"abfs://{KEY}:{SECRET}@account.dfs.core.windows.net/x?zzzz=1",
    f"hdfs://{KEY}:{SECRET}@localhost:99999999/x",
    f"what://{KEY}:{SECRET}@{TAIL}",
    *(f"s3://{KEY}:{A}{sign}{B}@{TAIL}?region=us-east-1" for sign in "/?#@: []{}|\\^`%&=+;$\"'<>\u00e9"),
    *(
        f"s3://{KEY}:{A}{sign}{B}@{TAIL}?region=us-east-1"
        for sign in ("%2F", "%40", "%3F", "%23", "%252F", "//", "%zz")
    ),
    *(f"s3://{KEY}:{sign}{SECRET}@{TAIL}?region=us-east-1" for sign in "/?#@"),
    f"s3://{KEY}:12345/{SECRET}@{TAIL}?region=us-east-1",
]


@pytest.fixture
def no_store(monkeypatch, tmp_path):
    """Nobody listens where the store should be."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "SPARTON_STORE_TIMEOUT": "0.3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SPARTON_SCRATCH": str(tmp_path / "scratch"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(URIS)))
def test_no_command_prints_a_key(run_cli, no_store, bags, tmp_path, monkeypatch, number):
    """Whatever the command makes of it; with a store that cannot be reached all of them fail. Each URI gets some of the
    commands, those of the next ones the others."""
    uri = URIS[number]
    monkeypatch.setenv("SPARTON_STORE_TIMEOUT", "0.1")  # all that does not wait for the store takes a tenth of this
    (tmp_path / "topics.tsv").write_text("1\tbag\n")
    commands = [
        ["info", "--index", uri],
        ["info", f"--index={uri}", "--json"],
        ["info", uri],
        ["encode", uri, "--output", "out"],
        ["encode", bags, "--output", uri],
        ["index", bags, uri, "--index", "out"],
        ["index", "--from-collection", uri, "--index", "out"],
        ["search", "bag", "--index", uri],
        ["search", "bag", uri],
        ["search", "bag", "--model", uri, "--index", "nothing"],
        ["search", "bag", "-k", uri],
        ["encode-text", "bag", "--index", uri],
        ["encode-text", "bag", "--model", uri],
        ["run", uri, "-o", "out.trec"],
        ["run", "topics.tsv", "-o", uri, "--index", "nothing"],
        ["run", "topics.tsv", "-o", "out.trec", "--index", uri],
        ["score", "out.trec", "--qrels", uri],
        ["serve", "--port", 0, "--index", uri],
        [uri],
    ]
    before = {path for path in tmp_path.rglob("*") if "scratch" not in path.parts}
    for command in commands[number % 4 :: 4]:
        ran = run_cli(*command)
        printed = ran.stdout + ran.stderr
        assert ran.code in (1, 2), (command, printed)
        assert printed, command
        found = {fragment for fragment in fragments(KEY) | fragments(SECRET) if fragment.lower() in printed.lower()}
        assert not found, (command, printed)
    assert {path for path in tmp_path.rglob("*") if "scratch" not in path.parts} == before


def test_the_sentence_says_what_is_wrong_all_the_same(run_cli, no_store):
    ran = run_cli("info", "--index", f"s3://{KEY}:{A}/{B}@{TAIL}")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"Error: s3://…@{TAIL} cannot be reached: Cannot parse URI: 's3://…@{TAIL}' due to syntax error at character "
        "'/' (position 29); check the address and who may read and write there\n"
    )
    ran = run_cli("encode", "corpus", "--output", f"s3:/{KEY}:{SECRET}@{TAIL}")
    assert (ran.code, ran.stdout, ran.stderr) == (
        1,
        "",
        f"Error: s3:/{TAIL} is neither a path that exists nor a URI; a URI begins as s3://bucket/ does\n",
    )
    ran = run_cli("run", f"s3://{KEY}:{SECRET}@{TAIL}/topics.tsv", "-o", "out.trec")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: TOPICS is s3:/{TAIL}/topics.tsv; expected a path, not a URI\n"
