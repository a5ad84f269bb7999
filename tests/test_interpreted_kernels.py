"""The tests of Triton kernels, on a machine without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

pytestmark = pytest.mark.slow

FILES = (
    "head/test_head_kernels.py",
    "head/test_head_backward.py",
    "pipeline/encoding/test_impacts.py",
    "pipeline/packed/test_decoder.py",
    "pipeline/packed/test_attention.py",
    "pipeline/packed/test_fused.py",
    "pipeline/packed/test_row_kernels.py",
)


def test_kernels_in_the_interpreter():
    """In a process of their own: Triton reads TRITON_INTERPRET at import."""
    triton = pytest.importorskip("triton")
    if Version(triton.__version__) < Version("3.7"):
        pytest.skip("the interpreter of Triton before 3.7 does not run on NumPy 2.4")
    folder = Path(__file__).parent
    using = {
        str(path.relative_to(folder))
        for path in folder.rglob("test_*.py")
        if "triton_devices import DEVICES" in path.read_text()
    }
    assert using - {Path(__file__).name} == set(FILES)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            *(f"tests/{file}" for file in FILES),
            "-k",
            "interpreted",
        ],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for file in FILES:
        assert f"tests/{file}::" in done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout.lower()
