"""Texts to impacts with the default model."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import sparton
from sparton.errors import UsageError
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.open_model import open_documents
from sparton.pipeline.options import EncoderOptions
from sparton.pipeline.progress import Progress


@pytest.fixture(scope="module")
def texts(small_catalog):
    table = pq.read_table(small_catalog)
    descriptions = table["description"].to_pylist()
    return [*table["title"].to_pylist()[:10], *descriptions[:10], " ".join(descriptions[:30]), "bag", ""]


def dense(impacts, encoder):
    table = np.zeros((len(impacts), len(encoder.vocabulary)), dtype=np.int64)
    for row, (terms, values) in enumerate(impacts):
        table[row, terms] = values
    return table


def assert_same_up_to_rounding(found, expected):
    assert np.abs(found - expected).max() <= 1
    # A different rounding of the float may tip an impact over a half, but seldom.
    assert (found != expected).sum() <= max(3, 0.001 * (expected > 0).sum())


@pytest.mark.slow
def test_impacts_are_those_of_the_plain_model(texts):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = find_model("small").documents.folder
    encoder = sparton.Encoder(str(folder), device="cpu", dtype="float32")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()
    expected = np.zeros((len(texts), len(encoder.vocabulary)), dtype=np.int64)
    with torch.inference_mode():
        for row, text in enumerate(texts):
            if not text:
                continue  # the plain model makes up terms for no text at all
            logits = model(**tokenizer(text, truncation=True, max_length=256, return_tensors="pt")).logits
            weights = torch.log1p(torch.relu(logits[0].amax(dim=0)))
            expected[row] = torch.round(weights * 100).numpy()
    assert (expected > 0).sum() > 500
    assert_same_up_to_rounding(dense(encoder.encode(texts), encoder), expected)


def test_a_text_by_itself_is_one_text_and_impacts_know_their_terms(encoder):
    impacts = encoder.encode("small black bag")
    assert len(impacts) == 1
    assert impacts.to_dicts() == [encoder.terms("small black bag")]
    assert encoder.encode_alone(["small black bag"]).to_dicts() == impacts.to_dicts()
    assert impacts.to_scipy().shape == (1, len(encoder.vocabulary))
    assert impacts.to_scipy().toarray().tolist() == dense(impacts, encoder).tolist()
    assert impacts.to_torch().to_dense().tolist() == dense(impacts, encoder).tolist()


def test_an_encoder_is_shown_on_one_line(encoder):
    assert repr(encoder) == "<Encoder small on cpu: 30,522 terms>"


@pytest.mark.slow
@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_the_batch_size_does_not_change_the_vectors(encoder, texts, batch_tokens):
    other = sparton.Encoder(device="cpu", batch_tokens=batch_tokens)
    assert_same_up_to_rounding(dense(other.encode(texts), encoder), dense(encoder.encode(texts), encoder))


@pytest.mark.slow
def test_the_order_of_the_texts_does_not_change_the_vectors(encoder, texts):
    backwards = dense(encoder.encode(texts[::-1]), encoder)[::-1]
    assert_same_up_to_rounding(backwards, dense(encoder.encode(texts), encoder))


@pytest.mark.slow
def test_the_same_call_gives_the_same_impacts(encoder, texts):
    first, again = encoder.encode(texts), encoder.encode(texts)
    np.testing.assert_array_equal(first.terms, again.terms)
    np.testing.assert_array_equal(first.values, again.values)


@pytest.mark.slow
def test_top_terms_keeps_the_heaviest(encoder, texts):
    few = dense(sparton.Encoder(device="cpu", top_terms=8).encode(texts), encoder)
    every = dense(encoder.encode(texts), encoder)
    for kept, row in zip(few, every, strict=True):
        assert (kept > 0).sum() == min(8, (row > 0).sum())
        assert sorted(kept[kept > 0]) == sorted(sorted(row[row > 0])[-8:])


def test_the_scale_scales(encoder):
    coarse = sparton.Encoder(device="cpu", scale=10).terms("black leather bag")
    fine = encoder.terms("black leather bag")
    assert coarse
    assert all(abs(impact - fine[term] / 10) <= 0.56 for term, impact in coarse.items())


def test_texts_above_the_maximum_length_are_cut_and_counted(texts):
    short = sparton.Encoder(device="cpu", max_length=8)
    tokens = short.tokenize(["bag", "one two three four five six", "one two three four five six seven eight nine"])
    assert tokens.lengths.tolist() == [3, 8, 8]
    assert tokens.truncated == 1
    assert len(tokens.ids) == 19


def test_every_batch_is_reported(encoder, texts):
    heard, tokens = [], encoder.tokenize(texts)
    list(encoder.encode_stream([tokens], Progress(lambda work: heard.append((work.rows, work.tokens)))))
    assert heard[-1] == (len(texts), len(tokens.ids))
    assert len(heard) > 2
    assert heard == sorted(heard)


class Scarce:
    """A SparseModel whose memory is too small for more than `most` texts. sizes: of the batches that fitted."""

    def __init__(self, model, most):
        self._model, self._most, self.sizes = model, most, []

    def __getattr__(self, name):
        return getattr(self._model, name)

    def weights(self, batch, length=None):
        if len(batch) > self._most:
            raise torch.OutOfMemoryError
        self.sizes.append(len(batch))
        return self._model.weights(batch, length)


@pytest.fixture(scope="module")
def opened():
    return open_documents(EncoderOptions(model=str(find_model("small").documents.folder), device="cpu"))


@pytest.mark.slow
def test_too_little_memory_splits_batches_and_goes_on(texts, opened, caplog):
    model = Scarce(opened.model, 3)
    whole, small = sparton.Encoder(opened), sparton.Encoder(replace(opened, model=model))
    progress = Progress()
    (impacts,) = small.encode_stream([small.tokenize(texts)], progress)
    np.testing.assert_allclose(dense(impacts, whole), dense(whole.encode(texts), whole), atol=1)
    assert progress.work.rows == len(texts)
    assert max(model.sizes) <= 3
    assert small.batch_tokens < whole.batch_tokens
    assert "ran out of memory; batches now have" in caplog.text


def test_one_text_that_does_not_fit_is_a_sentence(opened):
    small = sparton.Encoder(replace(opened, model=Scarce(opened.model, 0)))
    with pytest.raises(sparton.SpartonError, match="cpu ran out of memory with one text of 4 tokens; lower"):
        small.encode(["bag", "black bag"])


class Counting:
    """A SparseModel without a network: a term weighs as often as it stands in a text. batches: lengths of its texts."""

    def __init__(self, model, packs):
        self.tokenization, self.vocabulary = model.tokenization, model.vocabulary
        self.device, self.dtype, self.packs, self.batches = torch.device("cpu"), "float32", packs, []

    def weights(self, batch, length=None):
        self.batches.append([len(text) for text in batch])
        return torch.stack([torch.from_numpy(text).bincount(minlength=len(self.vocabulary)).float() for text in batch])


@pytest.mark.parametrize(
    ("packs", "batches"),
    [(True, [[3, 6], [4, 5], [11], [3]]), (False, [[11], [6], [5, 4], [3, 3]])],
)
def test_texts_are_put_into_batches_as_the_model_takes_them(opened, packs, batches):
    """One that packs gets texts in order, so many as the budget has tokens; another those of like length together."""
    model = Counting(opened.model, packs)
    encoder = sparton.Encoder(replace(opened, model=model), scale=10, batch_tokens=10)
    texts = ["bag", "red bag and bag", "", "black bag", "tan black bag", "red " * 9, "bag"]
    impacts = encoder.encode(texts)
    assert model.batches == batches
    for text, (terms, values) in zip(texts, impacts, strict=True):
        words = text.split()
        found = {encoder.vocabulary[term]: value for term, value in zip(terms, values, strict=True)}
        expected = {word: 10 * words.count(word) for word in words} | {"[CLS]": 10, "[SEP]": 10}
        assert found == (expected if text else {})
    assert encoder.terms("red bag red") == {"red": 20, "[CLS]": 10, "[SEP]": 10, "bag": 10}


@pytest.mark.slow
def test_shards_come_one_by_one_as_they_would_alone(encoder, texts):
    shards = [encoder.tokenize(part) for part in (texts[:7], [], texts[7:9], ["\u200b"], texts[9:])]
    for found, tokens in zip(encoder.encode_stream(shards), shards, strict=True):
        alone = encoder.encode_tokens(tokens)
        np.testing.assert_array_equal(found.offsets, alone.offsets)
        np.testing.assert_array_equal(found.values, alone.values)


def test_no_text_gives_no_row(encoder):
    assert len(encoder.encode([])) == 0


def test_a_query_is_its_terms_heaviest_first(encoder):
    terms = encoder.terms("black leather bag")
    assert {"black", "leather", "bag"} <= set(terms)
    assert list(terms.items()) == sorted(terms.items(), key=lambda item: (-item[1], encoder.vocabulary.index(item[0])))


@pytest.mark.parametrize("query", ["", "  \n", "\u200b", "亞亟", "[SEP] [PAD]"])
def test_a_query_without_a_known_token_has_no_terms(encoder, query):
    assert encoder.terms(query) == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype": "int7"}, "dtype is 'int7'; expected auto, float32, bfloat16, float16, float8 or int8"),
        ({"scale": -1}, "scale is -1; expected above 0 and at most 1,000,000"),
        ({"max_length": 2}, "max_length is 2; expected at least 3"),
        ({"max_length": 257}, "max_length is 257 and the model small takes at most 256"),
        ({"top_terms": 0}, "top_terms is 0; expected at least 1"),
        ({"batch_tokens": 0}, "batch_tokens is 0; expected at least 1"),
        ({"device": "abacus"}, "device is 'abacus'; expected auto, cpu, cuda or one GPU, as in cuda:1"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, sentence):
    with pytest.raises(UsageError) as caught:
        sparton.Encoder(**options)
    assert str(caught.value) == sentence


def test_a_text_of_no_known_token_has_no_terms(encoder):
    impacts = encoder.encode(["bag", "\u200b", "", "\U0001f45c", "black"])
    assert [len(terms) > 0 for terms, _ in impacts] == [True, False, False, False, True]


def test_a_query_that_is_not_utf8_is_answered(encoder):
    assert "bag" in encoder.terms("black bag caf\udce9")


def test_a_cut_off_weights_file_is_a_sentence(tmp_path):
    folder = find_model("small").documents.folder
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1_000_000])
    with pytest.raises(sparton.SpartonError, match="safetensors cannot be read "):
        sparton.Encoder(str(tmp_path), device="cpu")


def test_another_configuration_is_another_model(tmp_path):
    folder = find_model("small").documents.folder
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    before = find_model(str(tmp_path)).digest
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text().replace("1e-12", "1e-02"))
    assert find_model(str(tmp_path)).digest != before
