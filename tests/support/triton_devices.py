"""Where tests of Triton kernels run: on a GPU, or interpreted on the CPU in a process of their own."""

import os
import subprocess
import sys

import pytest
import torch
from packaging.version import Version

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
interpreted = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs under TRITON_INTERPRET=1")
# Parameters of a fixture that gives the device.
DEVICES = [
    pytest.param("cpu", id="interpreted", marks=interpreted),
    pytest.param("cuda", id="cuda", marks=[pytest.mark.gpu, on_gpu]),
]


def assert_interpreted_tests_pass(file):
    """Run a file's interpreted tests, in a process of their own: Triton reads TRITON_INTERPRET at import."""
    triton = pytest.importorskip("triton")
    if Version(triton.__version__) < Version("3.7"):
        pytest.skip("the interpreter of Triton before 3.7 does not run on NumPy 2.4")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file, "-k", "interpreted"],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
