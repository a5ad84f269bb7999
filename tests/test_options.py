"""Options as records: what a field says once holds for Python and for every command."""

import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest
import typer
from support.lucene_content import read_content

import sparton
from sparton.cli import app
from sparton.errors import UsageError
from sparton.indexer.options import LuceneOptions
from sparton.options import flat_keywords, option_of
from sparton.pipeline.options import EncoderOptions, EncodingOptions, ModelOptions
from sparton.storage.manifest import load_manifest

COMMANDS = [
    ("index", EncodingOptions),
    ("index", LuceneOptions),
    ("encode", EncodingOptions),
    ("index-vectors", ModelOptions),
    ("index-vectors", LuceneOptions),
]
FUNCTIONS = [
    (sparton.build_index, EncodingOptions),
    (sparton.build_index, LuceneOptions),
    (sparton.index_vectors, ModelOptions),
    (sparton.index_vectors, LuceneOptions),
]
OUT_OF_BOUNDS = [
    ({"dtype": "int7"}, "dtype is", "--dtype is", " 'int7'; expected auto, float32, bfloat16 or float16"),
    ({"scale": 0.0}, "scale is", "--scale is", " 0; expected above 0 and at most 1,000,000"),
    ({"scale": float("nan")}, "scale is", "--scale is", " nan; expected above 0 and at most 1,000,000"),
    ({"max_length": 2}, "max_length is", "--max-length is", " 2; expected at least 3"),
    ({"top_terms": 0}, "top_terms is", "--top-terms is", " 0; expected at least 1"),
    ({"batch_tokens": 0}, "batch_tokens is", "--batch-tokens is", " 0; expected at least 1"),
    ({"shard_rows": 0}, "shard_rows is", "--shard-rows is", " 0; expected at least 1"),
    ({"engine": "steam"}, "engine is", "--engine is", " 'steam'; expected local or ray"),
    (
        {"address": "auto"},
        "address is 'auto', which engine='local' does not take; give engine='ray' too",
        "--address is 'auto', which --engine local does not take; give --engine ray too",
        "",
    ),
    ({"index_processes": 0}, "index_processes is", "--index-processes is", " 0; expected at least 1"),
    ({"heap_mb": 127}, "heap_mb is", "--heap-mb is", " 127; expected at least 128"),
    ({"buffer_mb": 0}, "buffer_mb is", "--buffer-mb is", " 0; expected at least 1"),
    (
        {"heap_mb": 300, "buffer_mb": 201},
        "buffer_mb is",
        "--buffer-mb is",
        " 201; expected at most 200 with a heap of 300",
    ),
    (
        {"optimize": True, "join": False},
        "optimize makes one segment and join=False keeps several indexes",
        "--optimize makes one segment and --no-join keeps several indexes",
        "; leave out one of them",
    ),
]


def parameters(command):
    """What a command takes, by name."""
    return {parameter.name: parameter for parameter in typer.main.get_command(app).commands[command].params}


def flags(name, value):
    """An option as it is given to a command."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", value]


@pytest.mark.parametrize(("command", "record"), COMMANDS)
def test_every_field_is_an_option_of_the_command(command, record):
    taken, hints = parameters(command), get_type_hints(record, include_extras=True)
    for field in fields(record):
        option, parameter = option_of(hints[field.name]), taken[field.name]
        assert parameter.help == option.help
        if field.name == "text_columns":
            assert (parameter.opts, parameter.default, parameter.multiple) == (["--text-column"], None, True)
            continue
        assert parameter.default == (option.unset or field.default), field.name
        assert parameter.opts[0] == f"--{field.name.replace('_', '-')}"
        negated = [f"--no-{field.name.replace('_', '-')}"] if field.default is True else []
        assert parameter.secondary_opts == negated
    assert taken["index"].opts == (["--output"] if command == "encode" else ["--index"])


@pytest.mark.parametrize(("function", "record"), FUNCTIONS)
def test_every_field_is_a_keyword_of_the_function(function, record):
    taken = inspect.signature(function).parameters
    for field in fields(record):
        assert taken[field.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert taken[field.name].default == field.default


def test_the_model_is_the_first_argument_of_an_encoder_and_no_keyword_of_its_record():
    taken = inspect.signature(sparton.Encoder).parameters
    assert next(iter(taken)) == "model"
    assert set(taken) == {field.name for field in fields(EncoderOptions)} | {"side", "settings", "head"}


@pytest.mark.parametrize(("options", "python", "command", "rest"), OUT_OF_BOUNDS)
def test_python_is_told_the_parameter(tmp_path, bags, options, python, command, rest):
    with pytest.raises(UsageError) as caught:
        sparton.build_index(bags, tmp_path / "index", **options)
    assert str(caught.value) == python + rest
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(("options", "python", "command", "rest"), OUT_OF_BOUNDS)
def test_a_command_is_told_the_flag(run_cli, tmp_path, bags, options, python, command, rest):
    given = [part for name, value in options.items() for part in flags(name, value)]
    ran = run_cli("index", bags, "--index", tmp_path / "index", *given)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"sparton: {command}{rest}\n")
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("encode corpus --output out --batch-tokens few", "--batch-tokens is 'few'; expected a number or auto"),
        ("encode corpus --output file", "file is a file; name a folder for the index with --output"),
        ("index corpus --index file", "file is a file; name a folder for the index with --index"),
        ("run file -o file", "-o is file, which is the topics file and would be overwritten; name another file"),
        ("run s3://bucket/topics -o out", "TOPICS is s3:/bucket/topics; expected a path, not a URI"),
        ("index-vectors s3://bucket/vectors", "COLLECTION is s3:/bucket/vectors; expected a path, not a URI"),
        ("index --from-collection s3://b/c", "--from-collection is s3:/b/c; expected a path, not a URI"),
        ("serve --max-k 0", "--max-k is 0; expected at least 1"),
        ("serve --allow-host a:1", "--allow-host is 'a:1'; expected a name or an address as a URL has it, without a "
         "port, or * for all"),
    ],
)  # fmt: skip
def test_a_parameter_is_printed_as_the_command_declares_it(run_cli, tmp_path, monkeypatch, command, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("1\tbag\n")
    assert run_cli(*command.split()).stderr == f"sparton: {sentence}\n"


@pytest.mark.parametrize("function", [sparton.build_index, sparton.index_vectors, sparton.Encoder])
def test_a_keyword_that_nothing_takes_is_named(function):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'top_term'$"):
        function("nothing", top_term=3)


def test_a_record_and_its_fields_do_not_go_together():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'top_terms'$"):
        sparton.build_index("nothing", encoding=EncodingOptions(), top_terms=3)


def test_records_and_keywords_say_the_same():
    @flat_keywords
    def given(first, *, encoding: EncodingOptions, indexing: LuceneOptions, last=0):
        return first, encoding, indexing, last

    encoding, indexing = EncodingOptions(top_terms=3, chunk=True), LuceneOptions(heap_mb=200)
    expected = (1, encoding, indexing, 2)
    assert given(1, encoding=encoding, indexing=indexing, last=2) == expected
    assert given(1, top_terms=3, chunk=True, heap_mb=200, last=2) == expected
    assert given(1, encoding=encoding, heap_mb=200, last=2) == expected
    assert given(1) == (1, EncodingOptions(), LuceneOptions(), 0)


@pytest.mark.slow
def test_vectors_are_indexed_by_either_command_and_from_python(run_cli, small_index, tmp_path):
    vectors = small_index / "collection"
    one = run_cli("index-vectors", vectors, "--index", tmp_path / "one", "--model", "tiny", "--heap-mb", 200)
    two = run_cli("index", "--from-collection", vectors, "--index", tmp_path / "two", "--model", "tiny")
    sparton.index_vectors(vectors, tmp_path / "three", model="tiny")
    assert (one.code, two.code) == (0, 0), one.stderr + two.stderr
    assert one.stdout.replace("/one:", "/two:") == two.stdout
    expected = read_content(small_index / "lucene")
    for name in ("one", "two", "three"):
        assert read_content(tmp_path / name / "lucene") == expected
    settings = [load_manifest(tmp_path / name).settings for name in ("one", "two", "three")]
    assert settings[0] == settings[1] == settings[2]
    assert (settings[0].scale, settings[0].model.name) == (None, "tiny")
