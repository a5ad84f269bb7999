"""A text's own words weigh more the more often they stand there, and no less than BM25 has them weigh, as the model's
folder says."""

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from support.architectures import save_tiny
from support.decoders import change_config, save_decoder
from support.lexical import bm25_part, copied, declare, frequency_factor
from support.saved_models import SPECIAL, TEXTS, WORDS, save_masked_lm
from support.triton_devices import on_gpu
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoTokenizer

import sparton
from sparton.pipeline.encoding.own_words import OwnWords, counted
from sparton.pipeline.model.lexical import WordForms
from sparton.pipeline.model.open_model import open_documents
from sparton.pipeline.options import EncoderOptions
from sparton.pipeline.tokens.stems import Stems
from sparton.storage.manifest import load_manifest

SCALE = 100_000
STRENGTH = 0.25
REPEATED = [
    *TEXTS,
    "black black black bag bag",
    "[SEP] bag [SEP] [MASK] bag [SEP] [UNK] zzz zzz",
    "red " * 40,
    " ".join(["tan", *["word1"] * 3, *["clutch"] * 200]),
    " ".join(random.Random(4).choices(WORDS[:20], k=70)),
]
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, on_gpu])]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def counting(plain):
    return copied(plain, plain.with_name("counting"), term_frequency=STRENGTH)


def open_encoder(folder, **options):
    return sparton.Encoder(str(folder), **{"device": "cpu", "dtype": "float32", "scale": SCALE} | options)


def dense(impacts, size):
    rows = np.zeros((len(impacts), size))
    for row, (terms, values) in zip(rows, impacts, strict=True):
        row[terms] = values
    return rows


def factors(folder, texts, length, size=None):
    """Of each text and each term, with tokens by transformers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = np.ones((len(texts), size or len(tokenizer)))
    for row, text in zip(rows, texts, strict=True):
        for token, times in Counter(tokenizer(text, truncation=True, max_length=length).input_ids).items():
            row[token] = frequency_factor(times, STRENGTH)
    return rows


def assert_counted(found, plain, expected):
    """Impacts are those without counts times the factors, up to the rounding of both."""
    assert (np.abs(found - plain * expected) <= 1 + 1e-5 * found).all()
    # Of terms that the factor does not concern, no other weight is computed.
    assert (found[expected == 1] == plain[expected == 1]).all()
    assert ((expected > 1) & (plain > 0)).sum() > 10


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [96, 32])
def test_impacts_are_those_of_the_model_times_the_factor(plain, counting, device, length):
    options = {"device": device, "max_length": length}
    ours, without = open_encoder(counting, **options), open_encoder(plain, **options)
    expected = factors(plain, REPEATED, length)
    size = expected.shape[1]
    # What is beyond the length that texts are cut at counts for nothing.
    red = expected[REPEATED.index("red " * 40)]
    assert red[red > 1].tolist() == [frequency_factor(min(40, length - 2), STRENGTH)]
    for encode in ("encode", "encode_alone"):
        found, base = (dense(getattr(one, encode)(REPEATED), size) for one in (ours, without))
        assert_counted(found, base, expected)
        special = [SPECIAL.index(token) for token in ("[CLS]", "[PAD]")]
        assert (found[:, special] == base[:, special]).all()


@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_a_batch_is_as_a_text_alone(counting, batch_tokens):
    encoder = open_encoder(counting, scale=1000, batch_tokens=batch_tokens)
    together = dense(encoder.encode(REPEATED), len(encoder.vocabulary))
    for row, text in zip(together, REPEATED, strict=True):
        alone = dense(encoder.encode_alone([text]), len(encoder.vocabulary))[0]
        assert np.abs(row - alone).max() <= 1
        assert encoder.terms(text) == {encoder.vocabulary[term]: alone[term] for term in np.flatnonzero(alone)}


@pytest.mark.parametrize("name", ["bert", "roberta", "modernbert"])
def test_other_architectures_count_the_same(name, tmp_path):
    save_tiny(name, tmp_path / "plain")
    compare(tmp_path, ["a a a w1 w2 w2", "w1", "w5 w6 w5 w6 w5 , , ."])


@pytest.mark.parametrize("echo", [False, True])
def test_a_decoder_counts_a_text_once_although_it_reads_it_twice(echo, tmp_path):
    save_decoder(tmp_path / "plain")
    change_config(tmp_path / "plain", sparton={"echo": echo})
    compare(tmp_path, ["black bag black bag", "bag", "small , small , leather bag bag bag"])


def compare(folder, texts):
    counting = copied(folder / "plain", folder / "counting", term_frequency=STRENGTH)
    encoders = [open_encoder(one, max_length=60) for one in (counting, folder / "plain")]
    found, base = (dense(encoder.encode(texts), len(encoder.vocabulary)) for encoder in encoders)
    expected = factors(folder / "plain", texts, 60, found.shape[1])
    assert np.abs(found - base * expected).max() <= 2
    assert (found > base).sum() >= 2


@pytest.mark.parametrize("device", DEVICES)
def test_weights_of_repeated_tokens_alone_are_multiplied(device):
    chance = np.random.default_rng(2)
    batch = [chance.integers(0, 40, length).astype(np.int32) for length in (1, 90, 7, 300, 2)]
    before = torch.from_numpy(chance.random((5, 50), np.float32))
    weights = before.to(device, copy=True)
    counting = OwnWords(0.4, 0.0, 1.0, None, 50)
    counting.apply(weights, batch)
    expected = before.clone()
    for row, tokens in zip(expected, batch, strict=True):
        for token, times in Counter(tokens.tolist()).items():
            row[token] *= torch.tensor(frequency_factor(times, 0.4), dtype=torch.float32)
    assert torch.equal(weights.cpu(), expected)
    assert (expected != before).sum() > 40
    # Also of weights that do not lie row by row.
    columns = before.T.contiguous().to(device).T
    counting.apply(columns, batch)
    assert torch.equal(columns.cpu(), expected)


def test_a_batch_with_more_weights_than_32_bits_number():
    size = 200_003
    batch = [np.array([size - 1, 3, size - 1], np.int32), np.array([size - 1, size - 1, 0], np.int32)] * 6_000
    lengths = np.full(len(batch), 3)
    rows, found, times = counted(np.concatenate(batch), lengths, np.arange(size, dtype=np.int32), 2)
    assert len(batch) * size > 2**31
    assert rows.tolist() == list(range(len(batch)))
    assert set(found.tolist()) == {size - 1}
    assert set(times.tolist()) == {2}


LEAST, MEAN_LENGTH = 1.25, 12.5
FORMS = {"bag": ("bag", "clutch", "word1"), "tan": ("tan", "red")}  # of one word each
NO_WORDS = [*SPECIAL, "black"]


def word_numbers():
    """int32 [V] for the models here: the first of FORMS in order of id stands for all, and NO_WORDS for none."""
    vocabulary = [*SPECIAL, *WORDS]
    numbers = np.arange(len(vocabulary), dtype=np.int32)
    for forms in FORMS.values():
        ids = sorted(map(vocabulary.index, forms))
        numbers[ids] = ids[0]
    numbers[[vocabulary.index(token) for token in NO_WORDS]] = -1
    return numbers


@pytest.fixture(scope="module")
def lexical(plain):
    folder = copied(
        plain,
        plain.with_name("lexical"),
        **{"term_frequency": STRENGTH, "own_words": LEAST, "mean_length": MEAN_LENGTH, "words": "words.safetensors"},
    )
    save_file({"word": word_numbers()}, folder / "words.safetensors")
    return folder


def expected_weights(folder, texts, length, base):
    """float64 [N, V]: what the weights `base` become, with tokens by transformers, a token at a time."""
    tokenizer, numbers = AutoTokenizer.from_pretrained(folder), word_numbers()
    rows = base.copy()
    for row, text in zip(rows, texts, strict=True):
        ids = tokenizer(text, truncation=True, max_length=length).input_ids
        tokens = sum(token not in tokenizer.all_special_ids for token in ids)
        for token in range(len(numbers)):
            times = sum(numbers[one] == numbers[token] for one in ids) if numbers[token] >= 0 else 0
            if times:
                least = LEAST * bm25_part(times, tokens, MEAN_LENGTH)
                row[token] = max(row[token] * frequency_factor(times, STRENGTH), least)
    return rows


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [96, 32])
def test_own_words_and_their_forms_weigh_what_bm25_says_at_least(plain, lexical, device, length):
    options = {"device": device, "max_length": length}
    ours, without = open_encoder(lexical, **options), open_encoder(plain, **options)
    for encode in ("encode", "encode_alone"):
        found, base = (dense(getattr(one, encode)(REPEATED), len(ours.vocabulary)) for one in (ours, without))
        expected = expected_weights(plain, REPEATED, length, base / SCALE) * SCALE
        assert (np.abs(found - expected) <= 1 + 1e-5 * found).all()
        raised = (expected > 1.5 * base + 1).any(axis=0)
        names = {term for term, changed in zip(ours.vocabulary, raised, strict=True) if changed}
        assert {"bag", "clutch"} <= names, "a form that no text has is raised with the one that it has"
        assert not names & set(NO_WORDS)


@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_own_words_of_a_batch_are_as_of_a_text_alone(lexical, batch_tokens):
    encoder = open_encoder(lexical, scale=1000, batch_tokens=batch_tokens)
    together = dense(encoder.encode(REPEATED), len(encoder.vocabulary))
    for row, text in zip(together, REPEATED, strict=True):
        assert np.abs(row - dense(encoder.encode_alone([text]), len(encoder.vocabulary))[0]).max() <= 1


def kept_beside_own_words(weights, own, most):
    """A row of weights without what is none of the own words, but the heaviest of that."""
    others = sorted(weights[~own], reverse=True)
    least = others[most - 1] if most <= len(others) else 0
    return np.where(own | (weights >= least), weights, 0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("expansion", [1, 7, 500])
def test_of_other_terms_a_text_keeps_the_heaviest(plain, tmp_path, device, expansion):
    entries = {"own_words": LEAST, "mean_length": MEAN_LENGTH, "words": "words.safetensors"}
    folders = [copied(plain, tmp_path / "all", **entries)]
    folders.append(copied(plain, tmp_path / "few", **entries, expansion=expansion))
    for folder in folders:
        save_file({"word": word_numbers()}, folder / "words.safetensors")
    tokenizer = AutoTokenizer.from_pretrained(plain)
    every, few = (open_encoder(folder, device=device) for folder in folders)
    size, left_out = len(every.vocabulary), 0
    for text, all_weights in zip(REPEATED, dense(every.encode(REPEATED), size), strict=True):
        ids = tokenizer(text, truncation=True, max_length=96).input_ids
        own = np.isin(word_numbers(), [number for number in word_numbers()[ids] if number >= 0])
        tokens = sum(token not in tokenizer.all_special_ids for token in ids)
        expected = kept_beside_own_words(all_weights, own, tokens + expansion)
        for found in (few.encode([text]), few.encode_alone([text])):
            assert np.abs(dense(found, size)[0] - expected).max() <= 1 + 1e-5 * all_weights.max()
        left_out += (all_weights > 0).sum() - (expected > 0).sum()
        assert ((expected > 0) & own).sum() == ((all_weights > 0) & own).sum()
    assert (left_out == 0) == (expansion == 500)


@pytest.mark.parametrize("device", DEVICES)
def test_a_text_without_a_word_keeps_the_heaviest_too(device):
    weights = torch.tensor([[0.5, 3, 2, 1, 0.25], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], device=device)
    counting = OwnWords(0.25, 1.0, 3.0, WordForms(np.array([-1, -1, 2, 3, 4], np.int32)), 5, (0, 1), None, 1)
    counting.apply(weights, [np.array([0, 1, 0], np.int32), np.array([0], np.int32), np.array([2, 2], np.int32)])
    assert weights[:2].tolist() == [[0, 3, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert weights[2, [0, 1, 3, 4]].tolist() == [1, 1, 1, 1], "of equals all stay"
    assert float(weights[2, 2]) == pytest.approx(max(frequency_factor(2, 0.25), bm25_part(2, 2, 3.0)))


@pytest.mark.parametrize("device", DEVICES)
def test_words_of_several_pieces_count_as_the_form_that_has_one(device):
    tokens = [*SPECIAL, "sandals", "sand", "##al", "bag", "bags", "##s", "loaf", "##er", "##ers", "red"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    forms = np.arange(len(tokens), dtype=np.int32)
    forms[[*range(len(SPECIAL)), vocabulary["red"]]] = -1
    forms[vocabulary["bags"]] = vocabulary["bag"]
    # What each word of a text counts as, beside its pieces.
    besides = {"sandal": ["sandals"], "loafers": ["##er"], "loafer": [], "bag": [], "bags": [], "sands": [], "red": []}
    besides["redal"] = ["red"]  # which is no word by itself
    texts = [" ".join(random.Random(seed).choices(list(besides), k=1 + seed % 9)) for seed in range(40)]
    batch = [np.array(tokenizer.encode(text).ids, np.int32) for text in texts]
    weights = torch.zeros(len(texts), len(tokens), device=device)
    stems = Stems(tokenizer, "porter", forms)
    OwnWords(0.25, LEAST, 4.0, WordForms(forms, "porter"), len(tokens), range(5), stems).apply(weights, batch)
    for text, ids, found in zip(texts, batch, weights.tolist(), strict=True):
        times = Counter(number for number in forms[ids].tolist() if number >= 0)
        times.update(vocabulary[one] for word in text.split() for one in besides[word])
        every = [token if number < 0 else number for token, number in enumerate(forms.tolist())]
        expected = [LEAST * bm25_part(times[n], len(ids), 4.0) if times[n] else 0 for n in every]
        assert found == pytest.approx(expected)
    alone = torch.zeros(1, len(tokens), device=device)
    OwnWords(0.25, LEAST, 4.0, WordForms(forms), len(tokens), range(5)).apply(alone, [batch[0] * 0 + 6])
    assert int((alone > 0).sum()) == 1, "without a stemmer pieces are words of their own"


def test_without_word_forms_each_token_is_a_word(plain, tmp_path):
    folder = copied(plain, tmp_path / "model", own_words=LEAST, mean_length=MEAN_LENGTH)
    texts = ["black black bag", "small red leather clutch , red"]
    found, base = (dense(open_encoder(one).encode(texts), len(SPECIAL) + len(WORDS)) for one in (folder, plain))
    vocabulary, expected = [*SPECIAL, *WORDS], base.copy()
    for row, counts, tokens in zip(
        expected,
        ({"black": 2, "bag": 1}, {"small": 1, "red": 2, "leather": 1, "clutch": 1, ",": 1}),
        (3, 6),
        strict=True,
    ):
        for term, times in counts.items():
            place = vocabulary.index(term)
            row[place] = max(row[place], SCALE * LEAST * bm25_part(times, tokens, MEAN_LENGTH))
    assert np.abs(found - expected).max() <= 1


def test_an_index_with_own_words_is_updated_explained_and_told_alike(lexical, tmp_path, run_cli):
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(REPEATED)]
    options = {"model": str(lexical), "dtype": "float32", "device": "cpu"}
    sparton.build_index(rows[:3], tmp_path / "index", **options)
    sparton.update_index(rows[3:], tmp_path / "index")
    settings = load_manifest(tmp_path / "index").settings.model
    assert (settings.documents.own_words, settings.documents.term_frequency) == (LEAST, STRENGTH)
    assert settings.shared
    assert settings.for_queries.own_words == 0
    encoder = sparton.Encoder(**options)
    with sparton.Searcher(tmp_path / "index") as searcher:
        for part in (tmp_path / "index" / "collection").glob("part-*.jsonl"):
            for row in map(json.loads, part.read_text().splitlines()):
                assert row["vector"] == encoder.terms(row["contents"]) == searcher.document_terms(row["contents"])
        assert searcher.terms("bag bag")["bag"] < encoder.terms("bag bag")["bag"]
    assert "own words 1.25" in run_cli("info", "--index", tmp_path / "index").stdout


def apply_twice(counting, weights):
    """Apply own words to a batch on a GPU, then again with an error where the GPU is waited for."""
    batch = [np.array([1, 1, 2], np.int32)] * 64
    counting.apply(weights, batch)  # pinned memory is allocated
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        counting.apply(weights, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@on_gpu
def test_a_gpu_is_not_waited_for_where_own_words_weigh():
    weights = torch.zeros(64, 100, device="cuda")
    apply_twice(OwnWords(0.5, 1.0, 3.0, None, 100), weights)
    assert weights[:, 2].tolist() == pytest.approx([bm25_part(1, 3, 3.0)] * 64)


@pytest.mark.gpu
@on_gpu
def test_a_gpu_is_not_waited_for():
    weights = torch.ones(64, 100, device="cuda")
    apply_twice(OwnWords(0.5, 0.0, 1.0, None, 100), weights)
    assert weights[:, 1].tolist() == pytest.approx([frequency_factor(2, 0.5) ** 2] * 64)


def test_a_strength_of_zero_changes_nothing(plain, tmp_path):
    folder = copied(plain, tmp_path / "none", term_frequency=0)
    found, base = (open_encoder(one).encode(REPEATED) for one in (folder, plain))
    assert all((getattr(found, name) == getattr(base, name)).all() for name in ("offsets", "terms", "values"))


@pytest.mark.parametrize("text", ["bag red red", "red bag red"])
def test_a_prompt_is_none_of_the_text(plain, tmp_path, text):
    """Its tokens are read by the model, and are not counted with those of the text."""
    folder = copied(plain, tmp_path / "prompted", term_frequency=STRENGTH)
    rows = []
    for one in (folder, plain):
        opened = open_documents(EncoderOptions(model=str(one), device="cpu", dtype="float32"))
        prompted = replace(opened, spec=replace(opened.spec, prompt="black bag "))
        rows.append(sparton.Encoder(prompted, scale=SCALE).terms(text))
    found, base = rows
    assert found["red"] == pytest.approx(base["red"] * frequency_factor(2, STRENGTH), abs=1.1)
    assert (found["bag"], found["black"]) == (base["bag"], base["black"])


def test_passages_count_in_their_own_passage(plain, counting, tmp_path):
    texts = [" ".join(random.Random(seed).choices(WORDS[:25], k=60)) for seed in range(4)]
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(texts)]
    vectors = {}
    for folder in (plain, counting):
        index = tmp_path / folder.name
        sparton.build_index(
            rows, index, model=str(folder), chunk=True, max_length=32, scale=SCALE, dtype="float32", device="cpu"
        )
        (part,) = (index / "collection").glob("part-*.jsonl")
        vectors[folder] = [json.loads(line) for line in part.read_text().splitlines()]
    assert load_manifest(tmp_path / "counting").settings.model.documents.term_frequency == STRENGTH
    vocabulary = [*SPECIAL, *WORDS]
    repeated = 0
    for found, base in zip(vectors[counting], vectors[plain], strict=True):
        assert (found["id"], found["contents"]) == (base["id"], base["contents"])
        (row,) = factors(plain, [found["contents"]], 96)
        repeated += (row > 1).sum()
        assert found["vector"].keys() == base["vector"].keys()
        for term, impact in found["vector"].items():
            expected = base["vector"][term] * row[vocabulary.index(term)]
            assert impact == pytest.approx(expected, abs=1.1, rel=1e-5)
    assert len(vectors[plain]) > 8
    assert repeated > 40


def test_queries_of_the_same_model_do_not_count(plain, counting, tmp_path):
    rows = [{"id": "d1", "text": "black black bag"}, {"id": "d2", "text": "red bag"}]
    found = {}
    for folder in (plain, counting):
        sparton.build_index(rows, tmp_path / folder.name, model=str(folder), dtype="float32", device="cpu")
        with sparton.Searcher(tmp_path / folder.name) as searcher:
            found[folder] = searcher.terms("bag bag"), searcher.document_terms("black black bag")
            lines = (tmp_path / folder.name / "collection" / "part-00000.jsonl").read_text().splitlines()
            assert searcher.document_terms("black black bag") == json.loads(lines[0])["vector"]
    assert found[plain][0] == found[counting][0]
    assert found[plain][1] != found[counting][1]
    settings = load_manifest(tmp_path / "counting").settings.model
    assert settings.shared
    assert settings.for_queries.term_frequency == 0


def test_an_update_counts_too(counting, tmp_path):
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(REPEATED)]
    options = {"model": str(counting), "dtype": "float32", "device": "cpu"}
    sparton.build_index(rows, tmp_path / "fresh", **options)
    sparton.build_index([*rows[:4], {"id": "d5", "text": "bag"}], tmp_path / "updated", **options)
    sparton.update_index(rows[4:], tmp_path / "updated")

    def vectors(index):
        lines = [line for part in (index / "collection").glob("part-*.jsonl") for line in part.read_text().splitlines()]
        return {row["id"]: row["vector"] for row in map(json.loads, lines)}

    assert vectors(tmp_path / "updated") == vectors(tmp_path / "fresh")


def test_declaring_it_makes_another_model(plain, tmp_path, run_cli):
    folder = copied(plain, tmp_path / "model", term_frequency=STRENGTH)
    rows = [{"id": "d1", "text": "black black bag"}]
    sparton.build_index(rows, tmp_path / "index", model=str(folder), device="cpu")
    assert "term frequency 0.25" in run_cli("info", "--index", tmp_path / "index").stdout
    declare(folder, term_frequency=0.5)
    ran = run_cli("search", "bag", "--index", tmp_path / "index")
    assert ran.code == 1
    assert "has changed since the index was made" in ran.stderr
