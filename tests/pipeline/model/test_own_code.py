"""Models that bring code written for transformers 4: what it computes when the model is made is made again."""

import numpy as np
import pytest
import torch
from support.own_code import AS_A_LIST, AS_A_MAPPING, save_own_code
from support.saved_models import TEXTS
from transformers import AutoModelForMaskedLM, AutoTokenizer

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.model.masked_lm import load_masked_lm
from sparton.pipeline.model.spec import EncoderFiles

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "own"
    return folder, save_own_code(folder, "MaskedLM")


def impacts(model, tokenizer, text):
    """{term: impact} by the plain model."""
    logits = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=96)).logits
    rounded = torch.round(torch.log1p(torch.relu(logits[0].amax(0))) * 100)
    return {tokenizer.convert_ids_to_tokens(i): int(rounded[i]) for i in torch.nonzero(rounded)[:, 0].tolist()}


@torch.inference_mode()
def test_transformers_alone_leaves_what_no_checkpoint_holds_without_content(saved):
    """What the mend is for; where this fails, transformers computes it again, and the mend may go."""
    folder, built = saved
    loaded = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True).eval()
    assert loaded.new.slope.is_meta
    for name, tensor in built.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    tables = [(model.new.rotary.cos_cached, model.new.rotary.sin_cached) for model in (built, loaded)]
    assert not all(torch.equal(*pair) for pair in zip(*tables, strict=True))


def loaded(folder):
    files = EncoderFiles("masked_lm", folder)
    types = {"dtype": torch.float32, "head_dtype": torch.float32}
    return load_masked_lm(files, device=torch.device("cpu"), trust_remote_code=True, **types)


@torch.inference_mode()
def test_all_tensors_are_those_of_the_model_as_its_code_builds_it(saved):
    folder, built = saved
    lm = loaded(folder)
    expected = dict(built.named_buffers())
    assert sorted(name.rpartition(".")[2] for name in expected) == [
        "cos_cached",
        "inv_freq",
        "position_ids",
        "sin_cached",
    ]
    for name, buffer in lm.backbone.named_buffers():
        assert buffer.dtype == expected[name].dtype
        assert torch.equal(buffer, expected[name]), name
    assert torch.equal(lm.backbone.new.slope, built.new.slope)
    ids = torch.arange(4, 44)[None]
    hidden = lm.hidden_states(ids, torch.ones_like(ids))
    assert torch.equal(hidden @ lm.weight.T + lm.bias, built(ids).logits)


@pytest.mark.parametrize("tied", [AS_A_MAPPING, AS_A_LIST], ids=["mapping", "list"])
@torch.inference_mode()
def test_impacts_are_those_of_the_model_as_its_code_builds_it(tmp_path, tied):
    built = save_own_code(tmp_path / "own", "MaskedLM", tied)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "own")
    encoder = sparton.Encoder(str(tmp_path / "own"), device="cpu", dtype="float32", trust_remote_code=True)
    for text in TEXTS:
        found, expected = encoder.terms(text), impacts(built, tokenizer, text)
        assert len(expected) > 20
        for term in found.keys() | expected.keys():
            assert abs(found.get(term, 0) - expected.get(term, 0)) <= 1
    assert len({tuple(encoder.terms(text)) for text in ("bag black", "black bag")}) == 2  # positions count


def test_loading_changes_no_draw_of_random_numbers(saved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    loaded(saved[0])
    np.testing.assert_array_equal(torch.rand(3), expected)


def test_a_buffer_that_is_computed_from_weights_is_refused(tmp_path):
    save_own_code(tmp_path / "own", "MaskedLM")
    path = tmp_path / "own" / "modeling.py"
    path.write_text(
        path.read_text().replace(
            "        self.slope = torch.tensor(1.5)\n",
            "        self.slope = torch.tensor(1.5)\n"
            '        self.register_buffer("mean", self.words.weight.mean(0), persistent=False)\n',
        )
    )
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(tmp_path / "own"), device="cpu", trust_remote_code=True)
    assert str(caught.value) == (
        f"{tmp_path / 'own'} computes new.mean from weights when it is made, and transformers 5 loads weights only "
        "afterwards; save the model with code written for transformers 5"
    )


def test_code_that_is_not_trusted_does_not_run(saved):
    with pytest.raises(SpartonError) as caught:
        sparton.Encoder(str(saved[0]), device="cpu")
    assert "trust_remote_code" in str(caught.value) or "custom code" in str(caught.value)
