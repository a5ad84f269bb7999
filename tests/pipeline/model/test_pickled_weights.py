"""Weights as pickles: the tensors that were saved, to the bit, converted once; and of a pickle nothing but tensors."""

import hashlib
import io
import json
import os
import pickle
import shutil
import threading
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.masked_lms import MODELS, build
from support.repositories import defined_weights, masked_lm, of_old, pickled, router, sparse_encoder, write_json
from support.saved_models import TEXTS

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_document_encoder, open_query_encoder
from sparton.pipeline.model import converted as cache
from sparton.pipeline.model.converted import converted
from sparton.pipeline.model.files import find_model

pytestmark = pytest.mark.slow

SCALE = 100_000
AGAIN = "download or copy it again"
WANTS = (
    "DIR/pytorch_model.bin is a pickle that wants NAME; of pickles only tensors are read, for anything else may be "
    "code, so save the model's state_dict alone, or as safetensors"
)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    """The user's cache, which is empty."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(cache, "cache_folder", lambda: folder)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A masked LM with safetensors."""
    return masked_lm(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture
def copy(plain, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(plain, tmp_path / "model")


@pytest.fixture
def empty(copy):
    """The same without its weights."""
    (copy / "model.safetensors").unlink()
    return copy


def same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name
        raw = [one.contiguous().reshape(-1).view(torch.uint8) for one in (found[name], tensor.detach())]
        assert torch.equal(*raw), name


def dense(encoder, texts):
    impacts = encoder.encode(texts)
    rows = np.zeros((len(impacts), len(encoder.vocabulary)))
    for row, (terms, values) in zip(rows, impacts, strict=True):
        row[terms] = values
    return rows / SCALE


def assert_defined(folder, reference):
    """Documents and queries have the weights of the definition, by a folder with the same weights as safetensors."""
    encoder = open_document_encoder(model=str(folder), device="cpu", dtype="float32", scale=SCALE)
    expected = defined_weights(reference, TEXTS)
    assert (expected > 0.1).sum() > 20
    for side in (encoder, open_query_encoder(encoder.settings, SCALE)):
        np.testing.assert_allclose(dense(side, TEXTS), expected, rtol=1e-5, atol=1.6e-5)
    return encoder


def refused(folder, sentence):
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu")
    assert str(caught.value).replace(str(folder), "DIR") == sentence


@pytest.mark.parametrize("name", MODELS)
def test_every_name_of_a_state_dict_is_kept_to_the_bit(tmp_path, name):
    """Also that of an LM head which is tied to the embedding."""
    state = build(name).state_dict()
    (tied,) = [
        names
        for names in ({n for n, t in state.items() if t.data_ptr() == one.data_ptr()} for one in state.values())
        if len(names) > 1 and any("embed" in name for name in names)
    ][:1]
    assert any(name.endswith(("decoder.weight", "vocab_projector.weight")) for name in tied)
    torch.save(state, tmp_path / "pytorch_model.bin")
    same_bits(load_file(converted(tmp_path)), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_of_every_kind_are_kept_to_the_bit(tmp_path, zipped):
    generator = torch.Generator().manual_seed(1)
    table = torch.rand(6, 8, generator=generator)
    state = {
        "half": table.half(),
        "brain": table.bfloat16(),
        "double": table.double(),
        "whole": torch.arange(5),
        "small": torch.arange(7, dtype=torch.int8),
        "flags": table > 0.5,
        "one": torch.tensor(3.5),
        "none": torch.empty(0, 4),
        "turned": table.T,
        "part": table[1:3, ::2],
        "again": table,
        "parameter": torch.nn.Parameter(table + 1),
    }
    torch.save(state, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    same_bits(load_file(converted(tmp_path)), state)


def test_a_zip_that_was_compressed_is_not_mapped_as_it_lies(tmp_path):
    state = {"weight": torch.arange(4_000) % 7 + 0.5}
    saved = io.BytesIO()
    torch.save(state, saved)
    with (
        zipfile.ZipFile(saved) as archive,
        zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for entry in archive.infolist():
            compressed.writestr(entry.filename, archive.read(entry))
    assert (tmp_path / "pytorch_model.bin").stat().st_size < 4_000
    with pytest.raises(SpartonError, match=r"take 16,000 bytes, [0-9]+ times what their files have"):
        converted(tmp_path)
    state["noise"] = torch.rand(4_000)
    torch.save(state, saved)
    (tmp_path / "pytorch_model.bin").unlink()
    with (
        zipfile.ZipFile(saved) as archive,
        zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for entry in archive.infolist():
            compressed.writestr(entry.filename, archive.read(entry))
    same_bits(load_file(converted(tmp_path)), state)


def test_what_is_converted_is_the_same_bytes_in_any_order(tmp_path):
    tensors = {"b": torch.ones(3), "a": torch.zeros(2, dtype=torch.float16), "c": torch.arange(2)}
    made = []
    for names in ("abc", "cba"):
        folder = tmp_path / names
        folder.mkdir()
        torch.save({name: tensors[name] for name in names}, folder / "pytorch_model.bin")
        made.append(converted(folder))
    assert made[0] != made[1]  # of other files
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize(
    "lay_out",
    [
        pickled,
        lambda folder: pickled(folder, rename=of_old),
        lambda folder: pickled(folder, shards=3),
        lambda folder: sparse_encoder(pickled(folder)),
    ],
    ids=["one file", "names of old", "three files", "modules"],
)
def test_documents_and_queries_have_the_weights_of_the_definition(plain, copy, lay_out):
    assert not (lay_out(copy) / "model.safetensors").exists()
    assert_defined(copy, plain)


def test_weights_in_a_module_s_folder(plain, tmp_path):
    model = tmp_path / "model"
    pickled(shutil.copytree(plain, model / "0_Transformer"))
    assert_defined(sparse_encoder(model, "0_Transformer"), plain)


@pytest.mark.parametrize("name", ["distilbert", "roberta", "modernbert"])
def test_heads_of_other_names(plain, copy, name):
    """Whose LM head, tied to the embedding or not, is found in the pickle."""
    model = build(name)
    model.get_output_embeddings().weight.data.normal_(std=0.3)
    model.save_pretrained(copy)
    reference = shutil.copytree(copy, copy.with_name("reference"))
    assert_defined(pickled(copy), reference)


def test_behind_a_router_each_module_has_its_own(plain, tmp_path):
    model = tmp_path / "model"
    other = masked_lm(tmp_path / "other", seed=3)
    for folder, source in (("document_0_MLMTransformer", plain), ("query_0_MLMTransformer", other)):
        pickled(shutil.copytree(source, model / folder))
        write_json(model / folder.replace("0_MLMTransformer", "1_SpladePooling") / "config.json", {})
    routes = ["0_MLMTransformer", "1_SpladePooling"]
    router(model, {"document": routes, "query": routes})
    encoder = open_document_encoder(model=str(model), device="cpu", dtype="float32", scale=SCALE)
    queries = open_query_encoder(encoder.settings, SCALE)
    for side, reference in ((encoder, plain), (queries, other)):
        np.testing.assert_allclose(dense(side, TEXTS), defined_weights(reference, TEXTS), rtol=1e-5, atol=1.6e-5)


def test_the_digest_is_of_the_files_that_were_converted(plain, copy, tmp_path):
    """So that it is the same on every machine and known before anything is converted."""
    pickled(copy)
    names = [
        path.name
        for pattern in ("config.json", "tokenizer*.json", "vocab.*", "special_tokens_map.json")
        for path in copy.glob(pattern)
    ]
    lines = [
        f"{name} {hashlib.sha256((copy / name).read_bytes()).hexdigest()}\n"
        for name in sorted([*names, "pytorch_model.bin"])
    ]
    digest = f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
    moved = shutil.copytree(copy, tmp_path / "elsewhere" / "model")
    assert find_model(str(copy)).digest == find_model(str(moved)).digest == digest
    assert not cache.cache_folder().exists()
    assert find_model(str(plain)).digest != digest
    with (copy / "pytorch_model.bin").open("ab") as stream:
        stream.write(b"\0")
    assert find_model(str(copy)).digest != digest


def test_weights_are_converted_once_for_all_copies(plain, copy, tmp_path, caplog):
    pickled(copy)
    moved = shutil.copytree(copy, tmp_path / "elsewhere")
    (moved / "config.json").write_text((copy / "config.json").read_text() + "\n")
    with caplog.at_level("INFO", logger="sparton"):
        first = assert_defined(copy, plain)
        second = assert_defined(moved, plain)
    assert first.settings.documents.digest != second.settings.documents.digest
    (made,) = cache.cache_folder().rglob("*.safetensors")
    assert [record.message for record in caplog.records] == [
        f"the weights of {copy} are pickled; as safetensors they are kept in {made}"
    ]


def test_threads_that_want_the_same_get_the_same(copy, cache_folder):
    pickled(copy)
    (cache_folder / "weights").mkdir(parents=True)
    (cache_folder / "weights" / ".sparton-1.tmp").write_bytes(b"what a writer that was killed left")
    found = []
    threads = [threading.Thread(target=lambda: found.append(converted(copy))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    same_bits(load_file(found[0]), torch.load(copy / "pytorch_model.bin"))
    assert {path.name for path in (cache_folder / "weights").iterdir()} == {found[0].name, ".lock"}


def test_a_cache_that_cannot_be_written_to_is_named(copy, cache_folder):
    pickled(copy)
    cache_folder.write_text("a file")
    with pytest.raises(SpartonError) as caught:
        converted(copy)
    (name,) = {str(caught.value).split("/weights/")[1].split(" ")[0]}
    assert str(caught.value) == (
        f"the weights of {copy} are pickled, and {cache_folder}/weights/{name} cannot be written with them (Not a "
        "directory); make room there, or name another folder for caches by XDG_CACHE_HOME"
    )


def test_a_pickle_beside_safetensors_is_not_read(plain, copy):
    before = find_model(str(copy)).digest
    (copy / "pytorch_model.bin").write_bytes(b"no pickle")
    (copy / "pytorch_model.bin.index.json").write_text("[")
    assert find_model(str(copy)).digest == before == find_model(str(plain)).digest
    assert_defined(copy, plain)
    assert not cache.cache_folder().exists()


class Calls:
    """What a pickle can have called when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def in_zip(protocol):
    return lambda content, path: torch.save(content, path, pickle_protocol=protocol)


def bare(protocol):
    return lambda content, path: path.write_bytes(pickle.dumps(content, protocol))


def in_old_form(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    "save",
    [in_zip(2), in_zip(4), in_old_form, bare(2), bare(3), bare(4), bare(5)],
    ids=["zip", "zip of protocol 4", "old form", "bare 2", "bare 3", "bare 4", "bare 5"],
)
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "posix.system"), (os.mkdir, "posix.mkdir"), (eval, "eval"), (shutil.rmtree, "shutil.rmtree")],
)
def test_a_pickle_that_wants_more_than_tensors_runs_nothing(empty, tmp_path, save, function, name):
    made = tmp_path / "made"
    arguments = {os.system: f"mkdir {made}", eval: f"__import__('os').mkdir({str(made)!r})"}
    save({"x": Calls(function, arguments.get(function, str(made)))}, empty / "pytorch_model.bin")
    if function is shutil.rmtree:
        made.mkdir()
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(empty), device="cpu")
    found = str(caught.value).replace(str(empty), "DIR")
    assert found in {WANTS.replace("NAME", f"'{wanted}'") for wanted in (name, f"builtins.{name}")}
    assert made.exists() == (function is shutil.rmtree)


def test_a_pickle_of_the_first_protocol_is_no_file_of_pytorch(empty, tmp_path):
    (empty / "pytorch_model.bin").write_bytes(f"cposix\nmkdir\n(V{tmp_path / 'made'}\ntR.".encode())
    refused(
        empty,
        "DIR/pytorch_model.bin begins with "
        + repr(f"cposix\nmkdir\n(V{tmp_path}".encode()[:40])
        + f", so PyTorch did not save it; {AGAIN}",
    )
    assert not (tmp_path / "made").exists()


STATE = {"weight": torch.ones(2)}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({**STATE, "step": np.float64(1)}, WANTS.replace("NAME", "'numpy._core.multiarray.scalar'")),
        ([torch.ones(2)], "DIR/pytorch_model.bin holds a list; expected a state_dict, {name: tensor}"),
        ({"state_dict": STATE}, "DIR/pytorch_model.bin holds a dict named 'state_dict'; expected a state_dict, {name: "
                                "tensor}"),
        ({1: torch.ones(2)}, "DIR/pytorch_model.bin holds a Tensor named 1; expected a state_dict, {name: tensor}"),
        ({"a": torch.eye(3).to_sparse()}, "DIR/pytorch_model.bin holds the tensor 'a', which is not dense; save the "
                                          "model again"),
        ({"a": torch.ones(2, device="meta")}, "DIR/pytorch_model.bin holds the tensor 'a', which is not dense; save "
                                              "the model again"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "the weight 'a' of type torch.complex64 cannot be kept as "
                                                      "safetensors; save the model again"),
        ({"__metadata__": torch.ones(2)}, "the weight '__metadata__' of type torch.float32 cannot be kept as "
                                          "safetensors; save the model again"),
        ({"a\n": torch.ones(2)}, "the weight 'a\\n' of type torch.float32 cannot be kept as safetensors; save the "
                                 "model again"),
        ({}, "DIR/pytorch_model.bin holds no weights; save the model again"),
    ],
    ids=["numpy", "list", "state_dict within", "number", "sparse", "meta", "complex", "metadata", "line", "empty"],
)  # fmt: skip
def test_what_is_no_state_dict_of_tensors_is_one_sentence(empty, cache_folder, content, sentence):
    torch.save(content, empty / "pytorch_model.bin")
    refused(empty, sentence)
    assert not list(cache_folder.rglob("*.safetensors"))
    assert not list(cache_folder.rglob("*.tmp"))


def test_a_tensor_that_is_larger_than_its_file_is_not_written(empty, cache_folder):
    torch.save({"a": torch.ones(1).expand(10**6, 10**6)}, empty / "pytorch_model.bin")
    size = (empty / "pytorch_model.bin").stat().st_size
    refused(
        empty,
        f"the weights of DIR take 4,000,000,000,000 bytes, {4 * 10**12 // size:,} times what their files have; save "
        "the model as safetensors",
    )
    assert not list(cache_folder.rglob("*.safetensors"))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", f"DIR/pytorch_model.bin is empty; {AGAIN}"),
        (b"<!DOCTYPE html>\n<html>", "DIR/pytorch_model.bin begins with b'<!DOCTYPE html>\\n<html>', so PyTorch did "
                                     f"not save it; {AGAIN}"),
        (b"PK\x03\x04 and no more", f"DIR/pytorch_model.bin cannot be read (File is not a zip file); {AGAIN}"),
        (b"\x80\x02}q\x00.", f"DIR/pytorch_model.bin cannot be read (Invalid magic number; corrupt file?); {AGAIN}"),
        (b"\x80\x02}q", f"DIR/pytorch_model.bin cannot be read (IndexError: index out of range); {AGAIN}"),
        (POINTER, "DIR/pytorch_model.bin is a pointer of Git LFS and not the file itself; run `git lfs pull` in the "
                  "clone, or download the file"),
    ],
    ids=["empty", "page", "zip", "number", "cut", "pointer"],
)  # fmt: skip
def test_what_is_no_file_of_pytorch_is_one_sentence(empty, content, sentence):
    (empty / "pytorch_model.bin").write_bytes(content)
    refused(empty, sentence)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_is_cut_is_one_sentence(copy, cache_folder, kept, zipped):
    path = pickled(copy) / "pytorch_model.bin"
    if not zipped:
        in_old_form(torch.load(path), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(copy), device="cpu")
    assert str(caught.value).startswith(f"{path} cannot be read (")
    assert str(caught.value).endswith(f"); {AGAIN}")
    assert "\n" not in str(caught.value)
    assert not list(cache_folder.rglob("*.safetensors"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_pointer_of_git_lfs_is_named_wherever_it_lies(copy, name):
    (copy / name).write_bytes(POINTER)
    refused(
        copy,
        f"DIR/{name} is a pointer of Git LFS and not the file itself; run `git lfs pull` in the clone, or download the "
        "file",
    )


def test_torchscript_is_not_run(empty):
    torch.jit.script(torch.nn.Linear(2, 2)).save(empty / "pytorch_model.bin")
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(empty), device="cpu")
    assert str(caught.value).startswith(
        f"{empty / 'pytorch_model.bin'} cannot be read (Cannot use ``weights_only=True``"
    )


def test_a_pytorch_that_reads_pickles_unsafely_reads_none(copy, monkeypatch):
    pickled(copy)
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    refused(
        copy,
        "DIR/pytorch_model.bin is a pickle, which PyTorch reads safely from version 2.10 on, and this is 2.9.1+cpu; "
        "upgrade PyTorch, or convert the model to safetensors",
    )


FILES = [
    ("pytorch_model.bin.index.json", "pytorch_model-00001-of-00003.bin"),
    ("model.safetensors.index.json", "model-00001-of-00003.safetensors"),
]


@pytest.fixture(params=FILES, ids=["pickles", "safetensors"])
def sharded(request, copy):
    """A model in three files, with the names of its index and of the first file."""
    index, first = request.param
    pickled(copy, shards=3)
    if index.startswith("model"):
        for path in copy.glob("pytorch_model-*.bin"):
            name = path.name.replace("pytorch_model", "model").replace(".bin", ".safetensors")
            save_file({n: t.clone() for n, t in torch.load(path).items()}, copy / name, metadata={"format": "pt"})
            path.unlink()
        content = (copy / "pytorch_model.bin.index.json").read_text()
        (copy / "pytorch_model.bin.index.json").unlink()
        (copy / index).write_text(content.replace("pytorch_model-", "model-").replace(".bin", ".safetensors"))
    return copy, index, first


def test_several_files_are_one_model(plain, sharded):
    assert_defined(sharded[0], plain)


def test_a_file_that_an_index_names_and_nobody_has(sharded):
    folder, index, first = sharded
    (folder / first).unlink()
    refused(folder, f"DIR/{index} names '{first}', which is missing; download or copy the model again")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "within/x", "x\0", "", "..", "config.json", 5, None, ["x"]])
def test_a_file_that_does_not_lie_beside_its_index(sharded, name):
    folder, index, first = sharded
    suffix = "." + first.rpartition(".")[2]
    content = json.loads((folder / index).read_text())
    name = name + suffix if isinstance(name, str) and name not in ("", "..", "config.json") else name
    content["weight_map"] |= {"cls.predictions.bias": name}
    (folder / index).write_text(json.dumps(content))
    (folder.parent / f"x{suffix}").write_bytes((folder / first).read_bytes())
    if name == "x\0" + suffix:
        refused(folder, f"DIR/{index} names 'x\\x00{suffix}', which is missing; download or copy the model again")
    else:
        refused(
            folder,
            f"DIR/{index} has the weight 'cls.predictions.bias' in {name!r}; expected the name of a {suffix} file "
            "beside it",
        )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[", "DIR/NAME is not JSON (Expecting value: line 1 column 2 (char 1)); put the file back as it was saved"),
        ("[1]", "DIR/NAME holds a list where an object was expected; save the model again"),
        ("{}", "DIR/NAME has the weight_map None; expected an object of {weight: file}"),
        ('{"weight_map": {}}', "DIR/NAME has the weight_map {}; expected an object of {weight: file}"),
        ('{"weight_map": ["x"]}', "DIR/NAME has the weight_map ['x']; expected an object of {weight: file}"),
    ],
)
def test_an_index_that_is_none_is_one_sentence(sharded, content, sentence):
    folder, index, _ = sharded
    (folder / index).write_text(content)
    refused(folder, sentence.replace("NAME", index))


@pytest.mark.parametrize("name", ["adapter_model.bin", "within/model.safetensors", "../model.safetensors", 5, ["x"]])
def test_a_configuration_that_names_other_weights_is_refused(copy, name):
    config = json.loads((copy / "config.json").read_text())
    write_json(copy / "config.json", {**config, "transformers_weights": name})
    torch.save({"x": Calls(os.mkdir, str(copy / "made"))}, copy / "adapter_model.bin")
    refused(
        copy,
        f"DIR/config.json sets transformers_weights to {name!r}; expected model.safetensors, so call the file that, "
        "and remove the entry",
    )


CODE = """
from pathlib import Path
from transformers import BertConfig, BertForMaskedLM

Path(MARKER).touch()

class Config(BertConfig):
    model_type = "mine"

class Model(BertForMaskedLM):
    config_class = Config
"""


def test_code_beside_a_pickle_runs_only_where_it_is_trusted(plain, copy, tmp_path, monkeypatch):
    import transformers.dynamic_module_utils as modules

    monkeypatch.setattr(modules, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    pickled(copy)
    marker = tmp_path / "marker"
    (copy / "mine.py").write_text(CODE.replace("MARKER", repr(str(marker))))
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModelForMaskedLM": "mine.Model"}}
    write_json(copy / "config.json", config)
    with pytest.raises(
        SpartonError, match=r"cannot be loaded with its tokenizer|cannot be loaded as a masked language"
    ):
        sparton.Encoder(str(copy), device="cpu")
    assert not marker.exists()
    encoder = sparton.Encoder(str(copy), device="cpu", dtype="float32", scale=SCALE, trust_remote_code=True)
    assert marker.exists()
    np.testing.assert_allclose(dense(encoder, TEXTS), defined_weights(plain, TEXTS), rtol=1e-5, atol=1.6e-5)


def test_a_table_that_is_none_is_named_by_the_file_that_the_user_has(plain, tmp_path):
    model = shutil.copytree(plain, tmp_path / "model")
    (model / "model.safetensors").unlink()
    torch.save({"heavy": torch.ones(2, 3)}, model / "pytorch_model.bin")
    package = "sentence_transformers.sparse_encoder.models"
    write_json(model / "modules.json", [{"path": "", "type": f"{package}.SparseStaticEmbedding"}])
    with pytest.raises(SpartonError) as caught:
        open_document_encoder(model=str(model))
    assert str(caught.value) == (
        f"{model / 'pytorch_model.bin'} holds {{'heavy': ('F32', [2, 3])}}; expected one floating vector named weight"
    )
