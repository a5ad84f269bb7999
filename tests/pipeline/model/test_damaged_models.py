"""Model folders as people have them: cut, mixed up, without a tokenizer, adapters. One sentence, or the right terms."""

import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from support.saved_models import save_masked_lm
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import sparton
from sparton.errors import SpartonError

NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000
NO_TOKENIZER = (
    "DIR has no tokenizer; expected tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model "
    "(*.model) beside the weights, so save the one that the model was trained with"
)
ADAPTER = "DIR/adapter_config.json is of the type None, and Sparton merges LORA; merge it with peft and name the result"
AS_LM = "DIR cannot be loaded as a masked language model: "
WITH_TOKENIZER = "DIR cannot be loaded with its tokenizer: "
REST = "; see that its files are whole, and of such a model"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A masked LM of two layers with 199 tokens."""
    return save_masked_lm(tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "model")


def refused(folder, sentence, rest=REST):
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(folder), device="cpu")
    found = str(caught.value).replace(str(folder), "DIR")
    assert "\n" not in found
    if sentence.endswith("…"):  # what another library says differs by its version
        assert found.startswith(sentence[:-1])
        assert found.endswith(rest)
    else:
        assert found == sentence


def change_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def not_json(name, why):
    return f"DIR/{name} is not JSON ({why}); put the file back as it was saved"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "DIR/NAME is not JSON (Expecting value: line 1 column 1 (char 0)); put the file back as it was saved"),
        ("[]", "DIR/NAME holds a list where an object was expected; save the model again"),
        ("[" * 100_000, "DIR/NAME is JSON nested too deeply; put the file back as it was saved"),
        (NESTED, "DIR/NAME is JSON nested too deeply; put the file back as it was saved"),
        ('{"a": 1', "DIR/NAME is not JSON (Expecting ',' delimiter: line 1 column 8 (char 7)); put the file back as it "
                    "was saved"),
    ],
    ids=["empty", "list", "deep list", "deep", "cut"],
)  # fmt: skip
def test_files_that_are_no_json_or_no_object_are_named(folder, name, content, sentence):
    (folder / name).write_text(content)
    refused(folder, sentence.replace("NAME", name))


def test_bytes_that_are_no_text_are_named(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    refused(
        folder,
        "DIR/config.json is not JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte); put the "
        "file back as it was saved",
    )


KERNEL = (
    "DIR/config.json asks for the attention 'someone/kernel', which transformers would fetch as code from the hub; "
    "remove the entry"
)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"hidden_size": "32"}, "DIR cannot be loaded …"),
        ({"max_position_embeddings": None}, "DIR cannot be loaded …"),
        ({"num_attention_heads": 0}, AS_LM + "ZeroDivisionError: integer modulo by zero" + REST),
        ({"hidden_act": "nope"}, AS_LM + "KeyError: 'nope'" + REST),
        ({"hidden_size": 33}, AS_LM + "The hidden size (33) is not a multiple of …"),
        ({"vocab_size": 100}, "DIR holds the weight bert.embeddings.word_embeddings.weight of shape 199×32, and its "
                              "config.json asks for 100×32; save both again from one model"),
        ({"max_position_embeddings": 10}, "DIR holds the weight bert.embeddings.position_embeddings.weight of shape "
                                          "96×32, and its config.json asks for 10×32; save both again from one model"),
        ({"model_type": "gpt2"}, AS_LM + "…"),
        ({"model_type": "clip"}, AS_LM + "…"),
        ({"model_type": "frobnicate"}, AS_LM + "…"),
        ({"model_type": 5}, "DIR cannot be loaded …"),
        ({"dtype": "nope"}, "DIR cannot be loaded …"),
        ({"vocab_size": 10**13}, AS_LM + "…"),
        ({"attn_implementation": "someone/kernel"}, KERNEL),
        ({"text_config": [{"_attn_implementation": "someone/kernel"}]}, KERNEL),
    ],
)  # fmt: skip
def test_a_configuration_of_another_model_is_one_sentence(folder, changed, sentence):
    change_json(folder / "config.json", lambda config: config.update(changed))
    refused(folder, sentence)


def test_a_folder_without_a_configuration_is_one_sentence(folder):
    (folder / "config.json").unlink()
    refused(
        folder, "the model DIR has no config.json, which says what its weights are; download or copy the model again"
    )


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99])
def test_weights_that_are_cut_are_one_sentence(folder, kept):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: int(len(content) * kept)])
    refused(
        folder,
        "DIR/model.safetensors cannot be read (Error while deserializing header: …",
        "; download or copy it again",
    )


def test_weights_of_other_names_and_a_broken_list_of_files_are_one_sentence(folder):
    save_file({"a": torch.zeros(2)}, folder / "model.safetensors", metadata={"format": "pt"})
    refused(
        folder,
        "DIR lacks the weights bert.embeddings.LayerNorm.bias, bert.embeddings.LayerNorm.weight, "
        "bert.embeddings.position_embeddings.weight …, which its config.json asks for, and has others, as a; save both "
        "again from one model",
    )
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": 5}')
    refused(folder, f"DIR/{index.name} has the weight_map 5; expected an object of {{weight: file}}")
    index.write_text('{"metadata": {}, "weight_map": {"a": "missing.safetensors"}}')
    refused(folder, f"DIR/{index.name} names 'missing.safetensors', which is missing; download or copy the model again")


def test_layers_that_the_configuration_lacks_are_not_left_out_in_silence(folder):
    change_json(folder / "config.json", lambda config: config.update(num_hidden_layers=1))
    refused(
        folder,
        "DIR holds the weights bert.encoder.layer.1.attention.output.LayerNorm.bias, "
        "bert.encoder.layer.1.attention.output.LayerNorm.weight, bert.encoder.layer.1.attention.output.dense.bias, … "
        "and 13 more, of layers that its config.json does not have; save both again from one model",
    )
    change_json(folder / "config.json", lambda config: config.update(num_hidden_layers=3))
    refused(
        folder,
        "DIR lacks the weights bert.encoder.layer.2.attention.output.LayerNorm.bias, "
        "bert.encoder.layer.2.attention.output.LayerNorm.weight, bert.encoder.layer.2.attention.output.dense.bias …, "
        "which its config.json asks for; save both again from one model",
    )


def test_weights_that_no_layer_lacks_may_be_there(folder, whole):
    weights = load_file(folder / "model.safetensors")
    others = ("bert.pooler.dense.weight", "cls.seq_relationship.weight", "classifier.0.weight", "layer.7.weight")
    weights |= {name: torch.zeros(2, 32) for name in others}
    weights["bert.embeddings.position_ids"] = torch.arange(96)[None]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    encoders = [sparton.Encoder(str(path), device="cpu") for path in (folder, whole)]
    assert encoders[0].terms("small black leather bag") == encoders[1].terms("small black leather bag") != {}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_names_behind_a_wrappers_are_told(folder, prefix):
    weights = load_file(folder / "model.safetensors")
    renamed = {prefix + name: tensor for name, tensor in weights.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    refused(
        folder,
        f"the names of all weights in DIR begin with {prefix!r}, as {min(renamed)}; save the state_dict of the model "
        "itself, whose names do not",
    )


def test_a_head_that_is_missing_is_told_as_the_head(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in weights.items() if not name.startswith("cls.predictions.transform")},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    refused(
        folder,
        "DIR lacks the weights cls.predictions.transform.LayerNorm.bias, cls.predictions.transform.LayerNorm.weight, "
        "cls.predictions.transform.dense.bias …; Sparton needs a model trained with its masked-LM head",
    )


def to_vocab_txt(folder, tokens):
    """A tokenizer of vocab.txt alone, of so many tokens."""
    names = transformers.AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(range(199))
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("".join(f"{name}\n" for name in names[:tokens]))


def test_a_vocabulary_that_is_cut_is_told(folder, whole, caplog):
    to_vocab_txt(folder, 199)
    expected = sparton.Encoder(str(whole), device="cpu").vocabulary
    assert sparton.Encoder(str(folder), device="cpu").vocabulary == expected
    names = (folder / "vocab.txt").read_text().splitlines()
    (folder / "vocab.txt").write_text("\n".join(names[:180]))
    assert sparton.Encoder(str(folder), device="cpu").vocabulary[179:181] == (expected[179], "[id 180]")
    assert caplog.messages == []
    (folder / "vocab.txt").write_text("\n".join(names[:150]))
    assert sparton.Encoder(str(folder), device="cpu").vocabulary[149:151] == (expected[149], "[id 150]")
    (told,) = caplog.messages
    assert told.replace(str(folder), "DIR") == (
        "the tokenizer in DIR has 150 tokens, and the model's embedding 199 rows, of which the others are called "
        "[id 150] and so on; see that its files are whole"
    )


@pytest.mark.parametrize("left", [(), ("tokenizer_config.json",)])
def test_a_model_without_a_tokenizer_is_refused_and_not_given_an_empty_one(folder, left):
    for path in folder.glob("tokenizer*"):
        if path.name not in left:
            path.unlink()
    refused(folder, NO_TOKENIZER)


def test_a_tokenizer_without_its_configuration_is_enough(folder, whole):
    (folder / "tokenizer_config.json").unlink()
    texts = ["small black leather bag"]
    expected = sparton.Encoder(str(whole), device="cpu").encode(texts)
    found = sparton.Encoder(str(folder), device="cpu").encode(texts)
    assert found.terms.tolist() == expected.terms.tolist()
    assert found.values.tolist() == expected.values.tolist()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tokenizer: tokenizer.pop("model"), WITH_TOKENIZER + "…"),
        (lambda tokenizer: tokenizer["model"].update(type="Nope"), WITH_TOKENIZER + "…"),
        (lambda tokenizer: tokenizer["model"].update(vocab={"a": -1}), WITH_TOKENIZER + "…"),
        (lambda tokenizer: tokenizer.clear(), WITH_TOKENIZER + "…"),
    ],
)
def test_a_tokenizer_that_is_none_is_one_sentence(folder, change, sentence):
    change_json(folder / "tokenizer.json", change)
    refused(folder, sentence)


@pytest.mark.parametrize("special", [True, False])
def test_added_tokens_beyond_the_embedding_are_refused(folder, special):
    token = {"id": 199, "content": "leather bag", "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": special}  # fmt: skip
    change_json(folder / "tokenizer.json", lambda tokenizer: tokenizer["added_tokens"].append(token))
    refused(
        folder,
        "the tokenizer in DIR gives 'leather bag' the id 199, and the model's embedding has 199 rows; save the "
        "tokenizer that the model was trained with, or one without what was added to it since",
    )


def test_ids_beyond_the_embedding_are_refused_where_others_are_missing(folder):
    change_json(folder / "tokenizer.json", lambda tokenizer: tokenizer["model"]["vocab"].update(black=10**6))
    refused(
        folder,
        "the tokenizer in DIR gives 'black' the id 1000000, and the model's embedding has 199 rows; save the "
        "tokenizer that the model was trained with, or one without what was added to it since",
    )


@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        ("long", "DIR sets model_max_length to 'long'; expected a number, so save the model again"),
        (True, "DIR sets model_max_length to True; expected a number, so save the model again"),
        (float("nan"), "DIR sets model_max_length to nan; expected a number, so save the model again"),
        (0, "DIR takes 0 tokens a text, by model_max_length in its tokenizer_config.json or max_position_embeddings in "
            "its config.json; expected at least 3"),
        (-1, "DIR takes -1 tokens a text, by model_max_length in its tokenizer_config.json or max_position_embeddings "
             "in its config.json; expected at least 3"),
    ],
)  # fmt: skip
def test_a_length_that_no_text_has_is_refused(folder, length, sentence):
    change_json(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=length))
    refused(folder, sentence)


def test_a_model_that_is_too_large_for_its_device_is_one_sentence(folder, monkeypatch):
    def full(self, *arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("transformers.PreTrainedModel.to", full)
    refused(
        folder, "the model in DIR does not fit into the free memory of cpu; free some, or choose another with device"
    )


def test_a_command_says_the_same_sentence(run_cli, folder, bags, tmp_path):
    (folder / "adapter_config.json").write_text("{}")
    ran = run_cli("index", bags, "--index", tmp_path / "new", "--model", folder)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == f"Error: {ADAPTER.replace('DIR', str(folder))}"
    assert not (tmp_path / "new").exists()


SMALL = {
    "vocab_size": 220,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}
KIN = {
    "roberta": (transformers.RobertaForMaskedLM, transformers.RobertaConfig, 64),
    "camembert": (transformers.CamembertForMaskedLM, transformers.CamembertConfig, 64),
    "xlm-roberta": (transformers.XLMRobertaForMaskedLM, transformers.XLMRobertaConfig, 64),
    "mpnet": (transformers.MPNetForMaskedLM, transformers.MPNetConfig, 64),
    "data2vec-text": (transformers.Data2VecTextForMaskedLM, transformers.Data2VecTextConfig, 64),
    "electra": (transformers.ElectraForMaskedLM, transformers.ElectraConfig, 66),
}


def save_kin(folder, name):
    """A model with 66 positions, and a tokenizer that says nothing of lengths."""
    model, config, _ = KIN[name]
    torch.manual_seed(3)
    model(config(**SMALL, max_position_embeddings=66)).save_pretrained(folder)
    special = {token: number for number, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])}
    words = {f"w{number}": len(special) + number for number in range(200)}
    tokenizer = Tokenizer(models.WordLevel(special | words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.mark.parametrize("name", KIN)
def test_texts_are_as_long_as_there_are_positions_for_tokens(tmp_path, name):
    """RoBERTa and its kin never use the positions up to the padding's."""
    folder, longest = save_kin(tmp_path / name, name), KIN[name][2]
    encoder = sparton.Encoder(str(folder), device="cpu", dtype="float32")
    assert encoder.max_length == longest
    texts = [" ".join(f"w{i}" for i in range(count)) for count in (longest - 2, longest + 40, 3)]
    found = encoder.encode(texts)
    assert encoder.tokenize(texts).lengths.tolist() == [longest, longest, 5]
    model = KIN[name][0].from_pretrained(folder).eval()
    for (terms, impacts), count in zip(found, (longest - 2, longest - 2, 3), strict=True):
        ids = torch.tensor([[0, *range(5, 5 + count), 2]])
        with torch.inference_mode():
            logits = model(ids, attention_mask=torch.ones_like(ids)).logits[0]
        weights = (100 * torch.log1p(logits.relu()).amax(dim=0)).round().int()
        assert (weights[torch.from_numpy(terms).long()] - torch.from_numpy(impacts)).abs().max() <= 1
        assert abs(int((weights > 0).sum()) - len(terms)) <= 2
    with pytest.raises(
        sparton.errors.UsageError, match=f"^max_length is {longest + 1} and the model .* at most {longest}$"
    ):
        sparton.Encoder(str(folder), device="cpu", max_length=longest + 1)


def test_a_model_whose_head_uses_the_output_embedding_itself_is_refused(tmp_path, monkeypatch):
    folder = save_kin(tmp_path / "model", "roberta")

    def forward(self, features, **kwargs):
        return features @ self.decoder.weight.t()

    monkeypatch.setattr(transformers.models.roberta.modeling_roberta.RobertaLMHead, "forward", forward)
    refused(
        folder,
        "DIR is a RobertaForMaskedLM, whose hidden states before the LM head cannot be had (AttributeError: "
        "'_Identity' object has no attribute 'weight'); Sparton needs a masked language model as BERT's, whose logits "
        "are hidden states times its output embedding",
    )


TABLE = [
    ("idf.json", "7", "DIR/idf.json is no table of {token: weight}, of {token id: weight} or of a weight for each "
                      "token id ('int' object has no attribute 'items'); save it again"),
    ("idf.json", '{"black": "heavy"}', "DIR/idf.json is no table of {token: weight}, of {token id: weight} or of a "
                                       "weight for each token id (could not convert string to float: 'heavy'); save it "
                                       "again"),
    ("tokenizer.json", "[]", "DIR/tokenizer.json holds a list where an object was expected; save the model again"),
    ("tokenizer.json", "{", "DIR/tokenizer.json is not JSON (Expecting property name enclosed in double quotes: line 1 "
                            "column 2 (char 1)); put the file back as it was saved"),
    ("tokenizer_config.json", '{"model_max_length": "long"}', "DIR/tokenizer_config.json sets model_max_length to "
                                                              "'long'; expected a number above 0"),
    ("tokenizer_config.json", '{"model_max_length": true}', "DIR/tokenizer_config.json sets model_max_length to True; "
                                                            "expected a number above 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "sentence"), TABLE)
def test_a_damaged_table_of_weights_is_one_sentence(folder, name, content, sentence):
    from sparton.pipeline.model.base import Runtime
    from sparton.pipeline.model.kinds import KINDS, read_encoder

    (folder / "idf.json").write_text(json.dumps({"black": 1.5}))
    (folder / name).write_text(content)
    files = read_encoder(folder, "query")
    assert files.kind == "static"
    with pytest.raises(SpartonError) as caught:
        KINDS[files.kind].load(files, Runtime())
    assert str(caught.value).replace(str(folder), "DIR") == sentence


def test_weights_that_are_no_numbers_are_named(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: weight * float("nan") for name, weight in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(SpartonError, match="the model gave a weight of nan"):
        sparton.Encoder(str(folder), device="cpu", dtype="float32").terms("black bag")


def test_a_model_that_gives_zeros_alone_is_told_from_a_corpus_without_text(folder, tmp_path, bags):
    weights = load_file(folder / "model.safetensors")
    weights["cls.predictions.bias"].fill_(-1e4)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SpartonError) as caught:
        sparton.build_index(bags, tmp_path / "index", model=str(folder), device="cpu", lucene=False)
    assert str(caught.value) == (
        "the model gives none of 60 texts a term (columns text); see that it is one of sparse vectors, and knows the "
        "language of the texts"
    )
