"""Decoders: the weights that the plain model's own logits give, whatever else is in a batch; adapters; bad files."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from support.decoders import MODELS, build, change_config, save_decoder, save_tokenizer
from support.saved_models import TEXTS, needs_sentence_transformers, save, save_masked_lm, splade, static
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.pipeline.encoding.open_encoder import open_query_encoder
from sparton.pipeline.encoding.pruning import Pruning
from sparton.pipeline.model.files import find_model

pytestmark = pytest.mark.slow

SCALE = 100_000  # impacts at this scale show weights to five places
needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed (extra test)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Qwen3, causal."""
    return save_decoder(tmp_path_factory.mktemp("decoders") / "qwen3")


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(folder, tmp_path / "model")


def encoder_of(folder, **options):
    return sparton.Encoder(str(folder), device="cpu", dtype="float32", **{"scale": SCALE, **options})


def dense(encoder, texts):
    impacts = encoder.encode(texts)
    rows = np.zeros((len(impacts), len(encoder.vocabulary)))
    for row, (terms, values) in zip(rows, impacts, strict=True):
        row[terms] = values
    return rows / encoder.scale


def plain(folder, texts, *, copies=1, scale=1.0, length=512, model=None):
    """By the definition: each text alone, with the tokens of AutoTokenizer; the last of its copies is pooled."""
    model = model or AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        ids = torch.tensor([tokenizer(text, truncation=True, max_length=length).input_ids])
        with torch.inference_mode():
            logits = model(input_ids=ids.repeat(1, copies)).logits[0, -ids.shape[1] :].float() * scale
        rows.append(torch.log1p(torch.relu(logits)).amax(0))
    return torch.stack(rows).double().numpy()


def assert_same(found, expected):
    assert (expected > 0).mean() > 0.2
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1.6e-5)


def refused(folder, sentence, **options):
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu", **options)
    assert str(caught.value).replace(str(folder), "DIR") == sentence


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_of_the_plain_models_logits(name, both_ways, tmp_path):
    folder = save_decoder(tmp_path / "model", name, changes={"is_causal": not both_ways})
    encoder = encoder_of(folder)
    assert encoder.settings.documents.kind == "causal_lm"
    expected = plain(folder, TEXTS)
    assert_same(dense(encoder, TEXTS), expected)  # padded, in one batch
    for text, row in zip(TEXTS, expected, strict=True):
        assert_same(dense(encoder, [text]), row[None])


@pytest.mark.parametrize("both_ways", [False, True])
def test_the_first_token_sees_the_last_where_the_files_say_so(tmp_path, both_ways):
    folder = save_decoder(tmp_path / "model", changes={"is_causal": not both_ways})
    lm = encoder_of(folder)._model._lm
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 9]])
    with torch.inference_mode():
        first, second = lm.hidden_states(ids, torch.ones_like(ids))[:, 0]
    assert torch.equal(first, second) is not both_ways


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["Qwen3BiForMNTP"]},
        {"architectures": ["SomeOwnClass"], "bidirectional": True},
        {"is_bidirectional": True},
    ],
)
def test_other_ways_of_saying_that_a_decoder_looks_both_ways(copy, changes):
    change_config(copy, is_causal=False)
    expected = plain(copy, TEXTS)
    config = json.loads((copy / "config.json").read_text())
    del config["is_causal"]
    (copy / "config.json").write_text(json.dumps(config | changes))
    assert_same(dense(encoder_of(copy), TEXTS), expected)


def test_code_that_wraps_a_decoder_of_transformers_is_not_needed(copy):
    """As SPLADE-Code's, whose class is for sentence-transformers."""
    expected = dense(encoder_of(copy), TEXTS)
    change_config(copy, architectures=["Splade"], auto_map={"AutoConfig": "splade.C", "AutoModel": "splade.Splade"})
    for trusted in (False, True):
        assert_same(dense(encoder_of(copy, trust_remote_code=trusted), TEXTS), expected)


def test_gemma_3_looks_both_ways_with_windows_of_its_own(tmp_path):
    folder = save_decoder(tmp_path / "model", "gemma3", use_bidirectional_attention=True)
    expected = plain(folder, TEXTS)
    assert_same(dense(encoder_of(folder), TEXTS), expected)
    change_config(folder, use_bidirectional_attention=False, is_causal=False)
    assert np.abs(plain(folder, TEXTS) - expected).max() > 0.01  # or the test would show nothing


def test_a_head_that_scales_its_logits(tmp_path):
    from support.decoders import SMALL
    from transformers import CohereConfig, CohereForCausalLM

    sizes = {name: value for name, value in SMALL.items() if name != "head_dim"}
    torch.manual_seed(3)
    model = CohereForCausalLM(CohereConfig(**sizes, logit_scale=0.25)).eval()
    for parameter in model.parameters():
        parameter.data.normal_(mean=float(parameter.ndim == 1), std=0.3)
    model.save_pretrained(tmp_path / "model")
    save_tokenizer(tmp_path / "model")
    assert_same(dense(encoder_of(tmp_path / "model"), TEXTS), plain(tmp_path / "model", TEXTS))


def test_what_a_repository_does_not_say_may_be_added(copy):
    """A scale of logits (as Lion-SP's), two copies of which one is pooled (echo), and top terms (as LACONIC's)."""
    change_config(copy, sparton={"logit_scale": 32**-0.25, "echo": True})
    encoder = encoder_of(copy)
    expected = plain(copy, TEXTS, copies=2, scale=32**-0.25)
    assert_same(dense(encoder, TEXTS), expected)
    assert np.abs(plain(copy, TEXTS, scale=32**-0.25) - expected).max() > 0.01
    assert encoder.settings.documents.echo
    queries = open_query_encoder(encoder.settings, SCALE)
    found = [queries.terms(text) for text in TEXTS]
    assert found == [encoder.terms(text) for text in TEXTS]

    change_config(copy, sparton={"top_terms": 9})
    encoder = encoder_of(copy)
    assert encoder.pruning == Pruning(top_terms=9)
    assert [len(terms) for terms, _ in encoder.encode(TEXTS)] == [9] * len(TEXTS)


def test_a_text_is_cut_at_512_tokens_unless_asked_and_echo_leaves_room_for_both_copies(copy):
    long = " ".join(f"word{i % 150}" for i in range(900))
    assert encoder_of(copy).max_length == 512
    assert len(encoder_of(copy).tokenize([long]).ids) == 512
    assert len(encoder_of(copy, max_length=700).tokenize([long]).ids) == 700
    change_config(copy, sparton={"echo": True}, max_position_embeddings=600)
    encoder = encoder_of(copy)
    assert encoder.max_length == 300
    assert_same(dense(encoder, [long]), plain(copy, [long], copies=2, length=300))


@needs_sentence_transformers
@pytest.mark.parametrize("task", ["text-generation", "fill-mask"])
def test_a_decoder_under_splade_pooling(copy, tmp_path, task):
    """As SPLADE-Code's: the modules that sentence-transformers saves for a masked LM, and a decoder in them."""
    from support.saved_models import save, splade

    root = tmp_path / "saved"
    save(splade(save_masked_lm(tmp_path / "masked")), root, max_active_dims=11, prompts={"query": "search "})
    for path in root.glob("*"):
        if path.is_file() and (path.name in ("config.json", "vocab.txt") or path.suffix == ".safetensors"):
            path.unlink()
    shutil.copytree(copy, root, dirs_exist_ok=True)
    settings = {"transformer_task": task, "max_seq_length": 1_024}
    (root / "sentence_bert_config.json").write_text(json.dumps(settings))
    encoder = encoder_of(root)
    spec = encoder.settings.documents
    assert (spec.kind, spec.top_terms, spec.max_length) == ("causal_lm", 11, 512)  # 1,024 are all its positions
    expected = plain(copy, TEXTS)
    expected[expected < np.sort(expected, axis=1)[:, -11][:, None]] = 0
    np.testing.assert_allclose(dense(encoder, TEXTS), expected, rtol=1e-5, atol=1.6e-5)
    assert encoder.settings.for_queries.prompt == "search "
    (root / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": 256}))
    assert encoder_of(root).max_length == 256


def test_index_search_and_run_by_a_decoder(copy, bags, run_cli, tmp_path):
    topics = tmp_path / "topics.tsv"
    topics.write_text("q1\tred leather bag number 7\nq2\ttan bag\n")
    index, output = tmp_path / "index", tmp_path / "out.run"
    assert run_cli("index", bags, "--model", copy, "--index", index, "--top-terms", 30, "--device", "cpu").code == 0
    lines = run_cli("search", "tan bag", "--index", index, "--json", "-k", 5).stdout.splitlines()
    hits = [json.loads(line)["id"] for line in lines]
    assert run_cli("run", topics, "--index", index, "--output", output, "-k", 5).code == 0
    ranked = [line.split() for line in output.read_text().splitlines()]
    assert [line[2] for line in ranked if line[0] == "q2"] == hits

    texts = [f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(60)]
    documents = sparton.Encoder(str(copy), device="cpu", top_terms=30)
    weights = [documents.terms(text) for text in texts]
    query = sparton.Encoder(str(copy), device="cpu").terms("tan bag")
    scores = [sum(value * document.get(term, 0) for term, value in query.items()) for document in weights]
    assert [scores[int(hit[1:])] for hit in hits] == sorted(scores, reverse=True)[:5]


@pytest.fixture(scope="module")
def adapter(folder, tmp_path_factory):
    """A LoRA adapter over it as peft saves it, the base named by its absolute path."""
    return save_adapter(folder, tmp_path_factory.mktemp("decoders") / "adapter")


def adapted(folder):
    from peft import LoraConfig, get_peft_model

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(8)
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"]))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.2)
    return model.eval()


def save_adapter(folder, target):
    adapted(folder).save_pretrained(target)
    return target


@needs_peft
def test_an_adapter_gives_what_pefts_own_merged_model_gives(folder, adapter):
    merged = adapted(folder).merge_and_unload()
    expected = plain(folder, TEXTS, model=merged)
    assert np.abs(plain(folder, TEXTS) - expected).max() > 0.1
    assert_same(dense(encoder_of(adapter), TEXTS), expected)


@needs_peft
def test_an_adapter_beside_its_model_and_one_that_names_a_folder_from_its_own(folder, adapter, tmp_path):
    expected = dense(encoder_of(adapter), TEXTS)
    beside = shutil.copytree(folder, tmp_path / "beside")
    shutil.copytree(adapter, beside, dirs_exist_ok=True)
    assert_same(dense(encoder_of(beside), TEXTS), expected)
    shutil.copytree(folder, tmp_path / "base")
    named = shutil.copytree(adapter, tmp_path / "named")
    path = named / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "../base"}))
    assert_same(dense(encoder_of(named), TEXTS), expected)


@needs_peft
def test_the_digest_covers_adapter_and_base(folder, adapter, tmp_path):
    base = shutil.copytree(folder, tmp_path / "base")
    named = shutil.copytree(adapter, tmp_path / "named")
    path = named / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "../base"}))
    settings = encoder_of(named).settings
    before = find_model(str(named)).digest
    assert before == settings.documents.digest
    assert open_query_encoder(settings, 100).terms("tan bag") == encoder_of(named, scale=100).terms("tan bag")
    build("qwen3", seed=1).save_pretrained(base)
    assert find_model(str(named)).digest != before
    with pytest.raises(SpartonError, match="has changed since the index was made"):
        open_query_encoder(settings, 100)


@needs_peft
def test_what_a_trainer_leaves_beside_an_adapter_is_no_base(folder, adapter, tmp_path):
    trained = shutil.copytree(adapter, tmp_path / "trained")
    shutil.copy(folder / "config.json", trained)
    torch.save({"lr": 1e-5}, trained / "training_args.bin")
    assert_same(dense(encoder_of(trained), TEXTS), dense(encoder_of(adapter), TEXTS))


@needs_peft
@needs_sentence_transformers
def test_a_table_behind_an_adapter_is_covered_by_the_digest_too(tmp_path):
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file

    base = save_masked_lm(tmp_path / "base")
    save([*splade(base), static(base)], tmp_path / "model")
    model = tmp_path / "model"
    adapted = get_peft_model(AutoModelForMaskedLM.from_pretrained(base), LoraConfig(r=2, target_modules=["query"]))
    (model / "model.safetensors").unlink()
    (model / "config.json").unlink()
    adapted.save_pretrained(model)
    settings = encoder_of(model).settings
    assert open_query_encoder(settings, 100).terms("tan bag") == encoder_of(model, scale=100).terms("tan bag")
    path = model / "2_SparseStaticEmbedding" / "model.safetensors"
    save_file({"weight": load_file(path)["weight"] + 1}, path)
    with pytest.raises(SpartonError, match="has changed since the index was made"):
        open_query_encoder(settings, 100)


@needs_peft
def test_an_adapter_on_the_hub_and_its_base_there(folder, adapter, tmp_path, monkeypatch):
    """From the hub's cache, laid out as huggingface_hub lays it out, offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commits = {"adapted": "a" * 40, "base": "b" * 40}
    for name, commit in commits.items():
        repository = tmp_path / f"models--someone--{name}"
        shutil.copytree(adapter if name == "adapted" else folder, repository / "snapshots" / commit)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(commit)
    path = tmp_path / "models--someone--adapted" / "snapshots" / commits["adapted"] / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"base_model_name_or_path": "someone/base"}))
    encoder = encoder_of("someone/adapted")
    assert_same(dense(encoder, TEXTS), dense(encoder_of(adapter), TEXTS))
    settings = encoder.settings
    assert (settings.name, settings.revision) == ("someone/adapted", commits["adapted"])
    assert open_query_encoder(settings, SCALE).terms("tan bag") == encoder.terms("tan bag")

    # What lies on this machine is nothing that a repository may name, and what only an index names is not fetched.
    shutil.rmtree(tmp_path / "models--someone--base")
    with pytest.raises(SpartonError) as caught:
        open_query_encoder(settings, SCALE)
    assert str(caught.value) == (
        f"the adapter in {path.parent} changes the model 'someone/base', which is not in the local hub cache, and what "
        "only an index names is not fetched; pass model with where the adapter is, to fetch it"
    )
    path.write_text(json.dumps(config | {"base_model_name_or_path": str(folder)}))
    with pytest.raises(SpartonError, match="is neither a folder, nor in the local cache, nor found on the Hugging"):
        encoder_of("someone/adapted")


@needs_peft
def test_an_adapter_of_a_masked_lm(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForMaskedLM

    folder = save_masked_lm(tmp_path / "masked")
    model = get_peft_model(
        AutoModelForMaskedLM.from_pretrained(folder), LoraConfig(r=2, target_modules=["query", "value"])
    )
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.3)
    model.save_pretrained(tmp_path / "adapter")
    model.merge_and_unload().save_pretrained(tmp_path / "merged")
    shutil.copy(folder / "tokenizer.json", tmp_path / "merged")
    shutil.copy(folder / "tokenizer_config.json", tmp_path / "merged")
    found, expected = (dense(encoder_of(tmp_path / name), TEXTS) for name in ("adapter", "merged"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2.1e-5)
    assert np.abs(dense(encoder_of(folder), TEXTS) - expected).max() > 0.01


def fake_adapter(folder, **config):
    """Files of an adapter that are looked at before peft is."""
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def test_without_peft_an_adapter_is_refused(copy, monkeypatch):
    fake_adapter(copy)
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    refused(
        copy,
        "DIR holds an adapter (adapter_config.json), and merging it needs the package peft; install it with "
        "`pip install 'sparton[lora]'`",
    )


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "DIR/adapter_config.json sets base_model_name_or_path to None; expected the folder or the name of the "
             "model that the adapter was trained on"),
        ({"base_model_name_or_path": 5}, "DIR/adapter_config.json sets base_model_name_or_path to 5; expected the "
                                         "folder or the name of the model that the adapter was trained on"),
        ({"base_model_name_or_path": "."}, "DIR/adapter_config.json names the base model ., which is an adapter too; "
                                           "merge that with peft, and name the result there"),
        ({"base_model_name_or_path": ".."}, "DIR/adapter_config.json names the base model .., which has no "
                                            "config.json; name a whole one"),
        ({"base_model_name_or_path": "nobody/nothing"},
         "DIR/adapter_config.json names a base model that cannot be had: the model 'nobody/nothing' is neither a "
         "folder, nor in the local cache, nor found on the Hugging Face hub; "
         "check the name, the network and, for a private model, your token"),
        ({"peft_type": "IA3"}, "DIR/adapter_config.json is of the type 'IA3', and Sparton merges LORA; merge it with "
                               "peft and name the result"),
        ({"megatron_config": {"a": 1}}, "DIR/adapter_config.json is of the type LORA with megatron_config, and Sparton "
                                        "merges LORA; merge it with peft and name the result"),
    ],
)  # fmt: skip
def test_an_adapter_that_cannot_be_merged_is_one_sentence(tmp_path, config, sentence):
    alone = tmp_path / "alone"
    alone.mkdir()
    refused(fake_adapter(alone, **config), sentence)


def test_an_adapter_without_its_weights_is_one_sentence(copy):
    fake_adapter(copy)
    (copy / "adapter_model.safetensors").unlink()
    refused(
        copy,
        "DIR holds an adapter (adapter_config.json) without its weights; expected adapter_model.safetensors "
        "or adapter_model.bin",
    )


@needs_peft
@pytest.mark.parametrize("damage", ["rank", "name", "cut", "missing"])
def test_an_adapter_of_another_model_is_one_sentence(adapter, tmp_path, damage):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(adapter, tmp_path / "model")
    path, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    weights = load_file(path)
    first = sorted(weights)[0]
    if damage == "rank":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"r": 3}))
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        tensor = weights.pop(first)
        save_file(weights | ({first.replace("layers.0", "layers.9"): tensor} if damage == "name" else {}), path)
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu")
    said = str(caught.value)
    assert said.startswith(f"the adapter in {folder} cannot be merged into its base model: ")
    assert said.endswith("; see that its files are whole, and that the base is the model that it was trained on")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"is_causal": "no"}, "DIR/config.json sets is_causal to 'no'; expected true or false"),
        ({"sparton": [1]}, "DIR/config.json holds a list where an object was expected; save the model again"),
        ({"sparton": {"scale": 2}}, "DIR/config.json sets sparton.scale; Sparton knows logit_scale, echo, top_terms "
                                    "there"),
        ({"sparton": {"logit_scale": 0}}, "DIR/config.json sets sparton.logit_scale to 0; expected a number above 0"),
        ({"sparton": {"echo": 1}}, "DIR/config.json sets sparton.echo to 1; expected true or false"),
        ({"sparton": {"top_terms": 0}}, "DIR/config.json sets top_terms to 0; expected a number above 0, or null"),
    ],
)  # fmt: skip
def test_settings_of_other_types_are_one_sentence(copy, changes, sentence):
    change_config(copy, **changes)
    refused(copy, sentence)


def test_a_decoder_without_its_head_or_with_a_capped_head_and_a_scale_is_one_sentence(tmp_path):
    untied = save_decoder(tmp_path / "untied", "llama")
    AutoModelForCausalLM.from_pretrained(untied).model.save_pretrained(untied)
    change_config(untied, architectures=["LlamaForCausalLM"])
    refused(
        untied,
        "DIR lacks the weights lm_head.weight; Sparton needs a decoder with its LM head",
    )
    capped = save_decoder(tmp_path / "capped", "gemma2", changes={"sparton": {"logit_scale": 0.5}})
    refused(capped, "DIR caps its logits (final_logit_softcapping); logit_scale cannot be set for it")


FACTORS = {"short_factor": [1.0] * 8, "long_factor": [3.0] * 8}


@pytest.mark.parametrize(
    ("rope", "longest"),
    [({"rope_type": "longrope", "factor": 2.0, **FACTORS}, 48), ({"rope_type": "dynamic", "factor": 2.0}, 96)],
)
def test_rotary_positions_that_change_with_the_longest_text_of_a_batch(copy, rope, longest):
    """A long text beside a short one does not change it, and neither does one before it."""
    rope = {"rope_theta": 10_000.0, "original_max_position_embeddings": 48, **rope}
    change_config(copy, rope_parameters=rope, max_position_embeddings=96)
    texts = [*TEXTS, "black leather bag " * 40]
    expected = np.concatenate([plain(copy, [text], length=longest) for text in texts])
    if longest == 48:
        assert np.abs(plain(copy, texts[-1:], length=49) - expected[-1]).max() > 0.1  # which is rotated otherwise
    encoder = encoder_of(copy)
    for _ in range(2):
        assert_same(dense(encoder, texts), expected)
    with pytest.raises(UsageError) as caught:
        encoder_of(copy, max_length=longest + 1)
    assert str(caught.value) == f"max_length is {longest + 1} and the model {copy} takes at most {longest}"
