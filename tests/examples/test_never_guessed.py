"""The shipped model's documents have none of the terms that are never guessed, but where their text has them."""

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

import sparton
from sparton.pipeline.model.embedded import embedded_folder

pytestmark = pytest.mark.slow
TEXTS = ("a straight pair of jeans", "a black dress", "a black bag and blacks", "women in dark coats", "cotton shirt")


def test_small_never_guesses_slurs(small_catalog, recipe):
    encoder = sparton.Encoder("small", device="cpu")
    tokenizer = Tokenizer.from_file(str(embedded_folder("small") / "document_0_Transformer" / "tokenizer.json"))
    never = {tokenizer.id_to_token(int(number)) for number in recipe("never_guessed").never_guessed(tokenizer)}
    texts = [f"{row['title']} {row['description']}" for row in pq.read_table(small_catalog).to_pylist()]
    texts += TEXTS
    for text, (terms, _) in zip(texts, encoder.encode(texts), strict=True):
        found = {encoder.vocabulary[term] for term in terms.tolist()} & never
        assert found == never & set(tokenizer.encode(text).tokens), text
    assert len(never) > 100
