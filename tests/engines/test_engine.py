"""Encoding in one process or one for each device: the same parts, whoever makes them and whatever happens to them."""

import os
import signal
import sys
from typing import get_type_hints

import pyarrow.parquet as pq
import pytest

import sparton
from sparton.engines import devices as device_processes
from sparton.engines import local
from sparton.engines.local import OneDevice, open_local
from sparton.engines.register import ENGINES
from sparton.errors import SpartonError, UsageError
from sparton.options import one_of, option_of
from sparton.pipeline.options import EncoderOptions, EncodingOptions
from sparton.pipeline.parts import collection as collection_module

pytestmark = pytest.mark.fresh

OPTIONS = {"shard_rows": 10, "lucene": False}


@pytest.fixture
def quick(static_model):
    """Those of a model without torch, whose processes start quickly, and of parts that take a while nevertheless."""
    return {**OPTIONS, "model": str(static_model)}


@pytest.fixture
def many_bags(write_parquet, tmp_path):
    """So many that a process is at work on them for a while, in parts of 10."""
    texts = [f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(4_000)]
    return write_parquet(tmp_path / "many.parquet", id=[f"d{i:04}" for i in range(4_000)], text=texts)


def collection(folder):
    return {path.name: path.read_bytes() for path in (folder / "collection").iterdir()}


@pytest.fixture
def processes(monkeypatch):
    """The processes that were started for devices."""
    started = []

    class Recorded(device_processes.Subprocess):
        def __init__(self, module):
            super().__init__(module)
            started.append(self)

    monkeypatch.setattr(device_processes, "Subprocess", Recorded)
    return started


@pytest.mark.slow
def test_several_devices_give_the_bytes_and_counts_of_one(bags, tmp_path, processes):
    pruned = {**OPTIONS, "prune_ratio": 0.3, "prune_mass": 0.9, "min_impact": 20}
    one = sparton.build_index(bags, tmp_path / "one", device="cpu", **pruned)
    two = sparton.build_index(bags, tmp_path / "two", device="cpu:0,cpu:1", **pruned)
    assert len(processes) == 2
    assert collection(tmp_path / "two") == collection(tmp_path / "one")
    assert two.counts == one.counts
    assert (two.work.rows, two.work.tokens) == (one.work.rows, one.work.tokens)
    assert not list((tmp_path / "two").rglob("*.claim"))


@pytest.mark.slow
def test_what_a_killed_device_process_leaves_is_gone_on_with(many_bags, quick, tmp_path, processes):
    sparton.build_index(many_bags, tmp_path / "one", device="cpu", **quick)
    with pytest.raises(SpartonError, match=r"killed by SIGKILL.* what was finished is kept"):
        _build_and_kill(many_bags, tmp_path / "index", processes, quick)
    done = len(list((tmp_path / "index" / "shards").glob("*.json")))
    assert 0 < done < 400
    report = sparton.build_index(many_bags, tmp_path / "index", device="cpu:0,cpu:1", **quick)
    assert report.resumed
    assert report.work.kept == 10 * done
    assert collection(tmp_path / "index") == collection(tmp_path / "one")


def _build_and_kill(corpus, folder, processes, options):
    """Kill the first device's process once a part is finished; parts of the other may come after it."""
    from sparton.pipeline.progress import Progress

    killed = []

    def watch(self, *arguments, real=Progress.add, **options):
        real(self, *arguments, **options)
        if self.work.rows and not killed:
            killed.append(processes[0].pid)
            os.kill(*killed, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "add", watch)
        sparton.build_index(corpus, folder, device="cpu:0,cpu:1", **options)


@pytest.fixture
def busy(monkeypatch):
    """A CPU is given the processes of a GPU: those that tokenize, and those that write."""
    started = []

    class Recorded(local.CpuWorkers):
        def __init__(self, devices=1):
            super().__init__(devices)
            started.append(self)

    monkeypatch.setattr(local, "on_gpu", lambda device: True)
    monkeypatch.setattr(local, "CpuWorkers", Recorded)
    return started


@pytest.mark.slow
def test_processes_that_tokenize_and_write_change_no_byte(bags, tmp_path, busy):
    helped = sparton.build_index(bags, tmp_path / "helped", device="cpu", chunk=True, max_length=8, **OPTIONS)
    assert len(busy) == 1
    assert all(process._process.poll() is not None for process in (*busy[0].tokenizers, *busy[0].writers))
    busy.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "on_gpu", lambda device: False)
        alone = sparton.build_index(bags, tmp_path / "alone", device="cpu", chunk=True, max_length=8, **OPTIONS)
    assert not busy
    assert collection(tmp_path / "helped") == collection(tmp_path / "alone")
    assert helped.counts == alone.counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tokenizers", "writers"])
def test_a_killed_helper_is_a_sentence_and_what_is_finished_is_kept(bags, tmp_path, busy, kind):
    def kill(path, counts, part=collection_module.Part):
        for process in getattr(busy[0], kind):
            if process._process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
        return part(path, counts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection_module, "Part", kill)  # when the first is finished
        with pytest.raises(SpartonError, match="killed by SIGKILL"):
            sparton.build_index(bags, tmp_path / "index", device="cpu", **{**OPTIONS, "shard_rows": 2})
    report = sparton.build_index(bags, tmp_path / "index", device="cpu", **{**OPTIONS, "shard_rows": 2})
    assert 0 < report.work.kept < 60
    assert report.counts.documents == 60


@pytest.mark.slow
def test_a_fault_in_one_process_is_told_as_it_is(tmp_path, write_parquet, quick):
    rows = 4_000
    ids = [str(number) for number in range(rows)]
    path = write_parquet(tmp_path / "a.parquet", row_group_size=1_000, id=ids, text=["a bag"] * rows)
    damage(path, group=3, column=1)
    with pytest.raises(SpartonError, match=r"a\.parquet cannot be read as Parquet"):
        sparton.build_index(path, tmp_path / "index", device="cpu:0,cpu:1", **{**quick, "shard_rows": 1_000})


def damage(path, group, column):
    """Overwrite a column of a row group with what is no page."""
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(column)
    with path.open("r+b") as stream:
        stream.seek(chunk.data_page_offset)
        stream.write(b"\xff" * chunk.total_compressed_size)


def test_the_options_know_every_engine_and_no_other():
    hint = get_type_hints(EncodingOptions, include_extras=True)["engine"]
    bound = option_of(hint).bound
    assert bound.wrong("").expected == one_of(*ENGINES).wrong("").expected
    assert [bound.wrong(name) for name in ENGINES] == [None] * len(ENGINES)


def test_all_devices_of_a_machine_without_a_gpu_are_its_cpu_which_is_told(caplog):
    opened = open_local(EncoderOptions(device="all"))
    assert isinstance(opened, OneDevice)
    assert caplog.messages == ["all GPUs are asked for, and PyTorch finds none: the CPU encodes"]
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cpu:0,cpu:0", "device is 'cpu:0,cpu:0'; expected each GPU once"),
        ("cpu,cpu:0", "device is 'cpu,cpu:0'; expected each GPU once"),
        ("cuda, cuda:0", "device is 'cuda, cuda:0'; expected each GPU once"),
        ("auto,cuda:0",
         "device is 'auto,cuda:0'; expected auto alone, or each GPU by its number, as in cuda:0,cuda:1"),
        ("cpu:0,gpu", "device is 'gpu'; expected auto, cpu, cuda or one GPU, as in cuda:1"),
    ],
)  # fmt: skip
def test_devices_that_cannot_be_meant(device, sentence):
    with pytest.raises(UsageError) as caught:
        open_local(EncoderOptions(device=device))
    assert str(caught.value) == sentence


@pytest.mark.slow
def test_an_unreadable_model_ends_every_process(tmp_path, processes):
    with pytest.raises(SpartonError):
        open_local(EncoderOptions(model=str(tmp_path / "none"), device="cpu:0,cpu:1"))
    assert all(process._process.poll() is not None for process in processes)


def test_a_cluster_is_asked_for_what_it_takes_before_any_work(bags, tmp_path, monkeypatch):
    def refusal(**options):
        with pytest.raises(SpartonError) as caught:
            sparton.build_index(bags, tmp_path / "index", engine="ray", **options)
        return str(caught.value)

    assert refusal(device="cuda:1") == (
        "device is 'cuda:1' with engine='ray', which places work itself; expected auto, cuda or cpu"
    )
    assert refusal(address="ray://head:10001") == (
        "address is 'ray://head:10001', which Ray Client is for; expected auto, or host:port of the head"
    )
    monkeypatch.setitem(sys.modules, "ray", None)
    assert refusal() == "engine='ray' needs Ray; install it with `pip install 'sparton[ray]'`"
    assert not (tmp_path / "index").exists()
