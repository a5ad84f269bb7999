"""What words of several pieces stand for: against words that are read letter by letter, and against each text alone."""

import random

import numpy as np
import pytest
import Stemmer
from support.at_once import at_once
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from sparton.errors import SpartonError
from sparton.pipeline.tokens import stems
from sparton.pipeline.tokens.stems import Stems, inflected, number_less, singulars

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [
    *["backpack", "umbrella", "sandals", "suitcase", "format", "formation", "compilation", "compiler", "battery"],
    *[
        "wash",
        "the",
        "card",
        "loaf",
        "up",
        "sand",
        "sha",
        "shave",
        "shaved",
        "pri",
        "blaze",
        "blazers",
        "dress",
        "kant",
    ],
    *["ab", "ad"],
]
PIECES = ["##s", "##al", "##er", "##ers", "##ting", "##ries", "##igan", "##igans", "##r", "##ving", "##eve", "##cy"]
MORE = ["##cle", "##cling", "##cled", "##ian", "##ians", "##es", "##mer", "##ch", "##ches"]
VOCABULARY = [*SPECIAL, *WORDS, *PIECES, *MORE, *(f"##{letter}" for letter in "abcdefghijklmnopqtuvwxyz"), *"bdex."]
NO_WORD = ("the", ".", *SPECIAL)


def word_piece(vocabulary=VOCABULARY):
    numbers = {token: number for number, token in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


TOKENIZER = word_piece()


def numbers(tokenizer=TOKENIZER):
    """int32 [V]: each token a word of its own, but for those that are none."""
    found = np.arange(tokenizer.get_vocab_size(), dtype=np.int32)
    found[[tokenizer.token_to_id(token) for token in NO_WORD]] = -1
    return found


@pytest.fixture
def english():
    return Stems(TOKENIZER, "porter", numbers())


def pieces_of(word):
    return TOKENIZER.encode(word, add_special_tokens=False).tokens


def stands_for(found, word):
    ids = [TOKENIZER.token_to_id(token) for token in pieces_of(word)]
    return [TOKENIZER.id_to_token(token) for token in found.of(ids)]


@pytest.mark.parametrize(
    ("word", "tokens"),
    [
        ("backpacks", ["backpack"]),
        ("umbrellas", ["umbrella"]),
        ("suitcases", ["suitcase"]),
        ("batteries", ["battery"]),
        ("sandal", ["sandals"]),  # the plural has one piece, and the singular two
        ("compilers", ["compiler"]),  # and not "compilation", which has the same stem
        ("formatting", ["format"]),
        ("blazer", ["blazers"]),
        ("shaving", ["shave"]),
        ("loafers", ["loaf", "##er"]),  # no form has one piece
        ("loafer", ["loaf", "##er"]),
        ("cardigans", ["card", "##igan"]),
        ("cardigan", ["card", "##igan"]),
        ("kantians", ["kant", "##ian"]),
        ("prieve", ["pri", "##eve"]),
        ("upcycling", ["up", "##cy", "##cling"]),  # no plural, so its pieces are its own
    ],
)
def test_a_word_stands_for_its_form(english, word, tokens):
    assert len(pieces_of(word)) > 1
    assert stands_for(english, word) == tokens


def test_a_token_that_is_no_word_is_no_form():
    of = {word: numbers() for word in ("kept", "left out")}
    of["left out"][TOKENIZER.token_to_id("sandals")] = -1
    assert stands_for(Stems(TOKENIZER, "porter", of["kept"]), "sandal") == ["sandals"]
    assert stands_for(Stems(TOKENIZER, "porter", of["left out"]), "sandal") == ["sand", "##al"]


def test_other_languages_have_no_singulars_but_forms():
    vocabulary = [*SPECIAL, "tasche", "geld", "##n", "##b", "##orse", "##orsen", "."]
    tokenizer = word_piece(vocabulary)
    german = Stems(tokenizer, "german", np.arange(tokenizer.get_vocab_size(), dtype=np.int32))
    for word, expected in {"taschen": ["tasche"], "geldborsen": ["geld", "##b", "##orsen"]}.items():
        ids = tokenizer.encode(word, add_special_tokens=False).ids
        assert [tokenizer.id_to_token(token) for token in german.of(ids)] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bags", {"bag"}),
        ("dresses", {"dresse", "dress"}),
        ("valises", {"valise", "valis"}),
        ("ladies", {"lady", "ladie", "ladi"}),
        ("knives", {"knif", "knife", "knive", "kniv"}),
        *((word, set()) for word in ("glass", "bus", "iris", "bag", "")),
    ],
)
def test_singulars(word, expected):
    assert set(singulars(word)) == expected


@pytest.mark.parametrize(
    "words",
    [
        *(("loafer", "loafers"), ("valise", "valises"), ("birdhouse", "birdhouses"), ("crossbody", "crossbodies")),
        *(("hoodie", "hoodies"), ("bowtie", "bowties"), ("moustache", "moustaches"), ("mousse", "mousses")),
        *(
            ("lunchbox", "lunchboxes"),
            ("deluxe",),
            ("brush", "brushes"),
            ("cashmere", "cashmeres"),
            ("gauze", "gauzes"),
        ),
    ],
)
def test_a_word_and_its_plural_are_written_alike(words):
    assert len(set(map(number_less, words))) == 1


@pytest.mark.parametrize(
    ("word", "others", "no"),
    [
        ("formatting", {"format", "formatting", "formatte"}, "formation"),
        ("suspenders", {"suspender"}, "suspended"),
        ("ironing", {"iron", "irone"}, "ironic"),
        ("shaved", {"shav", "shave"}, "shaven"),
        ("carried", {"carry"}, "carriage"),
    ],
)
def test_inflections(word, others, no):
    assert others <= inflected(word)
    assert no not in inflected(word)


def test_in_english_a_form_is_an_inflection():
    vocabulary = [*SPECIAL, "suspended", "iron", "ironic", "scarf", "susp", "##end", "##ers", "##ing", "scar", "##ves"]
    tokenizer = word_piece(vocabulary)
    found = Stems(tokenizer, "porter", np.arange(len(vocabulary), dtype=np.int32))
    for word, expected in {"suspenders": ["susp", "##end", "##ers"], "ironing": ["iron"], "scarves": ["scarf"]}.items():
        ids = tokenizer.encode(word, add_special_tokens=False).ids
        assert len(ids) > 1
        assert [tokenizer.id_to_token(token) for token in found.of(ids)] == expected


def some_texts(count, seed=0):
    """Texts of words with one piece and with several, in ids with special tokens around; some are empty, and some
    begin within a word."""
    rng = random.Random(seed)
    forms = [
        *WORDS,
        "backpacks",
        "sandal",
        "loafers",
        "loafer",
        "cardigans",
        "compilers",
        "formatting",
        "batteries",
        ".",
    ]
    forms += ["".join(rng.choices("abcdeqxz", k=rng.randint(2, 6))) for _ in range(60)]
    texts = []
    for _ in range(count):
        tokens = TOKENIZER.encode(" ".join(rng.choices(forms, k=rng.randint(0, 12))), add_special_tokens=False).ids
        if tokens and rng.random() < 0.2:
            tokens = tokens[1:]
        around = [[TOKENIZER.token_to_id(token)] for token in ("[CLS]", "[SEP]")] if rng.random() < 0.9 else [[], []]
        texts.append(np.array([*around[0], *tokens, *around[1]], np.int32))
    return texts


def words_within(ids):
    """The words of a text as lists of token ids, read token by token; what a text begins with may be no word."""
    words = []
    for token in ids.tolist():
        if TOKENIZER.id_to_token(token).startswith("##") and words:
            words[-1].append(token)
        else:
            words.append([token])
    first = TOKENIZER.id_to_token(words[0][0]) if words else ""
    if first in SPECIAL and len(words[0]) > 1:
        words[0:1] = [[token] for token in words[0]]
    return words


def added_to(ids):
    """What `added` is to say of one text, with a stemmer asked anew for each word."""
    porter, found = Stemmer.Stemmer("porter"), []
    by_stem = {}
    for token in VOCABULARY:
        if len(token) > 2 and token.isalpha() and token not in NO_WORD:
            by_stem.setdefault(porter.stemWord(token), []).append(token)
    for word in words_within(ids):
        if len(word) == 1:
            continue
        pieces = [TOKENIZER.id_to_token(token) for token in word]
        written = (pieces[0] + "".join(piece[2:] for piece in pieces[1:])).removeprefix("##")
        stems = {porter.stemWord(one) for one in (written, *singulars(written))}
        forms = [form for stem in stems for form in by_stem.get(stem, ()) if inflected(form) & inflected(written)]
        if forms:
            shared = [sum(form[: i + 1] == written[: i + 1] for i in range(len(form))) for form in forms]
            best = [form for form, count in zip(forms, shared, strict=True) if count == max(shared)]
            stands = [min(best, key=len)]
        else:
            one = number_less(written)
            stands = TOKENIZER.encode(one, add_special_tokens=False).tokens
            if one == written or porter.stemWord(one) != porter.stemWord(written) or "[UNK]" in stands:
                stands = pieces
        found += [TOKENIZER.token_to_id(token) for token in stands if token in NO_WORD or token not in pieces]
    return sorted(found)


def of_rows(found, count):
    rows, tokens = found
    return [sorted(tokens[rows == row].tolist()) for row in range(count)]


def test_texts_of_a_batch_get_what_each_gets_alone(english):
    texts = some_texts(300)
    lengths = np.array(list(map(len, texts)))
    together = of_rows(english.added(np.concatenate(texts), lengths), len(texts))
    assert together == [added_to(text) if len(text) else [] for text in texts]
    assert sum(map(bool, together)) > 50
    fresh = Stems(TOKENIZER, "porter", numbers())
    assert together == [of_rows(fresh.added(text, np.array([len(text)])), 1)[0] for text in texts]


def test_tokens_are_replaced_by_what_their_words_stand_for(english):
    for text in some_texts(200, seed=1):
        expected = [token for word in words_within(text) for token in (word if len(word) == 1 else english.of(word))]
        assert sorted(english.replaced(text).tolist()) == sorted(expected)
        assert english.replaced(text).dtype == text.dtype


def test_what_is_remembered_has_a_bound_and_changes_nothing(english, monkeypatch):
    texts = some_texts(60, seed=2)
    expected = [of_rows(english.added(text, np.array([len(text)])), 1)[0] for text in texts]
    monkeypatch.setattr(stems, "_MOST_KNOWN", 3)
    forgetful = Stems(TOKENIZER, "porter", numbers())
    for _ in range(2):
        assert [of_rows(forgetful.added(text, np.array([len(text)])), 1)[0] for text in texts] == expected
    assert len(forgetful._known) < 20


def test_threads_get_what_each_would_get_alone(english, monkeypatch):
    monkeypatch.setattr(stems, "_MOST_KNOWN", 5)
    texts = some_texts(80, seed=3)
    expected = [added_to(text) if len(text) else [] for text in texts]

    def act(seed):
        order = random.Random(seed).sample(range(len(texts)), len(texts))
        return all(of_rows(english.added(texts[i], np.array([len(texts[i])])), 1)[0] == expected[i] for i in order)

    assert all(at_once(act))


def test_a_word_of_which_a_form_is_a_piece_has_nothing_added():
    """The tokens of "backpacks" have "backpack" among them, or what is one word with it."""
    together = numbers()
    together[TOKENIZER.token_to_id("shaved")] = TOKENIZER.token_to_id("sha")
    found = Stems(TOKENIZER, "porter", together)
    for word, tokens in {"backpacks": [], "shaving": ["shave"], "sandal": ["sandals"], "theb": ["the"]}.items():
        ids = np.array(TOKENIZER.encode(word, add_special_tokens=False).ids, np.int32)
        assert [TOKENIZER.id_to_token(token) for token in found.added(ids, np.array([len(ids)]))[1]] == tokens


def test_tokenizers_that_do_not_say_what_goes_on_with_a_word_are_refused():
    sentence_pieces = Tokenizer(models.Unigram([("a", 0.0), ("b", -1.0)]))
    for tokenizer, kind in ((sentence_pieces, "is one of Unigram"), (None, "has no tokenizer.json")):
        with pytest.raises(SpartonError, match=f"is for tokenizers of WordPiece, and its tokenizer {kind}"):
            Stems(tokenizer, "porter", numbers())
