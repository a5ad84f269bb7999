"""What tests keep ready for builds: processes that index as new ones do, or are not used again, and weights."""

from itertools import pairwise

import pytest
import torch
from support.lucene_content import read_content
from support.remembered import Remembered

import sparton
from sparton.errors import SpartonError
from sparton.indexer.build import start_worker
from sparton.indexer.options import LucenePlan
from sparton.indexer.splits import cut
from sparton.indexer.worker import Finish, Index, Start
from sparton.pipeline.model.open_model import open_documents
from sparton.pipeline.options import EncoderOptions
from sparton.pipeline.tokens.tokenizer import Tokenizer

pytestmark = pytest.mark.slow

TEXTS = ["a small black bag", "red hat", "an evening clutch of satin", "bag"]
PLAN = LucenePlan(1, 128, 4)


def started(folder):
    """A process that has begun an index, and its number."""
    process = start_worker()
    process.ask(Start(folder, "", PLAN, None))
    return process, process.pid


def test_one_that_finished_is_used_again_and_any_other_is_not(tmp_path):
    (good := tmp_path / "good.jsonl").write_text('{"id": "a", "vector": {"bag": 3}}\n')
    (bad := tmp_path / "bad.jsonl").write_text("{}\n")
    process, number = started(tmp_path / "one")
    process.ask(Index(next(iter(cut(good)))))
    process.ask(Finish())
    process.close()
    process, again = started(tmp_path / "two")
    assert again == number
    process.close()  # with the folder open
    process, other = started(tmp_path / "two")
    assert other != number
    with pytest.raises(SpartonError, match=r"bad\.jsonl line 1 is not"):
        process.ask(Index(next(iter(cut(bad)))))
    process.close()
    process, third = started(tmp_path / "two")
    assert third != other
    process.close()


def test_an_index_is_that_of_a_fresh_process(small_index, warm_builds, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        warm_builds.undo(patch)
        sparton.index_vectors(small_index / "collection", tmp_path / "fresh")
    for number in range(2):
        sparton.index_vectors(small_index / "collection", tmp_path / f"{number}")
        assert read_content(tmp_path / f"{number}" / "lucene") == read_content(tmp_path / "fresh" / "lucene")


@torch.inference_mode()
def test_a_batch_has_the_weights_that_it_has_by_the_model():
    """The first time and later, also where somebody writes into what was given."""
    model = open_documents(EncoderOptions(device="cpu")).model
    tokens, remembered = Tokenizer(model.tokenization).tokenize(TEXTS), Remembered(model)
    batch = [tokens.ids[start:end] for start, end in pairwise(tokens.offsets)]
    for texts in (batch, batch[:2], batch[::-1]):
        expected = model.weights(texts)
        for _ in range(3):
            found = remembered.weights(texts)
            assert torch.equal(found, expected)
            found.zero_()
    assert len(remembered._known) == 3
    assert remembered.vocabulary == model.vocabulary


@pytest.mark.parametrize("options", [{}, {"top_terms": 5}, {"batch_tokens": 64}])
def test_a_build_by_what_is_kept_has_the_vectors_of_one_that_loads_its_model(bags, warm_builds, tmp_path, options):
    with pytest.MonkeyPatch.context() as patch:
        warm_builds.undo(patch)
        sparton.build_index(bags, tmp_path / "fresh", lucene=False, **options)
    expected = (tmp_path / "fresh" / "collection" / "part-00000.jsonl").read_bytes()
    for number in range(2):
        sparton.build_index(bags, tmp_path / f"{number}", lucene=False, **options)
        assert (tmp_path / f"{number}" / "collection" / "part-00000.jsonl").read_bytes() == expected
