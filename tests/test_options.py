"""Options as records: what a field says once holds for Python and for every command."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import typer
from support.lucene_content import read_content

import sparton
from sparton.cli import app
from sparton.errors import UsageError
from sparton.indexer.options import AlsoOptions, LuceneOptions
from sparton.options import flat_keywords, option_of
from sparton.pipeline.options import EncoderOptions, EncodingOptions, ModelOptions
from sparton.search.options import SearcherOptions
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
    (sparton.update_index, AlsoOptions),
    (sparton.delete_documents, AlsoOptions),
    (sparton.compact_index, AlsoOptions),
]
OUT_OF_BOUNDS = [
    ({"dtype": "int7"}, "dtype is", "--dtype is", " 'int7'; expected auto, float32, bfloat16, float16, float8 or int8"),
    ({"scale": 0.0}, "scale is", "--scale is", " 0; expected above 0 and at most 1,000,000"),
    ({"scale": float("nan")}, "scale is", "--scale is", " nan; expected above 0 and at most 1,000,000"),
    ({"max_length": 2}, "max_length is", "--max-length is", " 2; expected at least 3"),
    ({"top_terms": 0}, "top_terms is", "--top-terms is", " 0; expected at least 1"),
    ({"prune_ratio": 1.1}, "prune_ratio is", "--prune-ratio is", " 1.1; expected from 0 to 1"),
    ({"prune_ratio": float("nan")}, "prune_ratio is", "--prune-ratio is", " nan; expected from 0 to 1"),
    ({"prune_mass": 0.0}, "prune_mass is", "--prune-mass is", " 0; expected above 0 and at most 1"),
    ({"min_impact": 0}, "min_impact is", "--min-impact is", " 0; expected at least 1"),
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
    ({"also": ["seismic", "qdrant"]}, "also is", "--also is", " 'qdrant'; expected seismic or bm25"),
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
    if isinstance(value, list):
        return [part for one in value for part in (f"--{flag}", one)]
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", value]


REPEATED = {"text_columns": "--text-column", "fields": "--field", "also": "--also"}


@pytest.mark.parametrize(("command", "record"), COMMANDS)
def test_every_field_is_an_option_of_the_command(command, record):
    taken, hints = parameters(command), get_type_hints(record, include_extras=True)
    for field in fields(record):
        option, parameter = option_of(hints[field.name]), taken[field.name]
        assert parameter.help == option.help
        if field.name in REPEATED:
            assert (parameter.opts, parameter.default, parameter.multiple) == ([REPEATED[field.name]], None, True)
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
    assert set(taken) == {field.name for field in fields(EncoderOptions)} | {"head"}


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
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {command}{rest}\n")
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
    assert run_cli(*command.split()).stderr == f"Error: {sentence}\n"


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
    one = run_cli("index-vectors", vectors, "--index", tmp_path / "one", "--model", "small", "--heap-mb", 200)
    two = run_cli("index", "--from-collection", vectors, "--index", tmp_path / "two", "--model", "small")
    sparton.index_vectors(vectors, tmp_path / "three", model="small")
    assert (one.code, two.code) == (0, 0), one.stderr + two.stderr
    assert one.stdout.replace("/one:", "/two:") == two.stdout
    expected = read_content(small_index / "lucene")
    for name in ("one", "two", "three"):
        assert read_content(tmp_path / name / "lucene") == expected
    settings = [load_manifest(tmp_path / name).settings for name in ("one", "two", "three")]
    assert settings[0] == settings[1] == settings[2]
    assert (settings[0].scale, settings[0].model.name) == (None, "small")


MOST = "2,147,483,647"
TOO_LARGE = [
    ("top_terms", 10**30, MOST),
    ("shard_rows", 2**70, MOST),
    ("batch_tokens", 2**31, MOST),
    ("max_length", 10**12, MOST),
    ("buffer_mb", 10**12, MOST),
    ("heap_mb", 10**9, "1,048,576"),
    ("index_processes", 10**9, "1,024"),
]


@pytest.mark.parametrize(("name", "value", "most"), TOO_LARGE)
def test_what_nothing_counts_to_is_refused(run_cli, tmp_path, bags, name, value, most):
    with pytest.raises(UsageError) as caught:
        sparton.build_index(bags, tmp_path / "index", **{name: value})
    assert str(caught.value) == f"{name} is {value}; expected at most {most}"
    ran = run_cli("index", bags, "--index", tmp_path / "index", *flags(name, value))
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: --{name.replace('_', '-')} is {value}; expected at most {most}\n"
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top_terms": "5"}, "top_terms is '5'; expected a whole number"),
        ({"top_terms": True}, "top_terms is True; expected a whole number"),
        ({"top_terms": 2.5}, "top_terms is 2.5; expected a whole number"),
        ({"top_terms": 10**6000}, f"top_terms is a number of 6,001 digits; expected at most {MOST}"),
        ({"shard_rows": None}, "shard_rows is None; expected a whole number"),
        ({"max_length": float("nan")}, "max_length is nan; expected a whole number"),
        ({"scale": "100"}, "scale is '100'; expected a number"),
        ({"scale": True}, "scale is True; expected a number"),
        ({"scale": float("inf")}, "scale is inf; expected above 0 and at most 1,000,000"),
        ({"scale": 10**400}, "scale is a number of 401 digits; expected above 0 and at most 1,000,000"),
        ({"chunk": 1}, "chunk is 1; expected True or False"),
        ({"optimize": "yes"}, "optimize is 'yes'; expected True or False"),
        ({"model": 5}, "model is 5; expected a string"),
        ({"model": ""}, "model is ''; expected a name or a folder, which are not empty"),
        ({"dtype": None}, "dtype is None; expected a string"),
        ({"id_column": 0}, "id_column is 0; expected a string"),
        ({"id_column": b"id"}, "id_column is b'id'; expected a string"),
        ({"text_columns": b"text"}, "text_columns is b'text'; expected a string or a list of strings"),
        ({"text_columns": ["text", 1]}, "text_columns is ['text', 1]; expected a string or a list of strings"),
        ({"fields": {"price"}}, "fields is {'price'}; expected a string or a list of strings"),
        ({"engine": "x" * 100}, f"engine is '{'x' * 58}…; expected local or ray"),
    ],
)
def test_a_value_of_another_type_is_refused_in_python(tmp_path, bags, options, sentence):
    with pytest.raises(UsageError) as caught:
        sparton.build_index(bags, tmp_path / "index", **options)
    assert str(caught.value) == sentence
    assert not (tmp_path / "index").exists()


def test_numbers_of_numpy_and_paths_are_taken_as_what_they_are():
    options = EncodingOptions(top_terms=np.int64(7), scale=np.float32(2.5), model=Path("folder"), text_columns=("a",))
    assert (options.top_terms, options.scale, options.model) == (7, 2.5, "folder")
    assert [type(value) for value in (options.top_terms, options.scale, options.model)] == [int, float, str]


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ("0.3,0.7", "weights is '0.3,0.7'; expected a list of numbers"),
        (0.5, "weights is 0.5; expected a list of numbers"),
        (["0.3", "0.7"], "weights is ['0.3', '0.7']; expected a list of numbers"),
        ([True, 1], "weights is [True, 1]; expected a list of numbers"),
        ({0.3, 0.7}, f"weights is { ({0.3, 0.7})!r}; expected a list of numbers"),
        ([1], "weights has 1 numbers; expected 2, one for each of bm25 and sparse"),
        ([], "weights has 0 numbers; expected 2, one for each of bm25 and sparse"),
        ([1, -2], "weights has -2.0; expected numbers from 0 to 1,000,000"),
        ([1, 10**400], "weights has a number of 401 digits; expected numbers from 0 to 1,000,000"),
        ([0, 0], "weights has zeros alone; expected one above 0"),
    ],
)
def test_weights_are_a_list_of_numbers(weights, sentence):
    with pytest.raises(UsageError) as caught:
        sparton.Searcher("nowhere", search_with="bm25+sparse", weights=weights)
    assert str(caught.value) == sentence


def test_weights_are_kept_as_floats():
    kept = SearcherOptions(search_with="bm25+sparse", weights=[np.float32(0.5), 2]).weights
    assert kept == (0.5, 2.0)
    assert [type(weight) for weight in kept] == [float, float]
    assert hash(SearcherOptions(search_with="bm25+sparse", weights=[1, 2])) is not None


@pytest.mark.parametrize("command", ["search", "run"])
def test_how_to_fuse_is_an_option_of_what_searches_and_fuses(command):
    taken, hints = parameters(command), get_type_hints(SearcherOptions, include_extras=True)
    for name, flag in (("rank_constant", "--rrf-k"), ("weights", "--weights")):
        parameter = taken[name]
        assert (parameter.opts, parameter.default, parameter.multiple) == ([flag], None, False)
        assert parameter.help == option_of(hints[name]).help


@pytest.mark.parametrize("command", ["serve", "export", "stats"])
def test_how_to_fuse_is_no_option_of_others(run_cli, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert {"rank_constant", "weights"} & set(parameters(command)) == set()
    for flag in ("--rrf-k", "--weights"):
        ran = run_cli(command, flag, "1")
        near = "--with may be meant, and " if (command, flag) == ("serve", "--weights") else ""
        said = f"Error: `sparton {command}` has no option {flag}; {near}`sparton {command} --help` names all\n"
        assert (ran.code, ran.stdout, ran.stderr) == (2, "", said)


def test_a_string_where_a_list_is_meant_is_one_of_them():
    options = EncodingOptions(text_columns="text", fields="price")
    assert (options.text_columns, options.fields) == (("text",), ("price",))
    assert options == EncodingOptions(text_columns=("text",), fields=("price",))


WHOLE = "; expected a whole number in digits 0 to 9"
NO_NUMBERS = ["٣", "３", "1_000", "x", "", "1e3", "2.5", "nan", "0x10", "−3", "1,000", "²"]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize(
    ("command", "flag", "name", "expected"),
    [
        ("index corpus", "--top-terms", "--top-terms", WHOLE),
        ("encode corpus --output out", "--batch-tokens", "--batch-tokens", "; expected a number or auto"),
        ("index-vectors vectors", "--max-length", "--max-length", WHOLE),
        ("index corpus", "--heap-mb", "--heap-mb", WHOLE),
        ("search bag", "-k", "-k", WHOLE),
        ("run topics -o run", "-k", "-k", WHOLE),
        ("run topics -o run", "--threads", "--threads", WHOLE),
        ("serve", "--port", "--port", WHOLE),
        ("serve", "--max-k", "--max-k", WHOLE),
    ],
)
def test_whole_numbers_are_ascii_digits(run_cli, tmp_path, monkeypatch, text, command, flag, name, expected):
    monkeypatch.chdir(tmp_path)
    ran = run_cli(*command.split(), flag, text)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {name} is {text!r}{expected}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "text", "found"),
    [
        ("--scale", "١٠", "'١٠'; expected a number as 2.5"),
        ("--scale", "1_0", "'1_0'; expected a number as 2.5"),
        ("--scale", "many", "'many'; expected a number as 2.5"),
        ("--scale", "nan", "nan; expected above 0 and at most 1,000,000"),
        ("--scale", "-inf", "-inf; expected above 0 and at most 1,000,000"),
        ("--scale", "1e999", "inf; expected above 0 and at most 1,000,000"),
        ("--store-timeout", "nan", "nan; expected above 0 and at most 86,400"),
        ("--store-timeout", "1e9", "1e+09; expected above 0 and at most 86,400"),
        ("--store-timeout", "３", "'３'; expected a number as 2.5"),
    ],
)
def test_numbers_are_ascii_digits_and_finite(run_cli, tmp_path, bags, flag, text, found):
    ran = run_cli("index", bags, "--index", tmp_path / "index", flag, text)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {flag} is {found}\n")
    assert not (tmp_path / "index").exists()


def test_a_store_timeout_in_the_environment_is_read_by_the_same_rule(run_cli, monkeypatch, small_index):
    monkeypatch.setenv("SPARTON_STORE_TIMEOUT", "1_0")
    ran = run_cli("info", "--index", small_index)
    assert (ran.code, ran.stderr) == (2, "Error: --store-timeout is '1_0'; expected a number as 2.5\n")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("search", "bag", "-k", 10**12), f"-k is {10**12}; expected at most {MOST}"),
        (("search", "bag", "-k", "9" * 5000), f"-k is a number of 5,000 digits; expected at most {MOST}"),
        (("run", "topics", "-o", "run", "-k", 2**31), f"-k is {2**31}; expected at most {MOST}"),
        (("run", "topics", "-o", "run", "--threads", 10**9), "--threads is 1000000000; expected at most 1,024"),
        (("serve", "--threads", 10**9), "--threads is 1000000000; expected at most 1,024"),
        (("serve", "--max-k", 10**12), f"--max-k is {10**12}; expected at most {MOST}"),
        (("serve", "--port", 65_536), "--port is 65536; expected 0 to 65535"),
        (("serve", "--port", -1), "--port is -1; expected 0 to 65535"),
    ],
)
def test_a_command_counts_no_further_than_what_it_counts(run_cli, tmp_path, monkeypatch, command, sentence):
    monkeypatch.chdir(tmp_path)  # without index or topics, which would be looked at later
    ran = run_cli(*command)
    assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: {sentence}\n")


DEVICES = ["meta", "mps", "xla", "xla:0", "vulkan", "hpu", "xpu", "privateuseone", "cuda:", "cuda:-1", "cuda:01", "CPU",
           "cuda:٣", "cuda:1000", "", "all"]  # fmt: skip
ONE = "expected auto, cpu, cuda or one GPU, as in cuda:1"


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_that_no_model_runs_on_is_refused_before_any_work(run_cli, tmp_path, monkeypatch, device):
    monkeypatch.chdir(tmp_path)
    for command in ("search bag", "run topics -o run", "serve", "encode-text bag"):
        ran = run_cli(*command.split(), "--device", device)
        assert (ran.code, ran.stdout, ran.stderr) == (2, "", f"Error: --device is {device!r}; {ONE}\n"), command
    with pytest.raises(UsageError) as caught:
        sparton.Searcher("nowhere", device=device)
    assert str(caught.value) == f"device is {device!r}; {ONE}"
    for command in ("index corpus --index new", "encode corpus --output new"):
        ran = run_cli(*command.split(), "--device", device)
        if device != "all":  # several devices encode a corpus
            assert (ran.code, ran.stderr) == (2, f"Error: --device is {device!r}; {ONE}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", ["small", "nowhere/at-all"])
def test_a_device_is_refused_before_the_model_is_looked_for(model):
    for device, found in (("meta", "'meta'"), (5, "5"), ("cpu,mps", "'mps'")):
        with pytest.raises(UsageError, match=f"^device is {found}; expected "):
            sparton.Encoder(model, device=device)


@pytest.mark.parametrize(
    ("k", "sentence"),
    [
        (0, "k is 0; expected at least 1"),
        ("5", "k is '5'; expected a whole number"),
        (True, "k is True; expected a whole number"),
        (10**12, f"k is {10**12}; expected at most {MOST}"),
    ],
)
def test_a_searcher_takes_whole_numbers_of_hits(searcher, k, sentence):
    for search in (searcher.search, lambda query, k: searcher.search_terms({query: 1}, k)):
        with pytest.raises(UsageError) as caught:
            search("bag", k)
        assert str(caught.value) == sentence
