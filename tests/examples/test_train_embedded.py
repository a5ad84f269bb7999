"""The recipe of examples/train_embedded, from texts to a folder that two packages load, with a tiny model."""

import json
import sys
from types import SimpleNamespace

import ir_measures
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from support.saved_models import SPECIAL, needs_sentence_transformers
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import BertConfig, BertModel, BertTokenizer

from sparton.errors import SpartonError

pytestmark = [pytest.mark.slow, needs_sentence_transformers]
WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("ab", "el", "ir", "om", "un", "ack", "est")]
STEPS = 30


@pytest.fixture(scope="module")
def stage(recipe):
    """Run a stage as from the command line."""

    def run(name, **options):
        arguments = [name]
        for option, value in options.items():
            arguments += [f"--{option.replace('_', '-')}"] + ([] if value is True else [str(value)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", arguments)
            recipe(name).main()

    return run


def save_texts(folder):
    """60 pairs of three sources: a query is some words of its passage. 20 passages and 20 queries more.

    A word that begins a passage's couples is always followed by the same one, so that there is something to predict.
    """
    random = np.random.default_rng(0)
    couples = np.array(WORDS).reshape(-1, 2)
    passages = [" ".join(random.choice(couples, 6).ravel()) for _ in range(80)]
    queries = [" ".join(random.permutation(passage.split())[:3]) for passage in passages]
    sources = ["webshop", "wordnet", "retail-demo-store"] * 20
    folder.mkdir()
    pairs = {"query": queries[:60], "passage": passages[:60], "source": sources}
    pq.write_table(pa.table(pairs), folder / "pairs.parquet")
    pq.write_table(pa.table({"text": passages[60:], "source": ["others"] * 20}), folder / "passages.parquet")
    pq.write_table(pa.table({"query": queries[60:], "source": ["people"] * 20}), folder / "queries.parquet")


def save_backbone(folder):
    """A BERT with random weights, as MiniLM is saved: without an LM head."""
    torch.manual_seed(0)
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, ".", ",", *WORDS])}
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=256,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=256).save_pretrained(folder)


TRAINING = {
    "steps": STEPS,
    "batch": 12,
    "negatives": 4,
    "rate": 3e-3,
    "table_rate": 3e-2,
    "first_terms": 20,
    "table_scale": 1,
    "sharpness": 5,
    "evaluate_every": 15,
}


@pytest.fixture(scope="module")
def trained(stage, tmp_path_factory):
    """The folder in which all stages but the last have run."""
    folder = tmp_path_factory.mktemp("recipe")
    save_texts(folder / "texts")
    save_backbone(folder / "backbone")
    stage("prepare", data=folder / "texts", backbone=folder / "backbone", out=folder / "prepared")
    stage("warm_up", prepared=folder / "prepared", out=folder / "warm", steps=120, batch=32, rate=3e-3)
    stage("teach", prepared=folder / "prepared", out=folder / "taught.pt")
    stage("train", **given(folder), out=folder / "run", **TRAINING)
    return folder


def given(folder):
    return {"prepared": folder / "prepared", "taught": folder / "taught.pt", "warm": folder / "warm"}


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_held_out_pairs_are_searched_and_not_trained_on(recipe, trained):
    prepared = recipe("prepared").read_prepared(trained / "prepared")
    development = prepared.development
    assert sorted(development.sources) == ["retail-demo-store"] * 2 + ["webshop"] * 2 + ["wordnet"] * 2
    assert len(prepared.pairs) == 60
    assert not set(prepared.examples[:, 0]) & set(development.queries)
    assert not set(prepared.examples[:, 1]) & set(development.relevant[:, 1])
    assert set(development.relevant[:, 1]) <= set(range(80)) == set(range(len(prepared.passages)))
    # BM25 finds a query's own passage, which has all of its words, before most others.
    own = dict(prepared.pairs.tolist())
    assert all(passage in prepared.bm25_ids[query, :5] for query, passage in own.items())
    assert [row[:10].tolist() for row in development.bm25] == prepared.bm25_ids[development.queries, :10].tolist()


def test_teachers_scores_are_those_of_each_text_alone(recipe, trained):
    prepared = recipe("prepared").read_prepared(trained / "prepared")
    taught = torch.load(trained / "taught.pt")
    teacher = recipe("backbone").DenseTeacher(prepared.backbone)
    ids, _ = prepared.passages.rows(np.array([3]))
    ids = ids[:, : prepared.passages.lengths[3]]
    mean = teacher.bert(input_ids=ids).last_hidden_state[0].mean(dim=0)
    assert torch.allclose(taught["passages"][3].float(), mean / mean.norm(), atol=1e-3)
    nobody = recipe("teach").NOBODY
    for (query, own), candidates, scores in zip(
        prepared.examples.tolist(), taught["candidates"].tolist(), taught["scores"].float().tolist(), strict=True
    ):
        known = [one for one in candidates if one != nobody]
        assert len(set(known)) == len(known)
        assert own in (candidates[0], recipe("prepared").UNPAIRED)
        cosines = taught["passages"][known].float() @ taught["queries"][query].float()
        bm25 = dict(zip(prepared.bm25_ids[query].tolist(), prepared.bm25_scores[query].tolist(), strict=True))
        least = min((score for one, score in bm25.items() if one != -1), default=0.0)
        lexical = torch.tensor([bm25.get(one, least) for one in known])
        parts = [(part - part.min()) / (part.max() - part.min()).clamp_min(1e-6) for part in (cosines, lexical)]
        expected = 0.7 * parts[0] + 0.3 * parts[1]
        if own == candidates[0]:  # a query's own passage is above what the teachers say
            expected[0] = expected.max()
        assert torch.allclose(torch.tensor(scores[: len(known)]), expected, atol=2e-3)


def test_losses_fall(trained):
    warm, lines = log(trained / "warm"), [line for line in log(trained / "run") if "loss" in line]
    assert warm[-1]["loss"] < 0.9 * warm[0]["loss"]
    assert lines[-1]["kl"] < 0.8 * lines[0]["kl"]
    assert lines[-1]["contrast"] < lines[0]["contrast"]
    assert 0 < lines[-1]["terms"] < len(WORDS)
    found = [line["ndcg"] for line in log(trained / "run") if "ndcg" in line]
    assert len(found) == 2
    assert found[-1] > 0.5


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(recipe, stage, trained):
    runs, calls = recipe("runs"), iter(range(10**6))
    with pytest.MonkeyPatch.context() as patch:
        # A clock that goes on by a second whenever it is read, which is twice a step.
        patch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: float(next(calls))))
        stage("train", **given(trained), out=trained / "resumed", minutes=0.4, **TRAINING)
        assert 5 < runs.read_checkpoint(trained / "resumed" / "checkpoint.pt")["step"] < STEPS - 5
        with pytest.raises(SpartonError, match="has a run; go on with --resume"):
            stage("train", **given(trained), out=trained / "resumed", **TRAINING)
        with pytest.raises(SpartonError, match=r"rate 0\.003, and 0\.1 was given"):
            stage("train", **given(trained), out=trained / "resumed", resume=True, **{**TRAINING, "rate": 0.1})
    stage("train", **given(trained), out=trained / "resumed", resume=True, **TRAINING)
    one, other = (runs.read_checkpoint(trained / name / "checkpoint.pt") for name in ("run", "resumed"))
    assert one["step"] == other["step"] == STEPS
    assert all(torch.equal(tensor, other["model"][name]) for name, tensor in one["model"].items())
    for number, state in one["optimizer"]["state"].items():
        assert all(torch.equal(value, other["optimizer"]["state"][number][name]) for name, value in state.items())
    measured = "seconds", "tokens_per_second", "peak_gib"
    lines = [
        [{key: line[key] for key in line if key not in measured} for line in log(trained / name)]
        for name in ("run", "resumed")
    ]
    assert [line for line in lines[0] if "loss" in line] == [line for line in lines[1] if "loss" in line]


def test_plain_head_trains_alike(stage, trained):
    stage("train", **given(trained), out=trained / "plain", plain_head=True, **TRAINING)
    fused, plain = ([line["kl"] for line in log(trained / name) if "kl" in line] for name in ("run", "plain"))
    assert fused == pytest.approx(plain, rel=1e-2)


def test_the_folder_gives_the_weights_of_the_training_code(recipe, stage, trained):
    export = recipe("export")
    probe = [" ".join(WORDS[start::9]) + ", ." for start in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "PROBE", probe)
        stage(
            "evaluate",
            prepared=trained / "prepared",
            run=trained / "run",
            out=trained / "results.json",
        )
        stage(
            "export",
            prepared=trained / "prepared",
            run=trained / "run",
            results=trained / "results.json",
            out=trained / "model",
            passages=50,
        )
        prepared = recipe("prepared").read_prepared(trained / "prepared")
        student = recipe("evaluate").trained_student(prepared, trained / "run", "cpu")
        exact = export.own_weights(student, prepared)
        stage("slim", run=trained / "run", out=trained / "slim")
        slim = recipe("evaluate").trained_student(prepared, trained / "slim", "cpu")
        export.round_to_bfloat16(student)
        export.round_to_bfloat16(slim)
        assert all(torch.equal(tensor, slim.state_dict()[name]) for name, tensor in student.state_dict().items())
        own = export.own_weights(student, prepared)
        loaded = export.loaded_weights(trained / "model")
    for package, sides in loaded.items():
        for side, weights in sides.items():
            assert torch.allclose(weights, own[package][side], atol=2e-4)
            # What rounding to bfloat16 changes may be which terms are the heaviest that a text keeps.
            both = (weights > 0) & (exact[package][side] > 0)
            assert torch.allclose(weights[both], exact[package][side][both], atol=0.2)
            assert ((weights > 0) ^ (exact[package][side] > 0)).sum() <= 0.2 * both.sum()
    own, learned = own["Sparton"], own["sentence-transformers"]["documents"]
    assert (own["documents"] > learned + 0.1).sum() > 10
    special = [0, 1, 2, 3, 4]
    assert (own["documents"][:, special] == 0).all()
    assert (learned[:, recipe("never_guessed").never_guessed(prepared.tokenizer())] == 0).all()
    lexical = json.loads((trained / "model" / "lexical.json").read_text())
    assert lexical["mean_length"] == pytest.approx(prepared.mean_length, abs=0.05)
    with safe_open(trained / "model" / lexical["document_frequency"], "np") as tensors:
        assert tensors.get_tensor("documents").tolist() == [50]
        passages = np.random.default_rng(0).permutation(len(prepared.passages))[:50]
        counted = sum(
            (student.document_weights(prepared.passages, passages[i : i + 1])[0] > 0).int() for i in range(50)
        )
        # Weights that bfloat16 rounds to 0 may differ.
        assert np.abs(tensors.get_tensor("document_frequency") - counted.numpy()).max() <= 1
    # Neither "," nor "." is a term of a query, nor a special token; each other word is, once.
    distinct = [len(set(text.replace(",", "").replace(".", "").split())) for text in probe]
    assert (own["queries"] > 0).sum(dim=1).tolist() == distinct
    (weights,) = [path for path in (trained / "model").rglob("model.safetensors") if path.stat().st_size > 5_000]
    with safe_open(weights, "pt") as tensors:
        assert {tensors.get_slice(name).get_dtype() for name in tensors.keys()} == {"BF16"}  # noqa: SIM118
    assert f"in {STEPS} steps" in (trained / "model" / "README.md").read_text()
    results = json.loads((trained / "results.json").read_text())
    assert results["nDCG@10"]["model"]["macro"] > 0.5
    assert results["nDCG@10"]["BM25"]["macro"] > 0.9
    for ways in results["own collections, nDCG@10"].values():
        assert ways.keys() == {"macro", "webshop", "wordnet", "retail-demo-store"}
        assert ways["macro"] == pytest.approx(np.mean([ways[name] for name in ways if name != "macro"]))
        assert all(0 <= value <= 1 for value in ways.values())


def test_own_words_weigh_what_the_formula_says(recipe):
    own_words = recipe("own_words")
    numbers = np.array([-1, -1, 2, 2, 4, -1, 6], np.int32)  # 3 is a form of 2, 5 is no word
    tokens = ["[CLS]", "[SEP]", "bag", "bags", "red", "the", "strap"]
    tokenizer = Tokenizer(WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="the"))
    tokenizer.add_special_tokens(tokens[:2])
    texts = [[0, 2, 3, 4, 5, 5, 1], [0, 6, 1], [0, 3, 3, 3, 6, 4, 4, 4, 4, 1]]
    ids, mask = torch.zeros(3, 10, dtype=torch.int64), torch.zeros(3, 10, dtype=torch.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = torch.tensor(text), 1
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(0)) * 3
    found = own_words.OwnWords(tokenizer, numbers, 4.0).applied(weights, ids, mask)
    for row, text in enumerate(texts):
        for token in range(7):
            times = sum(numbers[one] == numbers[token] for one in text) if numbers[token] >= 0 else 0
            expected = float(weights[row, token])
            if times:
                least = 1.25 * times * 1.9 / (times + 0.9 * (0.6 + 0.4 * (len(text) - 2) / 4))
                expected = max(expected * (1 + 0.25 * (np.log2(1 + times) - 1)), least)
            assert float(found[row, token]) == pytest.approx(expected, rel=1e-5)


def test_forms_of_a_word_have_one_stem(recipe):
    words = ["algorithm", "algorithms", "bag", "bags", "##s", "the", "black", "blacks", "42", "of", "gun", "guns"]
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, ".", *words])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    idf = np.full(len(vocabulary), 5.0)
    idf[vocabulary["the"]] = 0.5
    numbers = recipe("word_forms").word_numbers(tokenizer, idf)
    groups = {
        token: tokenizer.id_to_token(int(number))
        for token, number in zip(vocabulary, numbers, strict=True)
        if number >= 0
    }
    alone = ("##s", "black", "blacks", "42", "of")  # "blacks" is never guessed, from "black" neither
    assert groups == {
        **{
            "algorithm": "algorithm",
            "algorithms": "algorithm",
            "bag": "bag",
            "bags": "bag",
            "gun": "gun",
            "guns": "gun",
        },
        **{token: token for token in alone},
    }


def test_nothing_is_learned_of_sources_that_are_left_out(recipe, trained):
    prepared = recipe("prepared").read_prepared(trained / "prepared")
    kept = prepared.examples[prepared.examples_without(["webshop"])]
    names = [
        [prepared.sources[number] for number in prepared.query_sources[rows]]
        for rows in (prepared.examples[:, 0], kept[:, 0])
    ]
    assert 0 < len(kept) < len(prepared.examples)
    assert any(name.startswith("webshop") for name in names[0])
    assert not any(name.startswith("webshop") for name in names[1])
    passages = kept[kept[:, 1] >= 0, 1]
    assert "webshop" not in {prepared.sources[number] for number in prepared.passage_sources[passages]}
    assert prepared.examples_without([]).tolist() == list(range(len(prepared.examples)))
    with pytest.raises(SpartonError, match="has no source shops"):
        prepared.examples_without(["shops"])


def test_losses_are_those_of_their_definitions(recipe):
    losses = recipe("losses")
    scores = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    teacher = torch.rand(3, 5, generator=torch.Generator().manual_seed(1))
    teacher[1, 3:] = float("-inf")  # a query with three candidates
    by_query = [
        torch.nn.functional.kl_div(
            scores[row, :count].log_softmax(0), teacher[row, :count].log_softmax(0), reduction="sum", log_target=True
        )
        for row, count in enumerate((5, 3, 5))
    ]
    found = losses.distillation(scores, teacher)
    assert torch.allclose(found, sum(by_query) / 3)
    found.backward()
    assert scores.grad.isfinite().all()
    assert (scores.grad[1, 3:] == 0).all()

    own, paired = torch.tensor([2, 0, 4]), torch.tensor([True, False, True])
    possible = torch.ones(3, 5, dtype=torch.bool)
    possible[0, [2, 3]] = False  # of these the first is its own, which counts nevertheless
    expected = [
        scores[0, [0, 1, 2, 4]].logsumexp(0) - scores[0, 2],
        scores[2].logsumexp(0) - scores[2, 4],
    ]
    assert torch.allclose(losses.contrast(scores, own, paired, possible), sum(expected) / 2)
    assert losses.contrast(scores, own, torch.zeros(3, dtype=torch.bool), possible) == 0

    weights = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    cost = torch.tensor([1.0, 10.0])
    assert losses.flops(weights, cost) == 4 + 10
    assert losses.flops(weights, cost, few=1) == 1.5**2 + 10  # the first passage has one term
    assert losses.flops(weights, cost, few=2) == 0


def test_measures_are_those_of_ir_measures(recipe):
    random = np.random.default_rng(1)
    ranked = np.array([random.permutation(300)[:100] for _ in range(8)])
    grades = [
        dict(zip(random.permutation(300)[:15].tolist(), random.integers(1, 4, 15).tolist(), strict=True))
        for _ in range(8)
    ]
    qrels = [ir_measures.Qrel(str(q), str(p), grade) for q, row in enumerate(grades) for p, grade in row.items()]
    run = [
        ir_measures.ScoredDoc(str(q), str(p), -place)
        for q, row in enumerate(ranked)
        for place, p in enumerate(row.tolist())
    ]
    measures = recipe("measures")
    for name, values in (("nDCG@10", measures.ndcg(ranked, grades)), ("R@100", measures.recall(ranked, grades))):
        measure = ir_measures.parse_measure(name)
        assert values.mean() == pytest.approx(ir_measures.calc_aggregate([measure], qrels, run)[measure])


def test_titles_are_shortened_to_their_last_words(recipe):
    short = recipe("short_titles").short_titles
    assert short("Elegant White Tulip Bouquet") == ["tulip bouquet", "white tulip bouquet"]
    assert short("Linksys EtherFast 8-Port Network Switch - EZXS88W") == ["network switch", "etherfast network switch"]
    assert short("Running Shoes for women") == []
