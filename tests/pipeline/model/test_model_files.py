"""What a model's files say beside its weights: an index, settings, an attention, a route, an adapter's pickle."""

import json
import shutil
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load_file
from support.decoders import change_config, save_decoder
from support.own_code import save_own_code
from support.repositories import pickled, router, write_json
from support.saved_models import TEXTS, save_masked_lm
from support.token_models import save_bge_m3, save_unicoil
from transformers import AutoModelForMaskedLM

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_query_encoder
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.kinds import read_encoder
from sparton.pipeline.model.loadable import loadable
from sparton.pipeline.model.open_model import open_documents
from sparton.pipeline.options import EncoderOptions

pytestmark = pytest.mark.slow

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed (extra test)")


def vectors(folder, **options):
    """The impacts of texts, at a scale that shows weights to three places."""
    encoder = sparton.Encoder(str(folder), device="cpu", dtype="float32", scale=1_000, **options)
    return [dict(zip(*(row.tolist() for row in pair), strict=True)) for pair in encoder.encode(TEXTS)]


def settings_of(**options):
    return open_documents(EncoderOptions(device="cpu", dtype="float32", **options)).settings()


def test_the_digest_covers_which_file_has_which_weight(tmp_path):
    model = AutoModelForMaskedLM.from_pretrained(save_masked_lm(tmp_path))
    (tmp_path / "model.safetensors").unlink()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    before = find_model(str(tmp_path)).digest
    path = tmp_path / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    first, second = sorted(set(index["weight_map"].values()))[:2]
    swapped = {first: second, second: first}
    path.write_text(json.dumps(index | {"weight_map": {k: swapped.get(v, v) for k, v in index["weight_map"].items()}}))
    assert find_model(str(tmp_path)).digest != before


@pytest.mark.parametrize("save", [save_masked_lm, save_bge_m3])
def test_settings_of_a_decoder_in_another_model_are_refused(tmp_path, save):
    save(tmp_path)
    change_config(tmp_path, sparton={"top_terms": 5})
    with pytest.raises(SpartonError) as refused:
        find_model(str(tmp_path))
    assert str(refused.value) == (
        f"{tmp_path / 'config.json'} has an object sparton, which says how a decoder is used, and the model is none; "
        "remove it"
    )


@pytest.mark.parametrize("save", [save_masked_lm, save_decoder, save_bge_m3])
@pytest.mark.parametrize("attention", ["flash_attention_2", "flash_attention_3"])
def test_an_attention_that_transformers_would_fetch_is_not_asked_for(tmp_path, save, attention):
    save(tmp_path)
    expected = vectors(tmp_path)
    change_config(tmp_path, attn_implementation=attention)
    assert vectors(tmp_path) == expected


def test_code_that_a_model_brings_is_called_by_the_folders_name(tmp_path):
    """Where its folder is seen through links: the class that ties weights is the one that is loaded then."""
    save_own_code(tmp_path / "own", "MaskedLM")
    expected = vectors(tmp_path / "own", trust_remote_code=True)
    change_config(tmp_path / "own", attn_implementation="flash_attention_2")
    write_json(tmp_path / "own" / "adapter_config.json", {})
    with loadable(tmp_path / "own") as view:
        assert view.name == "own"
        assert "adapter_config.json" not in {path.name for path in view.iterdir()}
    (tmp_path / "own" / "adapter_config.json").unlink()
    assert vectors(tmp_path / "own", trust_remote_code=True) == expected


def test_a_scalar_is_recognized_by_the_whole_name_of_a_weight(tmp_path):
    """And not by one that contains it, as of a head for something else."""
    folder = pickled(save_masked_lm(tmp_path / "masked") and tmp_path / "masked")
    state = torch.load(folder / "pytorch_model.bin")
    for zipped in (True, False):
        torch.save(state | {"old_tok_proj.weights": torch.zeros(1)}, folder / "pytorch_model.bin",
                   _use_new_zipfile_serialization=zipped)  # fmt: skip
        assert read_encoder(folder, "document").kind == "masked_lm"
    (unicoil, _) = save_unicoil(tmp_path / "unicoil")
    torch.save(load_file(unicoil / "model.safetensors"), unicoil / "pytorch_model.bin", pickle_protocol=4)
    (unicoil / "model.safetensors").unlink()
    assert read_encoder(unicoil, "document").kind == "token_weights"


def routed(folder, task, seed=0):
    """A model behind a Router with the route of one task."""
    save_masked_lm(folder / f"{task}_0_MLMTransformer", seed=seed)
    write_json(folder / f"{task}_1_SpladePooling" / "config.json", {"pooling_strategy": "max"})
    return router(folder, {task: ["0_MLMTransformer", "1_SpladePooling"]})


def test_a_router_needs_the_route_alone_that_is_gone(tmp_path):
    documents, queries = routed(tmp_path / "documents", "document"), routed(tmp_path / "queries", "query", seed=9)
    settings = settings_of(model=str(documents), query_model=str(queries))
    plain = settings_of(
        model=str(documents / "document_0_MLMTransformer"), query_model=str(queries / "query_0_MLMTransformer")
    )
    expected = open_query_encoder(plain, 100, device="cpu").terms(TEXTS[0])
    assert open_query_encoder(settings, 100, device="cpu").terms(TEXTS[0]) == expected
    no_route = "has no route for a query (its routes: document); add one"
    for options in ({}, {"query_model": str(documents)}):
        with pytest.raises(SpartonError) as refused:
            settings_of(model=str(documents), **options)
        assert str(refused.value) == f"{documents / 'router_config.json'} {no_route}"


def save_lora(base, target):
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(8)
    model = get_peft_model(AutoModelForMaskedLM.from_pretrained(base), LoraConfig(r=4, target_modules=["query"]))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.2)
    model.save_pretrained(target)
    return target


@needs_peft
def test_an_adapter_whose_weights_are_a_pickle(tmp_path):
    base = save_masked_lm(tmp_path / "base")
    adapter = save_lora(base, tmp_path / "adapter")
    expected = vectors(adapter)
    assert expected != vectors(base)
    stored = shutil.copytree(adapter, tmp_path / "pickled")
    weights = load_file(stored / "adapter_model.safetensors")
    (stored / "adapter_model.safetensors").unlink()
    torch.save(weights, stored / "adapter_model.bin")
    assert vectors(stored) == expected
    before = find_model(str(stored)).digest
    torch.save({name: tensor * 2 for name, tensor in weights.items()}, stored / "adapter_model.bin")
    assert find_model(str(stored)).digest != before
    torch.save({"x": pytest.fixture}, stored / "adapter_model.bin")
    with pytest.raises(SpartonError, match="is a pickle that wants '_pytest"):
        vectors(stored)


@needs_peft
def test_queries_that_weigh_1_a_token_by_the_tokenizer_of_an_adapters_base(tmp_path):
    base = save_masked_lm(tmp_path / "base")
    adapter = save_lora(base, tmp_path / "adapter")
    expected = open_query_encoder(settings_of(model=str(base), query_terms="ones"), 100).terms(TEXTS[0])
    settings = settings_of(model=str(adapter), query_terms="ones")
    assert set(expected.values()) == {100}
    assert open_query_encoder(settings, 100).terms(TEXTS[0]) == expected
