"""What encodes queries where it is not the documents' model as it stands: another model, own tokens, or a table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from support.masked_lms import build
from support.saved_models import (
    SPECIAL,
    TEXTS,
    WORDS,
    needs_sentence_transformers,
    save,
    save_masked_lm,
    splade,
    static,
)
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForMaskedLM, AutoTokenizer

import sparton
from sparton.errors import SpartonError, UsageError
from sparton.pipeline.encoding.open_encoder import open_document_encoder, open_query_encoder
from sparton.pipeline.encoding.static_encoder import StaticEncoder
from sparton.pipeline.model.document_side import KNOWN_RATIOS
from sparton.pipeline.model.files import find_model
from sparton.pipeline.model.open_model import open_documents
from sparton.pipeline.model.spec import EncoderFiles
from sparton.pipeline.options import EncoderOptions
from sparton.storage.manifest import ModelSource, load_manifest

pytestmark = pytest.mark.slow

SCALE = 100_000
QUERY = "black suede bag with buckles"
DOCUMENTS = [f"{WORDS[i % 12]} {WORDS[i * 7 % 40]} leather bag word{i}" for i in range(30)]
SAVE_ONE = "save one tokenizer for both, and one that transformers loads as it is"


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "documents")


@pytest.fixture(scope="module")
def queries(tmp_path_factory):
    return save_masked_lm(tmp_path_factory.mktemp("models") / "queries", seed=9, model_max_length=40)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "bags.parquet"
    pq.write_table(pa.table({"id": [f"d{i:02}" for i in range(30)], "text": DOCUMENTS}), path)
    return path


@torch.inference_mode()
def reference(folder, texts):
    """The definition: log1p(relu(logits)), the maximum over a text's positions; and the text's own ids."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()
    rows, own = [], []
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt", truncation=True)
        rows.append(torch.log1p(torch.relu(model(**encoded).logits)).amax(1)[0].double().numpy())
        own.append(set(encoded.input_ids[0].tolist()) - set(tokenizer.all_special_ids))
    return np.stack(rows), own


def keeping(rows, own):
    kept = np.zeros_like(rows)
    for row, values, ids in zip(kept, rows, own, strict=True):
        row[sorted(ids)] = values[sorted(ids)]
    return kept


def dense(encoder, texts):
    rows = np.zeros((len(texts), len(encoder.vocabulary)))
    for row, (terms, values) in zip(rows, encoder.encode_alone(texts), strict=True):
        row[terms] = values
    return rows / encoder.scale


def settings_of(model, **options):
    return open_document_encoder(model=str(model), device="cpu", dtype="float32", **options).settings


def same(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1.6e-5)


@pytest.fixture(scope="module")
def built(documents, queries, corpus, tmp_path_factory):
    """An index of two models in a folder, built from the command line."""
    from typer.testing import CliRunner

    from sparton.cli import app

    index = tmp_path_factory.mktemp("index") / "two"
    command = ["index", corpus, "--index", index, "--model", documents, "--query-model", queries, "--dtype", "float32"]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 0, result.output
    return index


def test_two_models_are_recorded_and_searched_without_a_flag(run_cli, built, documents, queries, tmp_path):
    model = load_manifest(built).settings.model
    assert (model.name, model.query_model) == (str(documents), ModelSource(str(queries), None))
    assert model.for_queries == replace(
        model.documents, digest=find_model(str(queries)).digest, max_length=None, terms="all", rounds=False
    )
    assert model.documents.rounds, "for queries have another model"
    weights, (asked,) = reference(documents, DOCUMENTS)[0], reference(queries, [QUERY])[0]
    scores = np.rint(weights * 100) @ np.rint(asked * 100)
    expected = {f"d{i:02}": score for i, score in enumerate(scores)}
    found = run_cli("search", QUERY, "--index", built, "--json", "-k", 30)
    hits = {hit["id"]: hit["score"] for hit in map(json.loads, found.stdout.splitlines())}
    assert (found.code, len(hits)) == (0, 30)
    assert hits == pytest.approx(expected, rel=2e-3)
    (tmp_path / "topics.tsv").write_text(f"q1\t{QUERY}\n")
    ran = run_cli("run", tmp_path / "topics.tsv", "-o", tmp_path / "run.trec", "--index", built)
    assert ran.code == 0, ran.stderr
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert {fields[2]: float(fields[4]) for fields in lines} == hits
    digest = model.for_queries.digest[:15]
    assert f"  queries     by {queries} ({digest})\n" in run_cli("info", "--index", built).stdout


def test_a_search_reads_the_query_model_alone(run_cli, built, documents, queries, tmp_path):
    before = run_cli("search", QUERY, "--index", built, "--json").stdout
    moved = shutil.copytree(queries, tmp_path / "moved")
    shutil.copytree(built, tmp_path / "index")
    content = (tmp_path / "index" / "sparton.json").read_text()
    content = content.replace(str(documents), "/nowhere/documents").replace(str(queries), "/nowhere/queries")
    (tmp_path / "index" / "sparton.json").write_text(content)
    command = ["search", QUERY, "--index", tmp_path / "index", "--json"]
    refused = run_cli(*command)
    assert (refused.code, refused.stderr) == (
        1,
        "Error: the index names the model /nowhere/queries, and /nowhere/queries is no folder; put the model there, "
        "or pass --query-model with where it is\n",
    )
    assert run_cli(*command, "--query-model", moved).stdout == before
    shown = run_cli("encode-text", QUERY, "--index", tmp_path / "index", "--query-model", moved, "--json")
    terms = {entry["term"]: entry["impact"] for entry in json.loads(shown.stdout)["terms"]}
    assert terms == open_query_encoder(load_manifest(built).settings.model, 100).terms(QUERY)
    digests = [find_model(str(model)).digest[:15] for model in (queries, documents)]
    refused = run_cli(*command, "--query-model", documents)
    assert (refused.code, refused.stderr) == (
        1,
        f"Error: the model {documents} is not the one that the index was made with (the digest of that is "
        f"{digests[0]} and of this {digests[1]}); pass --query-model with where that one is\n",
    )
    refused = run_cli(*command, "--model", documents)
    assert (refused.code, refused.stderr) == (
        2,
        f"Error: --model is {documents}, and queries of the index need its query model alone (/nowhere/queries); say "
        "where that is with --query-model\n",
    )


def test_a_query_model_that_an_index_does_not_have_is_refused(run_cli, light_index, queries):
    refused = run_cli("search", QUERY, "--index", light_index, "--query-model", queries)
    assert (refused.code, refused.stderr) == (
        2,
        f"Error: --query-model is {queries}, and the index has one model for documents and queries; say where that "
        "is with --model\n",
    )
    refused = run_cli("encode-text", QUERY, "--query-model", queries)
    assert (refused.code, refused.stderr) == (
        2,
        f"Error: --query-model is {queries}, which is for the queries of an index; name that with --index\n",
    )


def test_two_models_beside_an_index_are_moved_with_it(run_cli, documents, queries, corpus, tmp_path, monkeypatch):
    shutil.copytree(documents, tmp_path / "a" / "documents")
    shutil.copytree(queries, tmp_path / "a" / "queries")
    monkeypatch.chdir(tmp_path / "a")
    command = ["encode", corpus, "--output", "index", "--model", "documents", "--query-model", "queries"]
    assert run_cli(*command).code == 0
    model = load_manifest(tmp_path / "a" / "index").settings.model
    assert (model.name, model.query_model.name) == ("../documents", "../queries")
    shutil.move(tmp_path / "a", tmp_path / "b")
    monkeypatch.chdir(tmp_path / "b")
    again = run_cli(*command[:-1], tmp_path / "b" / "queries", "--json")
    assert (again.code, json.loads(again.stdout)["resumed"]) == (0, True), again.stderr
    other = run_cli(*command[:-2])
    assert other.code == 1
    assert "model.query_model.name" in other.stderr


def test_a_query_model_that_is_the_same_model_is_none(documents):
    assert settings_of(documents, query_model=str(documents)) == settings_of(documents)


def test_a_revision_without_a_query_model_is_refused(documents):
    with pytest.raises(UsageError) as caught:
        settings_of(documents, query_revision="main")
    assert str(caught.value) == "query_revision is main and there is no query_model that it could be for; name one"


def test_vectors_are_searched_with_two_models(run_cli, documents, queries, tmp_path):
    (tmp_path / "vectors.jsonl").write_text('{"id": "a", "vector": {"bag": 3, "leather": 5}}\n')
    command = ["index-vectors", tmp_path / "vectors.jsonl", "--index", tmp_path / "index"]
    refused = run_cli(*command, "--query-model", queries)
    assert (refused.code, refused.stderr) == (
        2,
        f"Error: --query-model is {queries} and there is no --model that it could be for; name one\n",
    )
    made = run_cli(*command, "--model", documents, "--query-model", queries, "--query-terms", "ones")
    assert made.code == 0, made.stderr
    hit = json.loads(run_cli("search", "leather bag bag", "--index", tmp_path / "index", "--json").stdout)
    assert (hit["id"], hit["score"]) == ("a", 800)


def test_another_vocabulary_is_refused_before_anything_is_encoded(run_cli, documents, queries, corpus, tmp_path):
    other = shutil.copytree(queries, tmp_path / "other")
    content = json.loads((other / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["red"], vocabulary["tan"] = vocabulary["tan"], vocabulary["red"]
    (other / "tokenizer.json").write_text(json.dumps(content))
    command = ["index", corpus, "--index", tmp_path / "index", "--model", documents, "--query-model", other]
    refused = run_cli(*command)
    term_id = len(SPECIAL) + WORDS.index("red")
    assert (refused.code, refused.stderr) == (
        1,
        "columns: id = id, text = text\n"
        f"Error: the tokenizer that transformers loads from {other}, for queries, has the term 'tan' at id "
        f"{term_id}, and the tokenizer that transformers loads from {documents}, for documents, has 'red'; queries "
        "need the documents' vocabulary, so take a query model that has it\n",
    )
    assert not (tmp_path / "index").exists()


def test_a_table_that_cuts_texts_otherwise_is_refused(documents, tmp_path):
    """transformers makes a tokenizer anew, by tokenizer_config.json; a table's is what tokenizer.json says."""
    folder = shutil.copytree(documents, tmp_path / "model")
    (folder / "idf.json").write_text('{"bag": 1.5}')
    settings_of(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_lower_case": False}))
    with pytest.raises(SpartonError) as caught:
        settings_of(folder)
    assert str(caught.value) == (
        f"{folder / 'tokenizer.json'}, for queries, makes 'Small BLACK Leather Bag' the tokens small black leather "
        f"bag, and the tokenizer that transformers loads from {folder}, for documents, [UNK] [UNK] [UNK] [UNK]; "
        f"{SAVE_ONE}"
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda content: content["normalizer"].update(strip_accents=False), "'Crème brûlée"),
        (lambda content: content["normalizer"].update(handle_chinese_chars=False), "'中文字符"),
        (lambda content: content.update(pre_tokenizer={"type": "WhitespaceSplit"}), "'Crème brûlée"),
        (
            lambda content: content["added_tokens"].append(
                {
                    "id": content["model"]["vocab"]["word3"],
                    "content": "word3",
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": False,
                }
            ),
            "'aword3b'",
        ),
    ],
)
def test_whatever_a_tokenizer_differs_in_is_found(documents, tmp_path, change, found):
    """With a letter of each kind in the vocabulary, as real ones have them."""
    folders = []
    for name in ("documents", "queries"):
        folder = shutil.copytree(documents, tmp_path / name)
        path = folder / "tokenizer.json"
        content = json.loads(path.read_text())
        vocabulary = content["model"]["vocab"]
        for i, piece in enumerate(
            ["creme", "c", "##r", "##e", "##\u0300", "##m", "中", "##文", "文", "b", "##b", "##,"]
        ):
            vocabulary[piece] = vocabulary.pop(f"word{100 + i}")
        path.write_text(json.dumps(content))
        folders.append(folder)
    settings_of(folders[0], query_model=str(folders[1]), query_terms="ones")
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SpartonError) as caught:
        settings_of(folders[0], query_model=str(folders[1]), query_terms="ones")
    assert str(caught.value).startswith(f"{path}, for queries, makes {found}")
    assert str(caught.value).endswith(f"; {SAVE_ONE}")


@pytest.mark.parametrize("tokenizer_class", ["PreTrainedTokenizerFast", "RobertaTokenizer"])
def test_a_pre_tokenizer_that_transformers_replaces_is_found(tmp_path, tokenizer_class):
    """That of RoBERTa's class is always the same. The embedding has more rows than the tokenizer has tokens."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel()])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    build("roberta").save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    names = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    config = {"tokenizer_class": tokenizer_class, **{f"{name}_token": token for name, token in names.items()}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    if tokenizer_class == "RobertaTokenizer":
        sentence = "json, for queries, makes 'Small BLACK Leather Bag' the tokens Ġ S mal l .* for documents, S mal l "
        with pytest.raises(SpartonError, match=sentence):
            settings_of(tmp_path, query_terms="ones")
    else:
        settings = settings_of(tmp_path, query_terms="ones")
        expected = dict.fromkeys(AutoTokenizer.from_pretrained(tmp_path).tokenize("suede buckle"), 100)
        assert open_query_encoder(settings, 100).terms("suede buckle") == expected


@pytest.mark.parametrize("with_query_model", [False, True])
def test_queries_of_own_tokens(run_cli, documents, queries, with_query_model):
    options = {"query_model": str(queries)} if with_query_model else {}
    settings = settings_of(documents, query_terms="own", **options)
    assert (settings.documents.terms, settings.for_queries.terms) == ("all", "own")
    assert settings.shared is not with_query_model
    encoder = open_query_encoder(settings, SCALE)
    expected = keeping(*reference(queries if with_query_model else documents, TEXTS))
    assert (expected > 0).sum() > len(TEXTS)
    same(dense(encoder, TEXTS), expected)
    every = open_query_encoder(replace(settings, queries=replace(settings.for_queries, terms="all")), SCALE)
    assert len(every.terms(QUERY)) > len(encoder.terms(QUERY)) > 0


@pytest.mark.parametrize("with_query_model", [False, True])
def test_queries_that_weigh_1_a_token(documents, queries, with_query_model):
    options = {"query_model": str(queries)} if with_query_model else {}
    settings = settings_of(documents, query_terms="ones", **options)
    encoder = open_query_encoder(settings, SCALE)
    assert isinstance(encoder, StaticEncoder)
    assert (settings.for_queries.kind, settings.for_queries.dtype) == ("static", None)
    texts = TEXTS[:4]  # the last is longer than the query model takes
    rows, own = reference(documents, texts)
    same(dense(encoder, texts), keeping(np.ones_like(rows), own))


def test_own_tokens_of_an_index_agree_wherever_they_are_shown(run_cli, documents, corpus, tmp_path):
    for terms, line in (("own", "their own tokens alone"), ("ones", "each token weighs 1")):
        index = tmp_path / terms
        made = run_cli("index", corpus, "--index", index, "--model", documents, "--query-terms", terms)
        assert made.code == 0, made.stderr
        assert f"  queries     {line}\n" in run_cli("info", "--index", index).stdout
        shown = json.loads(run_cli("encode-text", QUERY, "--index", index, "--json").stdout)["terms"]
        impacts = {entry["term"]: entry["impact"] for entry in shown}
        assert set(impacts) <= set(AutoTokenizer.from_pretrained(documents).tokenize(QUERY))
        assert not any(entry["expanded"] for entry in shown)
        found = run_cli("search", QUERY, "--index", index, "--json", "--explain", "-k", 5)
        hits = [json.loads(line) for line in found.stdout.splitlines()]
        assert len(hits) == 5
        for hit in hits:
            assert hit["score"] == sum(match["contribution"] for match in hit["matches"])
            assert all(match["query_impact"] == impacts[match["term"]] for match in hit["matches"])
            assert not any(match["expanded"] for match in hit["matches"])
        if terms == "ones":
            assert set(impacts.values()) == {100}


def test_an_option_goes_before_what_the_files_say(documents, tmp_path):
    folder = shutil.copytree(documents, tmp_path / "model")
    (folder / "idf.json").write_text('{"bag": 1.5, "black": 3}')
    with_table = settings_of(folder)
    assert open_query_encoder(with_table, 100).terms("black bag") == {"black": 300, "bag": 150}
    assert settings_of(folder, query_terms="own") == settings_of(folder, query_terms="all") == with_table
    ones = settings_of(folder, query_terms="ones")
    assert open_query_encoder(ones, 100).terms("black bag") == {"black": 100, "bag": 100}
    (folder / "idf.json").unlink()
    assert open_query_encoder(ones, 100).terms("black bag") == {"black": 100, "bag": 100}


def test_the_embedded_model_may_have_them_too():
    settings = settings_of("small", query_terms="ones")
    assert open_query_encoder(settings, 100).terms("black bag") == {"black": 100, "bag": 100}
    own = open_query_encoder(settings_of("small", query_terms="own"), 100).terms("black bag")
    assert set(own) == {"black", "bag"}
    assert own.items() <= open_query_encoder(settings_of("small"), 100).terms("black bag").items()


def test_terms_that_are_not_known_are_a_sentence(documents):
    settings = settings_of(documents)
    with pytest.raises(SpartonError) as caught:
        open_query_encoder(replace(settings, queries=replace(settings.documents, terms="rare")), 100)
    assert str(caught.value) == "the index has 'rare' terms of a query, which this Sparton does not know; upgrade it"
    with pytest.raises(UsageError) as caught:
        settings_of(documents, query_terms="rare")
    assert str(caught.value) == "query_terms is 'rare'; expected all, own or ones"


# Tables of weights.


@pytest.mark.parametrize("by", ["id", "list", "token"])
def test_a_table_names_tokens_or_their_ids(documents, tmp_path, by):
    folder = shutil.copytree(documents, tmp_path / "model")
    vocabulary = [*SPECIAL, *WORDS]
    weights = [round(9 / (i + 2), 4) for i in range(len(vocabulary))]
    table = {
        "id": {str(i): weight for i, weight in enumerate(weights)},
        "token": dict(zip(vocabulary, weights, strict=True)),
        "list": weights,
    }[by]
    (folder / "idf.json").write_text(json.dumps(table))
    encoder = open_query_encoder(settings_of(folder), SCALE)
    _, own = reference(documents, TEXTS)
    same(
        dense(encoder, TEXTS),
        keeping(np.tile(weights, (len(TEXTS), 1)), [ids | unknown(TEXTS, i) for i, ids in enumerate(own)]),
    )


def unknown(texts, row):
    """The unknown token has a weight in a table, as any other."""
    return {SPECIAL.index("[UNK]")} if "zzz" in texts[row] else set()


def test_numbers_that_are_all_tokens_are_tokens(documents, tmp_path):
    folder = shutil.copytree(documents, tmp_path / "model")
    (folder / "idf.json").write_text('{"1": 2.5, "7": 1.5}')
    assert open_query_encoder(settings_of(folder), 100).terms("7 1 bag") == {"1": 250, "7": 150}
    (folder / "idf.json").write_text('{"1": 2.5, "9": 1.5}')  # 9 is no token, and the id of tan
    assert WORDS[9 - len(SPECIAL)] == "leather"
    assert open_query_encoder(settings_of(folder), 100).terms("7 1 leather bag") == {"leather": 150}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"9": 1.5, "5000": 2}', "PATH names the token id 5000, and its tokenizer has the ids 0 to LAST; save both "
         "again from one model"),
        ('{"9": 1.5, "99999999999999999999": 2}', "PATH names the token id 99999999999999999999, and its tokenizer "
         "has the ids 0 to LAST; save both again from one model"),
        ("[1.5, 2]", "the table of FOLDER has 2 weights and its tokenizer SIZE tokens; save both again from one model"),
        ('[1.5, "heavy"]', "PATH is no table of {token: weight}, of {token id: weight} or of a weight for each token "
         "id (could not convert string to float: 'heavy'); save it again"),
        ("7", "PATH is no table of {token: weight}, of {token id: weight} or of a weight for each token id ('int' "
         "object has no attribute 'items'); save it again"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_of_the_tokenizer_is_a_sentence(documents, tmp_path, content, sentence):
    folder = shutil.copytree(documents, tmp_path / "model")
    (folder / "idf.json").write_text(content)
    size = len(SPECIAL) + len(WORDS)
    with pytest.raises(SpartonError) as caught:
        settings_of(folder)
    sentence = sentence.replace("PATH", str(folder / "idf.json")).replace("FOLDER", str(folder))
    assert str(caught.value) == sentence.replace("LAST", str(size - 1)).replace("SIZE", str(size))


# As repositories are laid out since June 2025.


def as_on_the_hub(folder):
    """With the names that modules had in sentence-transformers 5.0."""
    old = {
        "sentence_transformers.base.modules.router.Router": "sentence_transformers.models.Router",
        "sentence_transformers.base.modules.transformer.Transformer":
        "sentence_transformers.sparse_encoder.models.MLMTransformer.MLMTransformer",
        "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling":
        "sentence_transformers.sparse_encoder.models.SpladePooling.SpladePooling",
        "sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding":
        "sentence_transformers.sparse_encoder.models.SparseStaticEmbedding.SparseStaticEmbedding",
    }  # fmt: skip
    for path in (folder / "modules.json", folder / "router_config.json"):
        content = path.read_text()
        for name, before in old.items():
            content = content.replace(name, before)
        path.write_text(content)
    for path in folder.glob("*_Transformer/sentence_bert_config.json"):
        path.write_text(json.dumps({"max_seq_length": 64, "do_lower_case": False}))
    return folder


@needs_sentence_transformers
def test_a_repository_that_has_both_models(documents, queries, tmp_path):
    """efficient-splade's, from either name: a Router with a transformer a side, at the top of the repository."""
    from sentence_transformers.base.modules import Router

    router = Router.for_query_document(splade(queries), splade(documents))
    model = save([router], tmp_path / "model", prompts={"query": "", "document": ""})
    folder = as_on_the_hub(tmp_path / "model")
    assert json.loads((folder / "modules.json").read_text())[0]["path"] == ""
    settings = settings_of(folder)
    assert (settings.shared, settings.query_model) == (False, None)
    same(dense(open_query_encoder(settings, SCALE), TEXTS), model.encode_query(TEXTS).to_dense().double().numpy())
    # Named as the query model of another, it gives its queries' side.
    of_two = settings_of(documents, query_model=str(folder))
    assert of_two.query_model.name == str(folder)
    assert of_two.queries.digest == settings.queries.digest
    same(dense(open_query_encoder(of_two, SCALE), TEXTS), model.encode_query(TEXTS).to_dense().double().numpy())


@needs_sentence_transformers
@pytest.mark.parametrize("weights", ["ones", "some"])
def test_a_table_behind_the_model_keeps_own_tokens(documents, tmp_path, weights):
    """splade-v3-lexical's: one model for both sides, and behind it, for queries, a table that multiplies."""
    from sentence_transformers.base.modules import Router

    table = None if weights == "some" else torch.ones(len(SPECIAL) + len(WORDS))
    transformer, pooling = splade(documents)
    router = Router.for_query_document([transformer, pooling, static(documents, table)], [transformer, pooling])
    model = save([router], tmp_path / "model")
    settings = settings_of(tmp_path / "model")
    assert (settings.documents.terms, settings.queries.terms, settings.queries.kind) == ("all", "own", "masked_lm")
    expected = model.encode_query(TEXTS).to_dense().double().numpy()
    assert (expected > 0).sum() > len(TEXTS)
    same(dense(open_query_encoder(settings, SCALE), TEXTS), expected)
    every = settings_of(tmp_path / "model", query_terms="all")
    assert every.queries is None
    same(dense(open_query_encoder(every, SCALE), TEXTS), reference(documents, TEXTS)[0])


@needs_sentence_transformers
def test_another_table_behind_the_model_is_another_model(documents, tmp_path):
    from sentence_transformers.base.modules import Router

    router = Router.for_query_document([*splade(documents), static(documents)], splade(documents))
    save([router], tmp_path / "model")
    settings = settings_of(tmp_path / "model")
    path = tmp_path / "model" / "query_2_SparseStaticEmbedding" / "model.safetensors"
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    save_file({"weight": weights["weight"] + 1}, path)
    with pytest.raises(SpartonError, match="has changed since the index was made"):
        open_query_encoder(settings, 100)
    save_file({"weight": weights["weight"][:-1].clone()}, path)
    size = len(SPECIAL) + len(WORDS)
    with pytest.raises(SpartonError, match=f"has {size - 1} weights and its tokenizer {size} tokens"):
        settings_of(tmp_path / "model")


# Names on the hub whose files do not say how queries are encoded.


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Puts a folder into the hub's cache under a name, laid out as huggingface_hub lays it out."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def put(name, folder, commit):
        home = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        shutil.copytree(folder, home / "snapshots" / commit)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text(commit)
        return commit

    return put


def test_names_that_are_known_have_their_query_side(documents, queries, cached):
    for name, terms in (("naver/splade-v3-lexical", "own"), ("naver/splade-v3-doc", "ones")):
        commit = cached(name, documents, "0" * 40)
        settings = settings_of(name, revision=commit)
        assert (settings.for_queries.terms, settings.query_model) == (terms, None)
        assert settings_of(name, revision=commit, query_terms="all").queries is None
    expected = open_query_encoder(settings_of(documents, query_terms="own"), 100).terms(QUERY)
    lexical = settings_of("naver/splade-v3-lexical", revision="0" * 40)
    assert open_query_encoder(lexical, 100).terms(QUERY) == expected


def test_a_known_name_brings_its_query_model(documents, queries, cached):
    commit = cached("naver/efficient-splade-V-large-doc", documents, "0" * 40)
    query_commit = cached("naver/efficient-splade-V-large-query", queries, "1" * 40)
    for options in ({}, {"query_revision": query_commit}, {"query_model": "naver/efficient-splade-V-large-query"}):
        settings = settings_of("naver/efficient-splade-V-large-doc", revision=commit, **options)
        assert settings.query_model == ModelSource("naver/efficient-splade-V-large-query", query_commit)
        same(dense(open_query_encoder(settings, SCALE), TEXTS), reference(queries, TEXTS)[0])
    other = settings_of("naver/efficient-splade-V-large-doc", revision=commit, query_model=str(documents))
    assert other.query_model.name == str(documents)


def test_what_is_known_of_a_models_queries_is_not_said_of_another_query_model(documents, queries, cached):
    commit = cached("naver/splade-v3-lexical", documents, "0" * 40)
    settings = settings_of("naver/splade-v3-lexical", revision=commit, query_model=str(queries))
    same(dense(open_query_encoder(settings, SCALE), TEXTS), reference(queries, TEXTS)[0])


def test_a_folder_is_no_name(documents, tmp_path, monkeypatch):
    shutil.copytree(documents, tmp_path / "naver" / "splade-v3-doc")
    monkeypatch.chdir(tmp_path)
    assert settings_of("naver/splade-v3-doc").queries is None


@pytest.mark.parametrize("name", sorted(KNOWN_RATIOS))
def test_names_that_are_known_have_their_ratio(documents, cached, name):
    commit, ratio = cached(name, documents, "0" * 40), KNOWN_RATIOS[name]
    model = {"model": name, "revision": commit, "scale": SCALE}
    known, asked, none, folder = (
        sparton.Encoder(device="cpu", **options)
        for options in (
            model,
            {**model, "prune_ratio": 0.5},
            {**model, "prune_ratio": 0.0},
            {"model": str(documents), "scale": SCALE},
        )
    )
    assert [one.settings.documents.prune_ratio for one in (known, asked, none, folder)] == [ratio] * 3 + [None]
    assert known.settings.for_queries.prune_ratio is None
    whole = folder.encode(TEXTS).to_dicts()
    for encoder, least in ((known, ratio), (asked, 0.5), (none, 0)):
        assert encoder.encode(TEXTS).to_dicts() == [
            {term: impact for term, impact in row.items() if impact / max(row.values()) >= least} for row in whole
        ]
    queries = open_query_encoder(known.settings, SCALE)
    assert queries.terms(QUERY) == folder.terms(QUERY)


def test_an_index_records_and_shows_the_ratio_of_its_model(documents, cached, tmp_path, run_cli):
    """And keeps to it where it is updated, with the model elsewhere."""
    name = "opensearch-project/opensearch-neural-sparse-encoding-doc-v3-distill"
    commit, index = cached(name, documents, "0" * 40), tmp_path / "index"
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(TEXTS)]
    asked = {"id_column": "id", "text_columns": "text", "device": "cpu"}
    sparton.build_index(rows[:3], index, model=name, revision=commit, **asked)
    settings = load_manifest(index).settings
    assert (settings.prune_ratio, settings.model.documents.prune_ratio) == (None, 0.1)
    assert "top terms: all, from 0.1 × the heaviest on (the model)\n" in run_cli("info", "--index", index).stdout
    sparton.update_index(rows, index, model=str(documents), device="cpu")
    sparton.build_index(rows, tmp_path / "fresh", model=str(documents), prune_ratio=0.1, **asked)
    assert sorted(lines_of(index)) == sorted(lines_of(tmp_path / "fresh"))


def test_an_index_made_before_the_ratio_was_known_is_updated_as_it_stands(documents, cached, tmp_path):
    name = "opensearch-project/opensearch-neural-sparse-encoding-doc-v3-distill"
    commit, index = cached(name, documents, "0" * 40), tmp_path / "index"
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(TEXTS)]
    asked = {"id_column": "id", "text_columns": "text", "device": "cpu"}
    sparton.build_index(rows[:3], index, model=name, revision=commit, prune_ratio=0.0, **asked)
    manifest = load_manifest(index)
    model = manifest.settings.model
    model = replace(model, documents=replace(model.documents, prune_ratio=None))
    replace(manifest, settings=replace(manifest.settings, model=model, prune_ratio=None)).save(index)
    sparton.update_index(rows, index, model=str(documents), device="cpu")
    assert load_manifest(index).settings.model.documents.prune_ratio is None
    sparton.build_index(rows, tmp_path / "fresh", model=str(documents), **asked)
    assert sorted(lines_of(index)) == sorted(lines_of(tmp_path / "fresh"))


def lines_of(index):
    return [line for part in (index / "collection").glob("*.jsonl") for line in part.read_text().splitlines()]


PROMPT = "black leather "
ASKED = ["suede bag", "bag with leather", "black"]


def test_a_prompt_is_none_of_a_querys_own_tokens(documents):
    """The model gets it, and a query's terms are the query's alone; a word of both is one."""
    settings = settings_of(documents, query_terms="own")
    settings = replace(settings, queries=replace(settings.for_queries, prompt=PROMPT))
    rows, _ = reference(documents, [PROMPT + text for text in ASKED])
    expected = keeping(rows, reference(documents, ASKED)[1])

    same(dense(open_query_encoder(settings, SCALE), ASKED), expected)


@needs_sentence_transformers
def test_a_table_behind_the_model_multiplies_what_a_prompt_has_too(documents, tmp_path):
    """As sentence-transformers has it."""
    model = save([*splade(documents), static(documents)], tmp_path / "model", prompts={"query": PROMPT, "document": ""})
    settings = settings_of(tmp_path / "model")
    assert settings.for_queries.prompt == PROMPT
    same(dense(open_query_encoder(settings, SCALE), ASKED), model.encode_query(ASKED).to_dense().double().numpy())


def test_who_encodes_documents_does_not_read_the_query_model(documents, queries, monkeypatch):
    """Each encoding process would; the one that records the model does."""
    from sparton.pipeline.model import files

    read, digest = [], files.file_digest
    monkeypatch.setattr(files, "file_digest", lambda path: read.append(path.parent) or digest(path))
    options = EncoderOptions(model=str(documents), query_model=str(queries), device="cpu")
    opened = open_documents(options)
    assert set(read) == {documents}
    assert opened.settings().query_model.name == str(queries)
    assert set(read) == {documents, queries}


def test_a_model_with_another_base_head_or_echo_is_another():
    files = EncoderFiles("causal_lm", Path("model"), base=Path("base"), head=Path("head"))
    assert files.is_same_model(replace(files, prompt="query: ", max_length=5, top_terms=3, activation="one"))
    for other in ({"base": Path("other")}, {"base": None}, {"head": None}, {"echo": True}, {"kind": "masked_lm"}):
        assert not files.is_same_model(replace(files, **other))
