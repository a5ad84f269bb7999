"""Texts encoded alone have, to the bit, what the model itself gives, also where its operations were recorded."""

import numpy as np
import pytest
import torch
from support.architectures import save_tiny
from support.at_once import THREADS, at_once
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from sparton.errors import SpartonError
from sparton.pipeline.model.base import Runtime
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.padded import pad
from sparton.pipeline.model.placement import place
from sparton.pipeline.model.precision import cpu_multiplies_bfloat16, multiplies_int8
from sparton.pipeline.model.replay import SELDOM, OtherwiseError, Replay, record
from sparton.pipeline.model.spec import EncoderFiles
from sparton.pipeline.model.splade_model import SpladeModel, load_splade

RECORDED = ["albert", "bert", "distilbert", "electra", "esm", "modernbert", "nomic_bert", "roberta"]
ITSELF = ["deberta", "mpnet"]  # change tensors in place
CPU = torch.device("cpu")


def load(folder, dtype="float32"):
    return load_splade(EncoderFiles("masked_lm", folder), Runtime(device="cpu", dtype=dtype))


def texts(lengths, low=5, high=150):
    random = np.random.default_rng(0)
    return [random.integers(low, high, length).astype(np.int32) for length in lengths]


def assert_gives_what_the_model_gives(replay, lm, lengths=(5, 7, 3, 9, 16, 16, 16, 16, 2)):
    with torch.inference_mode():
        for tokens in texts(lengths):
            padded = pad([tokens], 0, 16)
            assert torch.equal(replay(padded), lm.hidden_states(padded.ids, padded.mask))


@pytest.mark.parametrize("name", [*RECORDED, *ITSELF])
def test_hidden_states_are_the_models(name, tmp_path):
    save_tiny(name, tmp_path)
    lm = load(tmp_path)._lm
    replay = Replay(lm.hidden_states, seldom=1)
    assert_gives_what_the_model_gives(replay, lm)
    assert sorted(replay.replayed()) == ([(16, False), (16, True)] if name in RECORDED else [])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(MODEL_FOR_MASKED_LM_MAPPING_NAMES) - {*RECORDED, *ITSELF}))
def test_hidden_states_of_every_architecture_are_the_models(name, tmp_path):
    save_tiny(name, tmp_path)
    try:
        lm = load(tmp_path)._lm
    except SpartonError:
        return  # test_architectures.py says of which
    assert_gives_what_the_model_gives(Replay(lm.hidden_states, seldom=1), lm)


def replayed(run, lengths=(5, 7, 3, 9, 4)):
    """Which shapes are, of a function that must give the same with and without."""
    replay = Replay(run, seldom=1)
    for tokens in texts(lengths):
        padded = pad([tokens], 0, 16)
        assert torch.equal(replay(padded), run(padded.ids, padded.mask))
    return replay.replayed()


TABLE = torch.arange(150.0)[:, None] * torch.tensor([1.0, 0.5])


def test_a_function_of_operations_alone_is_recorded():
    def run(ids, mask):
        first, second = TABLE[ids].split(8, dim=1)
        return torch.cat([second, first], dim=1) * mask[..., None]

    assert replayed(run) == [(16, True)]


@pytest.mark.parametrize(
    "run",
    [
        lambda ids, mask: TABLE[torch.tensor(ids.tolist())],
        lambda ids, mask: TABLE[torch.from_numpy(ids.numpy() + 0)],
        lambda ids, mask: TABLE[ids].mul_(mask[..., None]),
        lambda ids, mask: TABLE[ids[mask.bool()]][None],
        lambda ids, mask: TABLE[ids[:, : len(mask.nonzero())]],
    ],
    ids=["tolist", "numpy", "in place", "index by a mask", "nonzero"],
)
def test_what_a_list_of_operations_does_not_say_is_left_to_the_model(run):
    assert replayed(run) == []


def test_a_text_is_recorded_once_many_have_been():
    replay = Replay(lambda ids, mask: TABLE[ids], seldom=3)
    recorded = [bool(replay(pad([tokens], 0, 16)) is not None and replay.replayed()) for tokens in texts([5] * 6)]
    assert recorded == [False, False, False, False, True, True]


def test_a_function_that_goes_by_more_than_its_text_is_left_as_it_is():
    calls = []

    def run(ids, mask):
        calls.append(ids)
        return TABLE[ids] * len(calls)

    replay = Replay(run, seldom=1)
    found = [float(replay(pad([tokens], 0, 16))[0, 0, 0] / tokens[0]) for tokens in texts((5, 7, 3, 9, 4))]
    assert found == [1, 2, 3, 4, 5]
    assert replay.replayed() == []


def test_a_text_for_which_the_model_goes_another_way_goes_through_the_model():
    def run(ids, mask):
        return TABLE[ids] if bool(ids[0, 0] < 100) else -TABLE[ids]

    replay = Replay(run, seldom=1)
    for first in (7, 8, 9, 120, 10):
        padded = pad([np.array([first, 20], np.int32)], 0, 16)
        assert torch.equal(replay(padded), run(padded.ids, padded.mask))
    assert replay.replayed() == [(16, True)]


def test_a_recording_says_when_it_does_not_hold():
    ids, mask = torch.tensor([[7, 8]]), torch.ones(1, 2, dtype=torch.int64)
    recording, found = record(lambda ids, mask: TABLE[ids] * int(ids.max()), ids, mask)
    assert torch.equal(found, TABLE[ids] * 8)
    assert torch.equal(recording(torch.tensor([[8, 3]]), mask), TABLE[torch.tensor([[8, 3]])] * 8)
    with pytest.raises(OtherwiseError):
        recording(torch.tensor([[9, 3]]), mask)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_weights_of_short_texts_alone_are_those_in_a_batch(dtype):
    if dtype == "int8" and not multiplies_int8(CPU):
        pytest.skip("needs a CPU with AVX512-VNNI, AVX-VNNI or AMX")
    model = load(find_model("small").documents.folder, dtype)
    batch = texts((5, 11, 3, 16, 7, 16, 9, 1), low=1_000, high=30_000)
    with torch.inference_mode():
        expected = model.weights(batch, 16)
        for _ in range(SELDOM + 3):  # of which the first prepare what the others use
            for tokens, of_batch in zip(batch, expected, strict=True):
                assert torch.equal(model.weights([tokens], 16)[0], of_batch)
    assert (expected > 0).any(dim=1).all()
    assert sorted(model._replay.replayed()) == [(16, False), (16, True)]
    assert (model._reordered is not None) == (dtype == "bfloat16" and cpu_multiplies_bfloat16())


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A BERT with the terms of the embedded models, and so few layers that thousands of texts take seconds."""
    folder = tmp_path_factory.mktemp("bert")
    sizes = {"vocab_size": 30_522, "hidden_size": 128, "intermediate_size": 512, "max_position_embeddings": 64}
    model = save_tiny("bert", folder, **sizes)
    model.get_output_embeddings().bias -= 3  # a trained model gives a text few terms
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_threads_that_share_a_model_get_what_a_batch_gets(bert, dtype):
    """Some record, some try what others have recorded."""
    model = load(bert, dtype)
    batch = texts((5, 11, 3, 16, 7, 16, 9, 1, 20, 32), low=1_000, high=30_000)
    lengths = [16 if len(tokens) <= 16 else 32 for tokens in batch]
    with torch.inference_mode():
        expected = [model.weights([tokens, tokens], length)[0] for tokens, length in zip(batch, lengths, strict=True)]

    @torch.inference_mode()
    def act(seed):
        some = np.random.default_rng(seed).integers(len(batch), size=60).tolist()
        return [one for one in some if not torch.equal(model.weights([batch[one]], lengths[one])[0], expected[one])]

    assert at_once(act) == [[]] * THREADS
    assert model._replay.replayed()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "how",
    [
        {"pooling": "sum", "activation": "log1p_relu"},
        {"pooling": "max", "activation": "log1p_log1p_relu"},
        {"pooling": "max", "activation": "log1p_relu", "echo": True},
        {"pooling": "max", "activation": "log1p_relu", "head": "reference"},
    ],
    ids=lambda how: "-".join(map(str, how.values())),
)
def test_so_they_are_however_a_model_pools(bert, how, dtype):
    lm = load(bert, dtype)._lm
    model = SpladeModel(lm, place(Runtime(device="cpu", dtype=dtype)), **how)
    batch = texts((5, 11, 16), low=1_000, high=30_000)
    with torch.inference_mode():
        expected = model.weights(batch, 16)
        for _ in range(SELDOM + 3):
            for tokens, of_batch in zip(batch, expected, strict=True):
                assert torch.equal(model.weights([tokens], 16)[0], of_batch)
    assert model._replay.replayed()
