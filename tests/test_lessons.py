"""The pages that a reader follows from top to bottom do what they show, in a folder with nothing but the sample."""

import shutil

import pytest
from support.block_runner import BlockRunner, run_and_compare
from support.documents import LESSONS, RUN, blocks_of


@pytest.mark.slow
@pytest.mark.parametrize("page", LESSONS)
def test_lessons_run_from_top_to_bottom(page, data, run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("catalog.parquet", "queries.tsv", "qrels.txt"):
        shutil.copy(str(data / name), tmp_path / "data")
    runner = BlockRunner(tmp_path, run_cli)
    blocks = [block for block in blocks_of(page) if block.language in RUN and block.reason is None]
    try:
        wrong = [sentence for block in blocks for sentence in run_and_compare(runner, block)]
    finally:
        runner.close()
    assert wrong == []
