"""What the tests share: a sample catalogue, an index built of it once, the command line, and small corpora."""

import gc
import logging
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is first imported
# Its workers' is 15, with which they would wait for minutes while other tests run.
os.environ.update({"RAY_worker_niceness": "0"})

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.serving import serving
from support.warm import WarmBuilds
from typer.main import get_command
from typer.testing import CliRunner

import sparton
from sparton.pipeline.model.files import find_model
from sparton.pipeline.options import DEFAULT_MODEL


def pytest_collection():
    """Look for no garbage until all is collected: what tests import is none, and to go through it takes seconds."""
    gc.disable()


def pytest_collection_modifyitems(items):
    """Put the longest files first, then those with slow tests: a long one that came last would leave a worker idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = "test_interpreted_kernels.py", "test_object_store.py"
    items.sort(key=lambda item: (item.path.name not in longest, item.path not in slow))


def pytest_collection_finish():
    """Look for garbage from here on, and never among what was imported."""
    gc.freeze()
    gc.enable()


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and both streams."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session", autouse=True)
def warm_builds():
    """Java runs and the default model is loaded before an index is built: half of the tests build one, or several."""
    builds = WarmBuilds()
    with pytest.MonkeyPatch.context() as patch:
        builds.patch(patch)
        yield builds
    builds.close()


@pytest.fixture(autouse=True)
def _fresh_builds(request, warm_builds):
    """Where a test is marked so, builds start their processes and load their models as for users."""
    if request.node.get_closest_marker("fresh") is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        warm_builds.undo(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_parser():
    """The runner would make the parser of all commands at every call, for half of what a call takes that is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command), raising=False)
        yield


@pytest.fixture
def run_cli():
    """Run a command in this process; an exception that would be a traceback is raised."""
    from sparton.cli import app

    def run(*arguments):
        root = logging.getLogger()
        before, root.handlers = root.handlers, []
        try:
            result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        finally:
            root.handlers = before
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def write_parquet():
    """Write columns to a Parquet file and return its path."""

    def write(path, *, row_group_size=None, compression="none", **columns):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.table(columns), path, row_group_size=row_group_size, compression=compression, use_dictionary=False
        )
        return path

    return write


@pytest.fixture
def bags(write_parquet, tmp_path):
    """60 short documents with the ids d00 to d59."""
    return write_parquet(
        tmp_path / "bags.parquet",
        row_group_size=25,
        id=[f"d{i:02}" for i in range(60)],
        text=[f"{('black', 'red', 'tan')[i % 3]} leather bag number {i}" for i in range(60)],
    )


@pytest.fixture(scope="session")
def data():
    """The folder of the sample collection."""
    return files("sparton.data")


@pytest.fixture(scope="session")
def catalog(data):
    """The sample catalogue."""
    return str(data / "catalog.parquet")


@pytest.fixture(scope="session")
def small_catalog(catalog, tmp_path_factory):
    """Every eleventh product of the catalogue: 64 of them, of all kinds."""
    path = tmp_path_factory.mktemp("corpus") / "small.parquet"
    table = pq.read_table(catalog)
    pq.write_table(table.take(list(range(0, table.num_rows, 11))), path, row_group_size=25)
    return path


@pytest.fixture(scope="session")
def small_index(small_catalog, tmp_path_factory):
    """An index of the small catalogue in four parts. Not to be written to."""
    folder = tmp_path_factory.mktemp("index") / "small"
    sparton.build_index(small_catalog, folder, shard_rows=20)
    return folder


@pytest.fixture(scope="session")
def static_model(tmp_path_factory):
    """A model that encodes by a table, without torch: for processes whose point is not the model, seconds quicker."""
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed (extra test)")
    from support.saved_models import save, save_masked_lm, static

    folder = tmp_path_factory.mktemp("models")
    save([static(save_masked_lm(folder / "plain"))], folder / "static")
    return folder / "static"


@pytest.fixture(scope="session")
def light_index(small_catalog, static_model, tmp_path_factory):
    """An index of the small catalogue in four parts, by that model. Not to be written to."""
    folder = tmp_path_factory.mktemp("index") / "light"
    sparton.build_index(small_catalog, folder, model=str(static_model), shard_rows=20)
    return folder


@pytest.fixture(scope="session")
def computed_index(small_index, tmp_path_factory):
    """The small index's vectors, for queries that a model computes: the default one's documents' side. Such queries
    have terms that are not in their text, and find by all of them. Not to be written to."""
    folder = tmp_path_factory.mktemp("index") / "computed"
    sparton.index_vectors(small_index / "collection", folder, model=str(find_model(DEFAULT_MODEL).documents.folder))
    return folder


@pytest.fixture(scope="session")
def computed_searcher(computed_index):
    """That index, open."""
    with sparton.Searcher(computed_index, device="cpu") as opened:
        yield opened


@pytest.fixture(scope="session")
def encoder():
    """The default model with the default settings."""
    return sparton.Encoder(device="cpu")


@pytest.fixture(scope="session")
def small_service(small_index):
    """The address of a service on the small index, which takes seconds to load its model."""
    with serving(small_index, "--threads", "4") as address:
        yield address


@pytest.fixture(scope="session")
def searcher(small_index):
    """The small index, open."""
    with_index = sparton.Searcher(small_index, device="cpu")
    yield with_index
    with_index.close()
