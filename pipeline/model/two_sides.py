"""Whether what encodes queries fits what encodes documents: the same terms, and texts cut into the same tokens."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from ...errors import SpartonError
from ..tokens.tokenizer import Tokenization, Tokenizer
from .base import Model, TokenTable
from .spec import EncoderFiles

# What tokenizers differ in: case, accents, blanks, digits, signs, scripts without blanks, letters of several forms.
_TEXTS = (
    "Small BLACK Leather Bag",
    "Crème brûlée, naïve façade; Ångström ÜBER",
    "cafe\u0301 e\u0301t\u00e9",
    "中文字符 日本語テキスト 한국어",
    "Привет мир, Ελλάδα",
    "مرحبا שלום हिन्दी ไทย",
    "model 12345 2.5kg 3,000 7/8 US-4411",
    "it's $20 (50% off)! e-mail: a_b@c.de #1 & <b>…",
    "  leading and trailing  ",
    " one",
    "one\ttwo\nthree\r\nfour",
    "two  blanks\u00a0no-break\u3000wide",
    "ﬁne ＦＵＬＬ ½ Å №",
    "🙂 👍🏽 emoji",
    "soft\u00adhyphen zero\u200bwidth nul\x01",
    "I İ ı ß ẞ Σ ς",
    "antidisestablishmentarianism pneumonoultramicroscopic",
)
_MOST_ADDED = 200
_ENDLESS = 2**31 - 1


def check_sides(
    documents: EncoderFiles,
    document_model: Model,
    queries: EncoderFiles,
    query_model: Model,
) -> None:
    """Raise SpartonError where queries ask for other terms than documents have, or get other tokens from a text.

    A query side without a model reads tokenizer.json, and transformers may change what it reads there by other files.
    """
    for_documents, for_queries = _name(documents, document_model), _name(queries, query_model)
    vocabulary = _terms(document_model)
    for term_id, pair in enumerate(zip_longest(vocabulary, _terms(query_model))):
        theirs, ours = (term or f"[id {term_id}]" for term in pair)
        if theirs != ours:
            raise SpartonError(
                f"{for_queries}, for queries, has the term {ours!r} at id {term_id}, and {for_documents}, for "
                f"documents, has {theirs!r}; queries need the documents' vocabulary, so take a query model that has it"
            )
    tokenizations = document_model.tokenization, query_model.tokenization
    probe = [*_TEXTS, *_with_added_tokens(tokenizations)]
    for text, *both in zip(probe, *(_tokens(how, probe) for how in tokenizations), strict=True):
        if both[0] != both[1]:
            theirs, ours = (" ".join(vocabulary[token] for token in tokens) or "none" for tokens in both)
            raise SpartonError(
                f"{for_queries}, for queries, makes {text!r} the tokens {ours}, and {for_documents}, for documents, "
                f"{theirs}; save one tokenizer for both, and one that transformers loads as it is"
            )


def _name(files: EncoderFiles, model: Model) -> str:
    if isinstance(model, TokenTable):
        return str(files.folder / "tokenizer.json")
    return f"the tokenizer that transformers loads from {files.folder}"


def _terms(model: Model) -> tuple[str, ...]:
    return tuple(map(model.term, range(len(model.weights)))) if isinstance(model, TokenTable) else model.vocabulary


def _tokens(how: Tokenization, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, whole, without prompt and special tokens around."""
    return [tokens.ids.tolist() for tokens in Tokenizer(_whole(how)).tokenize(texts).each()]


def _whole(how: Tokenization) -> Tokenization:
    """The same of texts alone, whatever their length."""
    return replace(how, longest=_ENDLESS, meaningless=frozenset(), split=False, prompt="", special_tokens=False)


def _with_added_tokens(tokenizations: Sequence[Tokenization]) -> list[str]:
    """Texts with the tokens that were added to either vocabulary, between words and within one."""
    added = {token for how in tokenizations for token in Tokenizer(_whole(how)).added_tokens()}
    return [text for token in sorted(added)[:_MOST_ADDED] for text in (f"a {token} b", f"a{token}b", token.swapcase())]
