"""Parts are the same whoever writes them."""

import numpy as np
import pytest

from sparton.pipeline.documents import Documents
from sparton.pipeline.encoding.impacts import Impacts
from sparton.pipeline.parts.json_vectors import Written
from sparton.pipeline.parts.part_writer import WRITER, NewPart, write_parts
from sparton.processes import Subprocess
from sparton.storage.manifest import Counts
from sparton.storage.markers import file_digest

VOCABULARY = tuple(f"t{i}" for i in range(20))


def parts(folder, count=5):
    for number in range(count):
        documents = Documents(tuple(f"d{number}-{i}" for i in range(3)), ("text 0", "text 1", "text 2"))
        impacts = Impacts(
            np.array([0, 2, 2, 3]), np.array([1, 2 + number % 5, 7], np.int32), np.array([5, 6, 7], np.int32)
        )
        yield NewPart(folder / f"part-{number:05d}.jsonl", documents, impacts, Counts(rows=3))


def writers(processes):
    return [Subprocess(WRITER) for _ in range(processes)]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 1, 3])
def test_every_part_is_written_and_comes_back_in_order(tmp_path, processes):
    done = list(write_parts(parts(tmp_path), VOCABULARY, store_text=True, workers=writers(processes)))
    paths = [tmp_path / f"part-0000{n}.jsonl" for n in range(5)]
    assert [(part.path, written) for part, written in done] == [(path, Written(2, file_digest(path))) for path in paths]
    assert (tmp_path / "part-00003.jsonl").read_text() == (
        '{"id": "d3-0", "contents": "text 0", "vector": {"t1": 5, "t5": 6}}\n'
        '{"id": "d3-2", "contents": "text 2", "vector": {"t7": 7}}\n'
    )


def test_only_so_many_parts_are_in_memory(tmp_path):
    made = []

    def counted():
        for part in parts(tmp_path, 50):
            made.append(part)
            yield part

    for number, _ in enumerate(write_parts(counted(), VOCABULARY, store_text=False, workers=writers(2))):
        assert len(made) - number <= 4


@pytest.mark.slow
def test_many_failures_at_once_end_the_writing(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(write_parts(parts(tmp_path / "nowhere", 30), VOCABULARY, store_text=False, workers=writers(3)))


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 2])
def test_a_part_that_cannot_be_written_is_an_os_error(tmp_path, processes):
    with pytest.raises(FileNotFoundError) as caught:
        list(write_parts(parts(tmp_path / "nowhere"), VOCABULARY, store_text=False, workers=writers(processes)))
    assert "part-00000" in str(caught.value.filename)


def test_the_writing_processes_do_without_torch():
    import subprocess
    import sys

    script = "import sys; import sparton.pipeline.parts.part_writer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
