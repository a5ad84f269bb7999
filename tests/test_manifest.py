"""sparton.json."""

import json
from dataclasses import replace

import pytest

from sparton.errors import SpartonError
from sparton.manifest import COMPLETE, ENCODED, ENCODING, Counts, Manifest, ModelSettings, Settings, load_manifest

MODEL = ModelSettings("tiny", None, "sha256:" + "0" * 64, 512, "float32")
SETTINGS = Settings(MODEL, "sha256:" + "1" * 64, "id", ("title", "text"), 100, None, 8192, True)
MANIFEST = Manifest(SETTINGS, ENCODED, ("a.parquet",), Counts(rows=3, documents=2), {"sparton": "0.1.0"})


def damage(folder, change):
    path = folder / "sparton.json"
    MANIFEST.save(folder)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_what_is_saved_is_loaded(tmp_path):
    MANIFEST.save(tmp_path)
    assert load_manifest(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == ["sparton.json"]


def test_saving_again_replaces(tmp_path):
    MANIFEST.save(tmp_path)
    MANIFEST.at(COMPLETE).save(tmp_path)
    assert load_manifest(tmp_path) == replace(MANIFEST, stage=COMPLETE)


def test_a_stage_keeps_the_counts_unless_new_ones_are_given():
    assert MANIFEST.at(ENCODING).counts == MANIFEST.counts
    assert MANIFEST.at(ENCODING, Counts(rows=9)).counts == Counts(rows=9)


def test_counts_add_up():
    assert Counts(rows=3, documents=2, tokens=7) + Counts(rows=1, truncated=4) == Counts(
        rows=4, documents=2, truncated=4, tokens=7
    )


def test_equal_settings_have_no_differences():
    assert SETTINGS.differences(replace(SETTINGS, model=replace(MODEL))) == []


def test_differences_name_each_setting_with_both_values():
    now = Settings(
        ModelSettings("other", "main", "sha256:" + "2" * 64, 256, "bfloat16"),
        "sha256:" + "3" * 64,
        "sku",
        ("text",),
        12.5,
        40,
        100,
        False,
    )
    assert SETTINGS.differences(now) == [
        "model.name tiny (now other)",
        "model.revision none (now main)",
        "model.digest sha256:00000000 (now sha256:22222222)",
        "model.max_length 512 (now 256)",
        "model.dtype float32 (now bfloat16)",
        "corpus sha256:11111111 (now sha256:33333333)",
        "id_column id (now sku)",
        "text_columns title,text (now text)",
        "scale 100 (now 12.5)",
        "top_terms none (now 40)",
        "shard_rows 8192 (now 100)",
        "store_text yes (now no)",
    ]


def test_the_digest_covers_every_setting():
    changes = [
        {"model": replace(MODEL, dtype="float16")},
        {"corpus": "sha256:2"},
        {"text_columns": ("text", "title")},
        {"scale": 50},
        {"top_terms": 1},
        {"shard_rows": 1},
        {"store_text": False},
    ]
    digests = {replace(SETTINGS, **change).digest() for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1
    assert replace(SETTINGS).digest() == SETTINGS.digest()


def test_a_newer_format_says_to_upgrade(tmp_path):
    path = damage(tmp_path, lambda content: content.update(format=2, settings={"from": "the future"}))
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == f"{path} is of format 2 and this Sparton reads up to 1; upgrade Sparton to use it"


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("format"),
        lambda content: content.pop("counts"),
        lambda content: content["settings"].pop("scale"),
        lambda content: content["settings"].update(more=1),
        lambda content: content.update(settings=[]),
        lambda content: content.update(stage="baking"),
    ],
)
def test_a_manifest_with_an_entry_missing_or_unknown_is_damaged(tmp_path, change):
    path = damage(tmp_path, change)
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == (
        f"{path} is damaged: an entry is missing, unknown or of a wrong type; build the index again with --overwrite"
    )


@pytest.mark.parametrize("content", [b"", b'{"format": 1,', b"\xff\xfe"])
def test_a_manifest_that_is_no_json_is_damaged(tmp_path, content):
    path = tmp_path / "sparton.json"
    path.write_bytes(content)
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == f"{path} is damaged: it is not JSON; build the index again with --overwrite"


def test_a_missing_folder_and_a_folder_without_manifest_are_told_apart(tmp_path):
    with pytest.raises(SpartonError, match="does not exist; make it with"):
        load_manifest(tmp_path / "nothing")
    with pytest.raises(SpartonError, match=r"is not a Sparton index: it has no sparton\.json"):
        load_manifest(tmp_path)
