"""sparton.json."""

import json
from dataclasses import replace
from functools import reduce

import pytest

from sparton.errors import SpartonError
from sparton.storage.index_folder import start_fresh
from sparton.storage.manifest import (
    COMPLETE,
    ENCODED,
    ENCODING,
    Counts,
    EncoderSpec,
    Manifest,
    ModelSettings,
    ModelSource,
    Settings,
    load_manifest,
)

DOCUMENTS = EncoderSpec("masked_lm", "sha256:" + "0" * 64, 512, "float32", "max", "log1p_relu")
TABLE = EncoderSpec("static", "sha256:" + "5" * 64, None, None, "max", "relu", top_terms=8)
MODEL = ModelSettings("tiny", None, DOCUMENTS)
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
        ModelSettings(
            "other", "main", EncoderSpec("masked_lm", "sha256:" + "2" * 64, 256, "bfloat16", "sum", "log1p_relu")
        ),
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
        "model.documents.digest sha256:00000000 (now sha256:22222222)",
        "model.documents.max_length 512 (now 256)",
        "model.documents.dtype float32 (now bfloat16)",
        "model.documents.pooling max (now sum)",
        "corpus sha256:11111111 (now sha256:33333333)",
        "id_column id (now sku)",
        "text_columns title,text (now text)",
        "scale 100 (now 12.5)",
        "top_terms none (now 40)",
        "shard_rows 8192 (now 100)",
        "store_text yes (now no)",
    ]


def test_differences_of_queries_count_where_they_are_encoded_in_another_way():
    own = replace(SETTINGS, model=replace(MODEL, queries=replace(DOCUMENTS, prompt="query : ")))
    assert SETTINGS.differences(own) == ["model.queries.prompt none (now query : )"]
    assert own.differences(SETTINGS) == ["model.queries.prompt query :  (now none)"]
    shorter = replace(SETTINGS, model=replace(MODEL, documents=replace(DOCUMENTS, max_length=64)))
    assert SETTINGS.differences(shorter) == ["model.documents.max_length 512 (now 64)"]
    none = replace(SETTINGS, model=None)
    assert (none.differences(own), own.differences(none)) == (["model none (now tiny)"], ["model tiny (now none)"])


def test_queries_without_an_encoder_of_their_own_are_encoded_as_documents():
    assert (MODEL.for_queries, MODEL.shared) == (DOCUMENTS, True)
    prompted = replace(MODEL, queries=replace(DOCUMENTS, prompt="query : ", max_length=None))
    assert (prompted.for_queries.prompt, prompted.shared) == ("query : ", True)
    assert not replace(MODEL, queries=TABLE).shared


@pytest.mark.parametrize("queries", [TABLE, replace(DOCUMENTS, prompt="query : ", max_length=None)])
def test_an_encoder_of_queries_is_saved_and_loaded(tmp_path, queries):
    manifest = replace(MANIFEST, settings=replace(SETTINGS, model=replace(MODEL, queries=queries)))
    manifest.save(tmp_path)
    assert load_manifest(tmp_path) == manifest


def test_a_query_model_is_saved_and_loaded_and_compared(tmp_path):
    source = ModelSource("someone/queries", "0" * 40)
    assert MODEL.query_source == ModelSource("tiny", None)
    model = replace(MODEL, queries=replace(DOCUMENTS, terms="own"), query_model=source)
    assert model.query_source == source
    two = replace(SETTINGS, model=model)
    replace(MANIFEST, settings=two).save(tmp_path)
    assert load_manifest(tmp_path).settings == two
    assert SETTINGS.differences(two) == [
        "model.queries.terms all (now own)",
        "model.query_model.name tiny (now someone/queries)",
        f"model.query_model.revision none (now {'0' * 40})",
    ]
    assert two.differences(replace(two, model=replace(model, query_model=None)))[0] == (
        "model.query_model.name someone/queries (now tiny)"
    )
    assert two.differences(two) == []


def test_the_digest_covers_every_setting():
    changes = [
        {"model": replace(MODEL, documents=replace(DOCUMENTS, dtype="float16"))},
        {"model": replace(MODEL, queries=TABLE)},
        {"model": replace(MODEL, queries=replace(TABLE, terms="ones"))},
        {"model": replace(MODEL, query_model=ModelSource("other", None))},
        {"corpus": "sha256:2"},
        {"text_columns": ("text", "title")},
        {"scale": 50},
        {"top_terms": 1},
        {"prune_ratio": 0.1},
        {"prune_mass": 0.1},
        {"min_impact": 1},
        {"model": replace(MODEL, documents=replace(DOCUMENTS, prune_ratio=0.1))},
        {"shard_rows": 1},
        {"store_text": False},
    ]
    digests = {replace(SETTINGS, **change).digest() for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1
    assert replace(SETTINGS).digest() == SETTINGS.digest()


def test_a_newer_format_says_to_upgrade(tmp_path):
    path = damage(tmp_path, lambda content: content.update(format=3, settings={"from": "the future"}))
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == f"{path} is of format 3 and this Sparton reads up to 2; upgrade Sparton to use it"


def test_the_older_format_says_to_build_again(tmp_path):
    """Whatever is in it: in this one the model was one flat record."""
    flat = {"name": "tiny", "digest": "sha256:" + "0" * 64, "max_length": 512, "dtype": "float32", "query_side": "same"}
    path = damage(tmp_path, lambda content: content.update(format=1, settings={"model": flat}))
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == (
        f"{path} is of format 1 and this Sparton reads format 2; build the index again with overwrite=True"
    )


def refused(folder, entry):
    """The whole sentence about a damaged manifest."""
    with pytest.raises(SpartonError) as caught:
        load_manifest(folder)
    assert (
        str(caught.value) == f"{folder / 'sparton.json'} is damaged: {entry}; build the index again with overwrite=True"
    )


NUMBER = "a whole number from 0 to 9,223,372,036,854,775,807"
SCALE = "a number above 0 and at most 1,000,000"
COLUMNS = "one name or several, each once"
COMMIT = "the name of a commit"
TEXT = "a string of UTF-8 without NUL"
DIGEST = "sha256: and 64 hexadecimal digits"
INDEX = "lucene, or lucene/ and a number"
INDEXES = "lucene alone, or one or several of lucene/0, lucene/1, …, each once"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("format", "format is missing; expected a whole number above 0"),
        ("counts", "counts is missing; expected an object"),
        ("counts.rows", f"counts.rows is missing; expected {NUMBER}"),
        ("source", "source is missing; expected a list"),
        ("versions", "versions is missing; expected an object"),
        ("stage", "stage is missing; expected encoding, encoded or complete"),
        ("settings", "settings is missing; expected an object"),
        ("settings.scale", f"settings.scale is missing; expected {SCALE}, or null"),
        ("settings.model", "settings.model is missing; expected an object, or null"),
        ("settings.model.documents", "settings.model.documents is missing; expected an object"),
        ("settings.model.documents.digest", f"settings.model.documents.digest is missing; expected {DIGEST}"),
        ("settings.model.documents.pooling", f"settings.model.documents.pooling is missing; expected {TEXT}"),
    ],
)
def test_a_missing_entry_is_named(tmp_path, entry, sentence):
    *above, last = entry.split(".")
    damage(tmp_path, lambda content: reduce(dict.get, above, content).pop(last))
    refused(tmp_path, sentence)


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        ("format", "1", 'format is "1"; expected a whole number above 0'),
        ("format", 0, "format is 0; expected a whole number above 0"),
        ("format", True, "format is true; expected a whole number above 0"),
        ("stage", "baking", 'stage is "baking"; expected encoding, encoded or complete'),
        ("stage", ["encoded"], "stage is a list; expected encoding, encoded or complete"),
        ("settings", [], "settings is a list; expected an object"),
        ("settings.more", 1, "settings.more is 1; expected no such entry"),
        ("settings.a\nb", {}, 'settings."a\\nb" is an object; expected no such entry'),
        ("settings.scale", "x", f'settings.scale is "x"; expected {SCALE}, or null'),
        ("settings.scale", 0, f"settings.scale is 0; expected {SCALE}, or null"),
        (
            "settings.scale",
            1e7,
            f"settings.scale is 10000000.0; expected {SCALE}, or null",
        ),
        ("settings.shard_rows", -1, f"settings.shard_rows is -1; expected {NUMBER}"),
        ("settings.shard_rows", 2**63, f"settings.shard_rows is 9223372036854775808; expected {NUMBER}"),
        ("settings.shard_rows", 20.0, f"settings.shard_rows is 20.0; expected {NUMBER}"),
        ("settings.store_text", 1, "settings.store_text is 1; expected true or false"),
        ("settings.chunk", None, "settings.chunk is null; expected true or false"),
        ("settings.top_terms", 0, "settings.top_terms is 0; expected a whole number above 0, or null"),
        ("settings.prune_ratio", 1.5, "settings.prune_ratio is 1.5; expected a number from 0 to 1, or null"),
        ("settings.prune_mass", 0, "settings.prune_mass is 0; expected a number above 0 and at most 1, or null"),
        ("settings.min_impact", 0, "settings.min_impact is 0; expected a whole number above 0, or null"),
        (
            "settings.model.documents.prune_ratio",
            "all",
            'settings.model.documents.prune_ratio is "all"; expected a number from 0 to 1, or null',
        ),
        ("settings.corpus", "sha256:1", f'settings.corpus is "sha256:1"; expected {DIGEST}'),
        ("settings.id_column", "a\0", f'settings.id_column is "a\\u0000"; expected {TEXT}'),
        ("settings.id_column", "\ud800", f'settings.id_column is "\\ud800"; expected {TEXT}'),
        ("settings.text_columns", [], f"settings.text_columns is []; expected {COLUMNS}"),
        (
            "settings.text_columns",
            ["a", "a"],
            f'settings.text_columns is ["a", "a"]; expected {COLUMNS}',
        ),
        ("settings.text_columns", "text", f'settings.text_columns is "text"; expected {COLUMNS}'),
        ("settings.text_columns", ["a", 5], f"settings.text_columns[1] is 5; expected {TEXT}"),
        ("settings.model", "tiny", 'settings.model is "tiny"; expected an object, or null'),
        ("settings.model.name", "", 'settings.model.name is ""; expected a string of 1 to 4,096 characters'),
        (
            "settings.model.revision",
            "../x",
            f'settings.model.revision is "../x"; expected {COMMIT}, or null',
        ),
        ("settings.model.documents", None, "settings.model.documents is null; expected an object"),
        (
            "settings.model.documents.digest",
            "1" * 99,
            f'settings.model.documents.digest is "{"1" * 58}…; expected {DIGEST}',
        ),
        (
            "settings.model.documents.max_length",
            0,
            "settings.model.documents.max_length is 0; expected a whole number above 0, or null",
        ),
        (
            "settings.model.documents.dtype",
            "int7",
            'settings.model.documents.dtype is "int7"; expected float32, bfloat16, float16, float8 or int8, or null',
        ),
        ("settings.model.documents.pooling", 3, f"settings.model.documents.pooling is 3; expected {TEXT}"),
        ("settings.model.documents.more", 3, "settings.model.documents.more is 3; expected no such entry"),
        ("settings.model.digest", "x", 'settings.model.digest is "x"; expected no such entry'),
        ("settings.model.queries", "same", 'settings.model.queries is "same"; expected an object, or null'),
        ("settings.model.queries", {}, f"settings.model.queries.kind is missing; expected {TEXT}"),
        ("counts", None, "counts is null; expected an object"),
        ("counts.rows", True, f"counts.rows is true; expected {NUMBER}"),
        ("counts.tokens", "7", f'counts.tokens is "7"; expected {NUMBER}'),
        ("source", "a.parquet", 'source is "a.parquet"; expected a list'),
        ("source", [None], f"source[0] is null; expected {TEXT}"),
        ("versions", [], "versions is a list; expected an object"),
        ("versions.torch", 2.1, f"versions.torch is 2.1; expected {TEXT}"),
        ("versions.\ud800", "1", f'a name in versions is "\\ud800"; expected {TEXT}'),
        ("settings_digest", "none", f'settings_digest is "none"; expected {DIGEST}'),
        ("indexes", [], f"indexes is []; expected {INDEXES}"),
        ("indexes", ["lucene", "lucene/0"], f'indexes is ["lucene", "lucene/0"]; expected {INDEXES}'),
        ("indexes", ["lucene/1", "lucene/1"], f'indexes is ["lucene/1", "lucene/1"]; expected {INDEXES}'),
        ("indexes", ["/etc"], f'indexes[0] is "/etc"; expected {INDEX}'),
        ("indexes", ["lucene/../../other"], f'indexes[0] is "lucene/../../other"; expected {INDEX}'),
        ("indexes", ["lucene/0", "lucene/1/"], f'indexes[1] is "lucene/1/"; expected {INDEX}'),
        ("indexes", ["lucene/0\n"], f'indexes[0] is "lucene/0\\n"; expected {INDEX}'),
        ("indexes", ["lucene/٣"], f'indexes[0] is "lucene/\\u0663"; expected {INDEX}'),
        ("indexes", ["collection"], f'indexes[0] is "collection"; expected {INDEX}'),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(tmp_path, entry, value, sentence):
    *above, last = entry.split(".")
    damage(tmp_path, lambda content: reduce(dict.get, above, content).update({last: value}))
    refused(tmp_path, sentence)


@pytest.mark.parametrize("indexes", [["lucene"], ["lucene/0"], ["lucene/0", "lucene/12"], ["lucene/7", "lucene/3"]])
def test_indexes_keep_their_order(tmp_path, indexes):
    damage(tmp_path, lambda content: content.update(indexes=indexes))
    assert load_manifest(tmp_path).indexes == tuple(indexes)


def test_entries_that_came_later_may_be_missing(tmp_path):
    def without(content):
        for name in ("prompt", "top_terms", "prune_ratio"):
            content["settings"]["model"]["documents"].pop(name)
        for name in ("prune_ratio", "prune_mass", "min_impact"):
            content["settings"].pop(name)
        content["settings"]["model"].pop("queries")
        content["settings"].pop("chunk")
        content["counts"].pop("split")
        content.pop("indexes")

    damage(tmp_path, without)
    assert load_manifest(tmp_path) == MANIFEST


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it is not JSON"),
        (b'{"format": 2,', "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        ('{"format": 1}'.encode("utf-16"), "it is not JSON"),
        (b"[1]", "it is a list; expected an object"),
        (b"NaN", "it is NaN; expected an object"),
        (b'{"format": Infinity}', "format is Infinity; expected a whole number above 0"),
        (b'{"format": ' + b"9" * 5000 + b"}", "format is Infinity; expected a whole number above 0"),
        (b'{"format": ' + b"9" * 30 + b"}", "format is 1e+30; expected a whole number above 0"),
        (b'{"format": 1, "format": 1}', "format stands twice in an object; expected once"),
        (b'{"a": ' + b"[" * 100_000, "it is nested too deeply"),
        (b'{"a": ' + b'{"a":' * 100_000, "it is nested too deeply"),
        (b" " * (2**24 + 1), "it is larger than 16 MiB"),
    ],
)
def test_a_manifest_that_is_no_json_object_is_damaged(tmp_path, content, found):
    (tmp_path / "sparton.json").write_bytes(content)
    refused(tmp_path, found)


def test_a_manifest_that_cannot_be_read_is_a_sentence(tmp_path):
    (tmp_path / "sparton.json").symlink_to("/proc/self/mem")  # a file whose first byte cannot be read
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    path = tmp_path / "sparton.json"
    assert str(caught.value) == f"{path} cannot be read: Input/output error; mend the file or its rights"


def test_a_manifest_that_is_no_file_is_none(tmp_path):
    (tmp_path / "sparton.json").mkdir()
    with pytest.raises(SpartonError) as caught:
        load_manifest(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not a Sparton index: it has no sparton.json; name an index folder with index"
    )


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    MANIFEST.save(tmp_path)
    with pytest.raises(SpartonError) as caught:
        replace(MANIFEST, source=("a.parquet", "b\udcff.parquet")).save(tmp_path)
    assert str(caught.value) == (
        f'{tmp_path / "sparton.json"} cannot be written: source[1] is "b\\udcff.parquet"; expected {TEXT}; '
        "choose another name or value"
    )
    assert load_manifest(tmp_path) == MANIFEST


@pytest.mark.slow
def test_of_very_many_files_the_first_ones_are_recorded(tmp_path):
    names = [f"{number:06}{'x' * 90}.parquet" for number in range(100_000)]
    start_fresh(tmp_path, SETTINGS, names)
    *first, last = load_manifest(tmp_path).source
    assert 30_000 < len(first) < 50_000
    assert first == names[: len(first)]
    assert last == f"… and {len(names) - len(first):,} more"
    start_fresh(tmp_path, SETTINGS, names[:30_000])
    assert load_manifest(tmp_path).source == tuple(names[:30_000])


def test_a_missing_folder_and_a_folder_without_manifest_are_told_apart(tmp_path):
    with pytest.raises(SpartonError, match="does not exist; make it with"):
        load_manifest(tmp_path / "nothing")
    with pytest.raises(SpartonError, match=r"is not a Sparton index: it has no sparton\.json"):
        load_manifest(tmp_path)
