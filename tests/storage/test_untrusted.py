"""A sparton.json that anybody may have written: what it says, or one sentence, and never a traceback."""

import json
import os
import random
import shutil
from dataclasses import MISSING, asdict, fields

import pytest

from sparton.errors import SpartonError
from sparton.storage.manifest import (
    Counts,
    EncoderSpec,
    Manifest,
    ModelSettings,
    Settings,
    load_complete,
    load_manifest,
)
from sparton.storage.untrusted import UnexpectedError, load_json

SEED, MANIFESTS, COMMANDS_RUN = 20_260, 1_000, 40
RECORDS = {
    "": Manifest,
    "settings": Settings,
    "settings.model": ModelSettings,
    "settings.model.documents": EncoderSpec,
    "settings.model.queries": EncoderSpec,
    "counts": Counts,
}


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


ODD = [
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63 - 1, 2**63, 10**40, 0.5, -0.0, 1e-300, 1e308, float("nan")),
    *(float("inf"), -float("inf"), "", "x", "0", "\0", "\ud800", "\udfff\ud800", "\n", "\x1b[2J", "é" * 300, "lucene"),
    *("../../etc", "/etc/passwd", "lucene/../..", "lucene/0", "sha256:" + "0" * 64, "sha256:" + "G" * 64, "same"),
    *([], [[]], {}, {"": {}}, ["x"], ["x", "x"], ["\ud800"], {"x": "y"}, {"\ud800": "y"}, ["lucene", "lucene"]),
    *(["lucene/1", "lucene/0"], ["/"], ["lucene/00"], nested(50), nested(900)),
]
INSERTED = [b"9" * 5_000, b"[" * 50_000, b'{"a":' * 50_000, b"-1e999", b"NaN"]


def copied(odd):
    """Or what is put into one list would be in all that hold it."""
    return json.loads(json.dumps(odd))


def paths(content, above=()):
    """Where every entry stands, and every item of a list."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from paths(value, (*above, key))


def parent(content, path):
    for key in path[:-1]:
        content = content[key]
    return content


def mutations(original, chance):
    """Bytes for sparton.json: first each entry with each odd value, then everything else that may befall a file."""
    text = json.dumps(original)
    systematic = [(path, odd) for path in paths(original) for odd in ODD]
    for path, odd in chance.sample(systematic, MANIFESTS // 2):
        content = json.loads(text)
        parent(content, path)[path[-1]] = copied(odd)
        yield json.dumps(content).encode()
    while True:
        content = json.loads(text)
        for _ in range(chance.randint(1, 3)):
            path = chance.choice(list(paths(content)))
            above, value = parent(content, path), copied(chance.choice(ODD))
            kind = chance.randrange(4)
            if kind == 0:
                del above[path[-1]]
            elif isinstance(above, list):
                above.append(value)
            elif kind == 1:
                above[chance.choice(["", "more", "a.b", "\ud800", "scale", "\n", "x" * 500])] = value
            else:
                above[path[-1]] = chance.choice([[above[path[-1]]], {"x": above[path[-1]]}, value])
        try:
            raw = json.dumps(content).encode()
        except (ValueError, RecursionError):  # a list of ODD that came into itself, or twice the deepest one
            continue
        kind = chance.randrange(8)
        if kind == 0:
            raw = raw[: chance.randrange(len(raw))]
        elif kind == 1:
            raw = bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        elif kind == 2:
            offset = chance.randrange(len(raw))
            raw = raw[:offset] + bytes(chance.randrange(256) for _ in range(3)) + raw[offset + chance.randrange(4) :]
        elif kind == 3:
            offset = chance.randrange(len(raw))
            raw = (
                raw[:offset]
                + chance.choice([b"9" * 5_000, b"[" * 50_000, b'{"a":' * 50_000, b"-1e999", b"NaN"])
                + raw[offset:]
            )
        elif kind == 4:
            raw = raw[:-1] + b', "stage": "complete"}'
        yield raw


@pytest.fixture(scope="module")
def original(small_index):
    """Of a model that encodes queries in its own way, so that every record is there."""
    content = json.loads((small_index / "sparton.json").read_text())
    model = content["settings"]["model"]
    model["queries"] = {**model["documents"], "prompt": "query : "}
    return content


@pytest.fixture
def write(tmp_path, small_index):
    """A copy of the index without its parts, with other bytes for sparton.json."""
    folder = tmp_path / "index"
    shutil.copytree(small_index, folder, ignore=shutil.ignore_patterns("collection", "shards"))

    def written(raw):
        (folder / "sparton.json").write_bytes(raw)
        return folder

    return written


def assert_says(record, name, content):
    """Each field is what the file says, of the same type, or the default where the file says nothing."""
    for one in fields(record):
        value, path = getattr(record, one.name), f"{name}.{one.name}".strip(".")
        if one.name not in content:
            default = one.default_factory() if one.default is MISSING else one.default
            assert value == default, path
        elif path in RECORDS and value is not None:
            assert_says(value, path, content[one.name])
        else:
            said = content[one.name]
            expected = tuple(said) if isinstance(said, list) else said
            assert (value, type(value)) == (expected, type(expected)), path


def outcome(folder, load):
    """The manifest, or the sentence."""
    try:
        return load(folder)
    except SpartonError as error:
        return str(error)


@pytest.mark.slow
def test_a_manifest_is_what_the_file_says_or_one_sentence(write, original):
    seen = {"loaded": 0, "refused": 0}
    made = mutations(original, random.Random(SEED))
    for number in range(MANIFESTS):
        raw = next(made)
        folder = write(raw)
        for found in (outcome(folder, load_manifest), outcome(folder, load_complete)):
            if isinstance(found, Manifest):
                content = json.loads(raw)
                content.pop("format")
                content.pop("settings_digest", None)
                assert_says(found, "", content)
                assert set(content) <= {one.name for one in fields(Manifest)}
                json.dumps(asdict(found), ensure_ascii=False).encode()  # as `info --json` prints it
                seen["loaded"] += 1
                continue
            assert found.isprintable(), (number, raw)
            assert len(found) < 500, (number, raw)
            assert found.startswith((f"{folder / 'sparton.json'} is ", f"the index {folder} ")), (number, found)
            seen["refused"] += 1
    assert min(seen.values()) >= 100, seen


@pytest.mark.slow
def test_the_commands_say_one_sentence(write, original, run_cli, bags, tmp_path):
    (tmp_path / "topics.tsv").write_text("1\tbag\n")
    commands = [
        ["info", "--index"],
        ["info", "--json", "--index"],
        ["search", "bag", "--index"],
        ["run", tmp_path / "topics.tsv", "-o", tmp_path / "out.trec", "--index"],
        ["serve", "--port", 0, "--index"],
        ["encode-text", "bag", "--index"],
        ["index", bags, "--index"],
        ["encode", bags, "--output"],
    ]
    chance = random.Random(SEED)
    made, tried = mutations(original, chance), 0
    while tried < COMMANDS_RUN:
        folder = write(next(made))
        sentence = outcome(folder, load_manifest)
        if isinstance(sentence, Manifest):
            continue
        tried += 1
        ran = run_cli(*commands[tried % len(commands)], folder)
        sentence = sentence.replace("overwrite=True", "--overwrite")  # a command names its flag
        assert (ran.code, ran.stdout, ran.stderr) == (1, "", f"Error: {sentence}\n")
    assert not (tmp_path / "out.trec").exists()


@pytest.mark.slow
def test_what_an_entry_holds_is_no_command_to_a_terminal(write, original, run_cli):
    original = json.loads(json.dumps(original))
    original["settings"].update(id_column="a\n\x1b[2J", text_columns=["\u202e", "b\rc"])
    original["versions"] = {"\x07": "1\n2"}
    ran = run_cli("info", "--index", write(json.dumps(original).encode()))
    assert ran.code == 0
    assert "  columns     id = a  [2J, text =   + b c" in ran.stdout.splitlines()
    assert "  made with     1 2" in ran.stdout.splitlines()


def test_json_that_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnexpectedError, match=r"^it is no file$"):
        load_json(tmp_path / "pipe")


ODD_MARKERS = [
    lambda marker: marker.pop("counts"),
    lambda marker: marker.update(counts=[]),
    lambda marker: marker["counts"].update(rows="20"),
    lambda marker: marker["counts"].update(rows=-1),
    lambda marker: marker["counts"].update(documents=2**63),
    lambda marker: marker["counts"].update(tokens=float("inf")),
    lambda marker: marker["counts"].update(more=1),
    lambda marker: marker["counts"].pop("rows"),
    lambda marker: marker.update(generation=None),
    lambda marker: marker.update(generation=["x"]),
    lambda marker: marker.update(digest="sha256:0"),
    lambda marker: marker.pop("digest"),
]
RAW_MARKERS = [b"", b"[", b"[]", b'"x"', b"{}", b"\xff", b"9" * 5_000, b"[" * 100_000]


@pytest.mark.slow
def test_parts_with_odd_markers_are_encoded_again(run_cli, bags, tmp_path):
    """An interrupted build goes on to the same bytes, and encodes the rows of those parts alone."""
    folder = tmp_path / "out"
    command = ["encode", bags, "--output", folder, "--shard-rows", 2, "--top-terms", 4, "--json"]
    assert run_cli(*command).code == 0
    before = {path: path.read_bytes() for name in ("collection", "shards") for path in (folder / name).iterdir()}
    manifest = (folder / "sparton.json").read_text().replace('"stage": "encoded"', '"stage": "encoding"')
    (folder / "sparton.json").write_text(manifest)
    markers = iter(sorted((folder / "shards").iterdir()))
    for change, marker in zip(ODD_MARKERS, markers, strict=False):
        content = json.loads(marker.read_bytes())
        change(content)
        marker.write_text(json.dumps(content))
    for raw, marker in zip(RAW_MARKERS, markers, strict=False):
        marker.write_bytes(raw)
    ran = run_cli(*command)
    assert ran.code == 0, ran.stderr
    assert json.loads(ran.stdout)["encoded"]["rows"] == 2 * len(ODD_MARKERS + RAW_MARKERS)
    assert json.loads(ran.stdout)["counts"]["rows"] == 60
    assert {path: path.read_bytes() for path in before} == before
