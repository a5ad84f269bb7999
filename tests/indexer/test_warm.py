"""The processes that the tests keep ready for builds index as new ones do, or are not used again."""

import pytest
from support.lucene_content import read_content

import sparton
from sparton.errors import SpartonError
from sparton.indexer.build import start_worker
from sparton.indexer.options import LucenePlan
from sparton.indexer.splits import cut
from sparton.indexer.worker import Finish, Index, Start

pytestmark = pytest.mark.slow

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
