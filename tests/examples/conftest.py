import importlib
import sys
from pathlib import Path

import pytest

import sparton

FOLDER = Path(sparton.__file__).parent / "examples" / "train_embedded"


@pytest.fixture(scope="module")
def recipe():
    """The modules of examples/train_embedded by name, which find each other as when a stage is run as a script."""
    sys.path.insert(0, str(FOLDER))
    before = set(sys.modules)
    yield lambda name: importlib.import_module(name)
    sys.path.remove(str(FOLDER))
    for name in [name for name in set(sys.modules) - before if (FOLDER / f"{name}.py").exists()]:
        del sys.modules[name]
