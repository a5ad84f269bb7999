"""Where tests of Triton kernels run: on a GPU, or interpreted on the CPU; see test_interpreted_kernels.py."""

import os
from contextlib import suppress

import pytest
import torch

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
interpreted = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs under TRITON_INTERPRET=1")
# Parameters of a fixture that gives the device.
DEVICES = [
    pytest.param("cpu", id="interpreted", marks=interpreted),
    pytest.param("cuda", id="cuda", marks=[pytest.mark.gpu, on_gpu]),
]


def prepare_once_a_launch():
    """Have the interpreter put its functions into Triton's modules once a launch.

    It does so at every call of a function within a kernel too, which takes longer than what is called.
    """
    from triton.runtime import interpreter

    prepared = set()
    prepare, launch = interpreter._patch_lang, interpreter.GridExecutor.__call__

    def once(function):
        module = id(function.__globals__)
        if module in prepared:
            return None
        prepared.add(module)
        return prepare(function)

    def launch_afresh(self, *arguments, **options):
        prepared.clear()
        return launch(self, *arguments, **options)

    interpreter._patch_lang, interpreter.GridExecutor.__call__ = once, launch_afresh


if os.environ.get("TRITON_INTERPRET") == "1":
    with suppress(ImportError, AttributeError):  # of another Triton, whose tests then take longer
        prepare_once_a_launch()
