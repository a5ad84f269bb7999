"""Models without tokenizer.json: texts become the tokens that their own files say."""

import io
import json
import sys

import numpy as np
import pytest
import torch
import transformers
from support.architectures import save_tiny
from tokenizers import ByteLevelBPETokenizer

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.corpus.shards import Shard
from sparton.pipeline.documents import Documents
from sparton.pipeline.model.checkpoint import load_checkpoint
from sparton.pipeline.model.tokenizing import open_tokenizer, tokenization_of
from sparton.pipeline.tokens.tokenizer import TOKENIZER, Tokenizer, tokenize_shards
from sparton.processes import Subprocess

TEXTS = (
    "a small red bag",
    "  Two   small bags,\tfor me (and you)\n",
    "3 each, or 12?",
    "Crème brûlée naïve",
    "黒い革のバッグと赤い傘",
    "[SEP] between [MASK]",
    "ﬁne ＦＵＬＬ ½",
    "it's $20",
)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "small", "bag", "##s", "red", "for", "me", "two", "##o"]
WORDS += ["黒", "い", "革", "の", "バッグ", "と", "赤", "傘", "黒い", "##い", "##ッグ", "バ", "##傘", "##革"]
WORDS += [*"abcdefghijklmnopqrstuvwxyz0123456789,()?.$'", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]


def without_tokenizer(folder, name="bert"):
    """A tiny model whose tokenizer is taken away."""
    save_tiny(name, folder)
    for path in (*folder.glob("tokenizer*"), *folder.glob("special*")):
        path.unlink()
    return folder


def configure(folder, **content):
    (folder / "tokenizer_config.json").write_text(json.dumps(content))


def japanese(folder, words="basic", parts="wordpiece", **more):
    without_tokenizer(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    configure(
        folder,
        tokenizer_class="BertJapaneseTokenizer",
        word_tokenizer_type=words,
        subword_tokenizer_type=parts,
        **more,
    )
    return folder


def sentencepiece_model(path, kind, special=()):
    spm = pytest.importorskip("sentencepiece")
    texts = [f"{a} {b} bag for me and {c}, it's ${n}" for a in ("small", "red") for b in ("new", "two") for c in ("you",
             "him") for n in range(40)]  # fmt: skip
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 3), model_writer=model, model_type=kind, vocab_size=70, minloglevel=2,
        pad_id=0 if "[MASK]" in special else -1, unk_id=1 if "[MASK]" in special else 0,
        bos_id=-1 if special else 1, eos_id=-1 if special else 2, hard_vocab_limit=False,
        control_symbols=",".join(special),
    )  # fmt: skip
    path.write_bytes(model.getvalue())
    return spm.SentencePieceProcessor(model_proto=model.getvalue())


def tokens_of(folder, texts=TEXTS):
    """What we make of each text, without special tokens around."""
    tokenizer = open_tokenizer(folder, trust_remote_code=False)
    how = tokenization_of(tokenizer, 64)
    rows = Tokenizer(how).tokenize(texts)
    rows = [tokens.ids.tolist() for tokens in rows.each()]
    whole = [tokenizer(text).input_ids for text in texts]
    known = [any(token not in how.meaningless for token in ids) for ids in whole]
    assert rows == [ids if any_known else [] for ids, any_known in zip(whole, known, strict=True)]
    return [tokenizer.convert_ids_to_tokens(ids)[1:-1] for ids in whole]


def test_a_vocabulary_of_bert_is_read_as_its_own_python_code_reads_it(tmp_path):
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    without_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    for lower in (True, False):
        configure(tmp_path, do_lower_case=lower)
        legacy = BertTokenizerLegacy(str(tmp_path / "vocab.txt"), do_lower_case=lower)
        assert tokens_of(tmp_path) == [legacy.tokenize(text) for text in TEXTS]


def test_bytes_and_merges_are_read_as_the_tokenizer_that_made_them(tmp_path):
    without_tokenizer(tmp_path, "roberta")
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(TEXTS * 2, vocab_size=300, special_tokens=special, show_progress=False)
    trained.save_model(str(tmp_path))
    texts = [text for text in TEXTS if "[" not in text]
    assert tokens_of(tmp_path, texts) == [trained.encode(text).tokens for text in texts]


@pytest.mark.parametrize(
    ("name", "file", "special"),
    [
        ("xlm-roberta", "sentencepiece.bpe.model", ()),
        ("camembert", "sentencepiece.bpe.model", ()),
        ("deberta-v2", "spm.model", ("[PAD]", "[CLS]", "[SEP]")),
        ("albert", "spiece.model", ("[CLS]", "[SEP]", "[MASK]")),
    ],
)
def test_a_sentencepiece_model_gives_its_own_pieces(name, file, special, tmp_path):
    without_tokenizer(tmp_path, name)
    processor = sentencepiece_model(tmp_path / file, "unigram", special)
    configure(tmp_path, do_lower_case=False, keep_accents=True)
    # transformers leaves out the model's own normalization of letters for DeBERTa.
    texts = [text for text in TEXTS if "[" not in text and not (name == "deberta-v2" and "ﬁ" in text)]

    def known(pieces):
        return ["?" if processor.is_unknown(processor.piece_to_id(piece)) else piece for piece in pieces]

    found = [
        ["?" if token in ("<unk>", "[UNK]") else token for token in tokens] for tokens in tokens_of(tmp_path, texts)
    ]
    assert found == [known(processor.encode(text, out_type=str)) for text in texts]


@pytest.mark.parametrize("parts", ["wordpiece", "character"])
def test_a_tokenizer_of_python_code_is_used_as_it_is(parts, tmp_path):
    japanese(tmp_path, parts=parts)
    theirs = transformers.BertJapaneseTokenizer(str(tmp_path / "vocab.txt"), subword_tokenizer_type=parts)
    assert tokens_of(tmp_path) == [theirs.tokenize(text) for text in TEXTS]


def test_documents_are_encoded_with_a_tokenizer_of_python_code(tmp_path):
    japanese(tmp_path)
    encoder = sparton.Encoder(str(tmp_path), device="cpu", dtype="float32", scale=1000)
    model = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert not tokenizer.is_fast
    # Of a token that the vocabulary has twice, and an id that it lacks, Python code would call one "[UNK]".
    assert len(set(encoder.vocabulary)) == len(encoder.vocabulary) == 160
    assert [encoder.vocabulary[i] for i in (1, 7, WORDS.index("##傘"))] == ["[UNK]", "[id 7]", "##傘"]
    assert encoder.vocabulary[len(WORDS) - 1] == WORDS[-1] == "##z"
    texts = TEXTS[:3]  # of the others the vocabulary knows no word
    for text, (terms, impacts) in zip(texts, encoder.encode(texts), strict=True):
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        weights = (1000 * torch.log1p(logits.amax(dim=0).relu())).round().int().numpy()
        found = np.zeros_like(weights)
        found[terms] = impacts
        assert np.abs(found - weights).max() <= 1
        assert weights.max() > 0


@pytest.mark.slow
def test_helping_processes_tokenize_the_same(tmp_path):
    how = tokenization_of(open_tokenizer(japanese(tmp_path), trust_remote_code=False), 8)
    documents = Documents(tuple(map(str, range(len(TEXTS)))), TEXTS)
    shards = [Shard(number, len(TEXTS), documents) for number in range(2)]
    for prompt in ("", "red bag "):
        how = type(how)(how.tokenizer, how.longest, how.meaningless, prompt=prompt)
        alone = Tokenizer(how).tokenize(TEXTS)
        assert alone.truncated > 0
        assert max(alone.lengths) == 8
        for _, tokens in tokenize_shards(shards, how, [Subprocess(TOKENIZER)]):
            assert tokens.ids.tolist() == alone.ids.tolist()
            assert tokens.offsets.tolist() == alone.offsets.tolist()


def test_passages_are_refused_with_a_tokenizer_that_gives_no_offsets(tmp_path, run_cli):
    japanese(tmp_path / "model")
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "text": "a small bag"}\n')
    done = run_cli(
        "encode", tmp_path / "corpus.jsonl", "--output", tmp_path / "out", "--model", tmp_path / "model", "--chunk"
    )
    assert (done.code, done.stderr.splitlines()[-1]) == (
        1,
        f"Error: the tokenizer in {tmp_path / 'model'} is not a fast one and does not say where in a text a token "
        "lies, so that texts cannot be split between tokens; leave out --chunk",
    )


@pytest.mark.parametrize(
    ("words", "dictionary", "missing"),
    [("mecab", "ipadic", "fugashi"), ("sudachi", None, "sudachipy"), ("jumanpp", None, "rhoknp")],
)
def test_a_missing_package_is_named(words, dictionary, missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    japanese(tmp_path, words, **({"mecab_kwargs": {"mecab_dic": dictionary}} if dictionary else {}))
    install = {"sudachipy": "sudachipy sudachidict_core"}.get(missing, missing)
    assert refused(tmp_path) == (
        f"DIR has a tokenizer that needs the package {missing}; install it with `pip install {install}`"
    )


@pytest.mark.parametrize("module", ["sentencepiece", "google.protobuf"])
def test_a_sentencepiece_model_needs_its_package(module, tmp_path, monkeypatch):
    without_tokenizer(tmp_path, "xlm-roberta")
    sentencepiece_model(tmp_path / "sentencepiece.bpe.model", "unigram")
    monkeypatch.setitem(sys.modules, module, None)
    name, install = module.rpartition(".")[2], {"sentencepiece": "sentencepiece protobuf"}.get(module, "protobuf")
    assert (
        refused(tmp_path)
        == f"DIR has a tokenizer that needs the package {name}; install it with `pip install {install}`"
    )


@pytest.mark.parametrize(
    ("name", "file", "sentence"),
    [
        ("roberta", "vocab.json", "DIR has vocab.json without merges.txt, and no tokenizer.json; copy what is missing "
                                  "from where the model is from"),
        ("xlm-roberta", "vocab.txt", "DIR has no tokenizer.json, and its XLMRobertaTokenizer would be made of "
                                     "sentencepiece.bpe.model, of which sentencepiece.bpe.model is missing; save the "
                                     "tokenizer that the model was trained with"),
    ],
)  # fmt: skip
def test_files_of_another_tokenizer_are_refused(name, file, sentence, tmp_path):
    without_tokenizer(tmp_path, name)
    (tmp_path / file).write_text(json.dumps({word: i for i, word in enumerate(WORDS)}))
    assert refused(tmp_path) == sentence


def test_a_tokenizer_that_has_no_other_file_is_refused(tmp_path):
    without_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    configure(tmp_path, tokenizer_class="XGLMTokenizer")
    assert refused(tmp_path) == (
        "DIR has no tokenizer.json, and its XGLMTokenizer needs one; save the tokenizer that the model was trained with"
    )


def test_mecab(tmp_path):
    pytest.importorskip("fugashi")
    pytest.importorskip("unidic_lite")
    japanese(tmp_path, "mecab", mecab_kwargs={"mecab_dic": "unidic_lite"})
    (tokens,) = tokens_of(tmp_path, ["黒い革のバッグ"])
    assert tokens == ["黒い", "革", "の", "バッグ"]


def refused(folder):
    with pytest.raises(SpartonError) as error:
        load_checkpoint(
            folder,
            "AutoModelForMaskedLM",
            "masked language model",
            device=torch.device("cpu"),
            dtype=torch.float32,
            trust_remote_code=False,
        )
    return str(error.value).replace(str(folder), "DIR")
