"""sparton.fuse: a SparseEncoder that goes on as before, without logits."""

import copy
import pickle

import pytest
import torch
from support.saved_models import TEXTS, needs_sentence_transformers, save_masked_lm, splade, static, transformer
from torch import nn

import sparton

pytestmark = [pytest.mark.slow, needs_sentence_transformers]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("lm"))


def make(folder, **options):
    from sentence_transformers import SparseEncoder

    return SparseEncoder(modules=splade(folder, **options), device="cpu")


def weights(model, texts=TEXTS):
    return model.encode(texts, convert_to_sparse_tensor=False)


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def gradients(model):
    """Of a loss, by name."""
    model.zero_grad()
    features = model.preprocess(TEXTS)
    model(features)["sentence_embedding"].square().sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
def test_fused_models_give_the_same_weights_and_gradients(folder, activation):
    plain = make(folder, activation=activation)
    fused = sparton.fuse(copy.deepcopy(plain))
    torch.testing.assert_close(weights(fused), weights(plain), atol=1e-5, rtol=0)
    for model in (plain, fused):
        without_dropout(model).train()
    torch.testing.assert_close(gradients(fused), gradients(plain), atol=1e-4, rtol=1e-4)
    assert fused.get_embedding_dimension() == plain.get_embedding_dimension()


def test_no_logits_are_there(folder):
    fused = sparton.fuse(make(folder))
    features = fused.preprocess(TEXTS)
    largest = []

    def look(module, _, output):
        tensors = output.values() if isinstance(output, dict) else [output]
        largest.extend(t.numel() for t in tensors if isinstance(t, torch.Tensor))

    for module in fused.modules():
        module.register_forward_hook(look)
    fused(features)
    tokens, vocabulary = features["input_ids"].numel(), fused.get_embedding_dimension()
    assert max(largest) < tokens * vocabulary / 2


def test_state_and_files_are_those_of_the_plain_model(folder, tmp_path):
    from sentence_transformers import SparseEncoder

    plain = make(folder)
    fused = sparton.fuse(copy.deepcopy(plain))
    assert list(fused.state_dict()) == list(plain.state_dict())
    fused.load_state_dict(plain.state_dict())
    for name, model in (("plain", plain), ("fused", fused)):
        # The tokenizer's file says how it was last used, and the pooling's how many terms it has seen.
        weights(model)
        model.save(str(tmp_path / name), create_model_card=False)
    files = [
        {str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in ("plain", "fused")
    ]
    assert files[0].keys() == files[1].keys()
    assert [name for name in files[0] if files[0][name] != files[1][name]] == []
    again = SparseEncoder(str(tmp_path / "fused"), device="cpu")
    assert not any(type(module).__module__.startswith("sparton") for module in again.modules())
    torch.testing.assert_close(weights(again), weights(plain), atol=1e-6, rtol=0)


def test_the_output_embedding_stays_tied(folder):
    fused = sparton.fuse(make(folder))
    masked_lm = fused[0].model
    assert masked_lm.get_output_embeddings().weight is masked_lm.get_input_embeddings().weight


def test_copies_use_their_own_weights(folder):
    fused = sparton.fuse(make(folder))
    expected = weights(fused)
    for other in (copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))):
        other[0].model.get_output_embeddings().weight.data.zero_()
        other[0].model.get_output_embeddings().bias.data.zero_()
        assert not weights(other).any()
    assert torch.equal(weights(fused), expected)


def test_fusing_twice_is_fusing_once(folder):
    fused = sparton.fuse(make(folder))
    expected = weights(fused)
    assert torch.equal(weights(sparton.fuse(fused)), expected)
    assert len(fused[0]._forward_hooks) == 1


def test_training_mode_stays(folder):
    model = make(folder)
    model.train()
    model[0].model.cls.eval()
    sparton.fuse(model)
    assert model[0].model.bert.training
    assert not model[0].model.cls.training


def test_documents_behind_a_router_are_fused(folder):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router

    def make_router():
        router = Router.for_query_document(query_modules=[static(folder)], document_modules=splade(folder))
        return SparseEncoder(modules=[router], device="cpu")

    plain, fused = make_router(), sparton.fuse(make_router())
    for name in ("encode_query", "encode_document"):
        expected = getattr(plain, name)(TEXTS, convert_to_sparse_tensor=False)
        found = getattr(fused, name)(TEXTS, convert_to_sparse_tensor=False)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def refusal(model):
    with pytest.raises(sparton.SpartonError) as caught:
        sparton.fuse(model)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_fused_is_refused(folder):
    from sentence_transformers import SparseEncoder

    summed = make(folder, pooling="sum")
    expected = weights(summed)
    assert "pooling_strategy 'sum'" in refusal(summed)
    assert torch.equal(weights(summed), expected)
    assert "has no Transformer" in refusal(SparseEncoder(modules=[static(folder)], device="cpu"))
    assert "has no Transformer" in refusal(nn.Sequential(transformer(folder)))


def test_more_than_an_output_embedding_is_refused_and_nothing_changed(folder):
    model = make(folder)
    head = model[0].model.cls.predictions
    plain = type(head).forward
    head.forward = lambda hidden: plain(head, hidden) * 0.5
    expected = weights(model)
    assert "does more to its logits" in refusal(model)
    assert torch.equal(weights(model), expected)


def test_another_output_embedding_is_refused(folder):
    class Other(nn.Linear):
        pass

    model = make(folder)
    model[0].model.get_output_embeddings().__class__ = Other
    assert "is a Other; expected a torch.nn.Linear" in refusal(model)


def test_their_trainer_trains_fused_models(folder, tmp_path):
    """The same losses as with the plain model, step by step, best checkpoint loaded at the end."""
    pytest.importorskip("accelerate")
    from datasets import Dataset
    from sentence_transformers import SparseEncoder, SparseEncoderTrainer, SparseEncoderTrainingArguments
    from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss

    data = Dataset.from_dict({"anchor": TEXTS * 4, "positive": TEXTS[::-1] * 4})
    losses, models = [], []
    for fused in (False, True):
        model = without_dropout(make(folder))
        if fused:
            sparton.fuse(model)
        loss = SpladeLoss(
            model,
            SparseMultipleNegativesRankingLoss(model),
            document_regularizer_weight=1e-3,
            query_regularizer_weight=1e-3,
        )
        arguments = SparseEncoderTrainingArguments(
            output_dir=str(tmp_path / str(fused)),
            max_steps=6,
            per_device_train_batch_size=5,
            learning_rate=1e-3,
            logging_steps=1,
            report_to="none",
            use_cpu=True,
            save_strategy="steps",
            save_steps=3,
            eval_strategy="steps",
            eval_steps=3,
            load_best_model_at_end=True,
            seed=1,
            gradient_checkpointing=fused,
        )
        trainer = SparseEncoderTrainer(model, arguments, train_dataset=data, eval_dataset=data, loss=loss)
        trainer.train()
        losses.append([row["loss"] for row in trainer.state.log_history if "loss" in row])
        models.append(model)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[1][-1] < losses[1][0]
    torch.testing.assert_close(weights(models[1]), weights(models[0]), atol=5e-3, rtol=1e-2)
    reloaded = SparseEncoder(str(tmp_path / "True" / "checkpoint-6"), device="cpu")
    assert reloaded.get_embedding_dimension() == models[1].get_embedding_dimension()
