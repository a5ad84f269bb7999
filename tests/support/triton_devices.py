"""Where tests of Triton kernels run: on a GPU, or interpreted on the CPU; see test_interpreted_kernels.py."""

import os

import pytest
import torch

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
interpreted = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs under TRITON_INTERPRET=1")
# Parameters of a fixture that gives the device.
DEVICES = [
    pytest.param("cpu", id="interpreted", marks=interpreted),
    pytest.param("cuda", id="cuda", marks=[pytest.mark.gpu, on_gpu]),
]
