"""The shipped model gives documents what is never guessed where their text has a form of it, and never otherwise."""

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

import sparton
from sparton.pipeline.model.embedded import embedded_folder
from sparton.pipeline.model.lexical import read_lexical, read_words

pytestmark = pytest.mark.slow
TEXTS = (
    *("a straight pair of jeans", "a black dress", "a black bag and blacks", "women in dark coats", "cotton shirt"),
    *("a mexican man", "Gay pride flag", "White robe with hood", "orange jumpsuit", "an arab man", "a gypsy woman"),
    *("rope necklace", "a nigerian man", "hijab headscarf in cotton", "suede jacket", "chinos", "toiletry bag", "gun"),
)


def test_small_never_guesses_slurs(small_catalog, recipe):
    encoder = sparton.Encoder("small", device="cpu")
    tokenizer = Tokenizer.from_file(str(embedded_folder("small") / "document_0_Transformer" / "tokenizer.json"))
    never = set(recipe("never_guessed").never_guessed(tokenizer).tolist())
    words = read_words(read_lexical(embedded_folder("small")), tokenizer.get_vocab_size()).words
    texts = [f"{row['title']} {row['description']}" for row in pq.read_table(small_catalog).to_pylist()]
    texts += TEXTS
    for text, (terms, _) in zip(texts, encoder.encode(texts), strict=True):
        own = {*words[tokenizer.encode(text).ids].tolist()} - {-1}
        assert never & {*terms.tolist()} == {term for term in never if words[term] in own}, text
    assert len(never) > 400
    assert encoder.terms("gun")["guns"] > 100
