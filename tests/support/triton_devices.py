"""Where tests of Triton kernels run: on a GPU, or interpreted on the CPU; see test_interpreted_kernels.py."""

import os
from contextlib import suppress
from dataclasses import replace

import pytest
import torch

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
interpreted = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs under TRITON_INTERPRET=1")
# Parameters of a fixture that gives the device.
DEVICES = [
    pytest.param("cpu", id="interpreted", marks=interpreted),
    pytest.param("cuda", id="cuda", marks=[pytest.mark.gpu, on_gpu]),
]


def interpret_sooner():
    """Spare the interpreter what takes longer than to interpret, and changes no result."""
    from triton.runtime import interpreter

    prepare_once_a_launch(interpreter)
    leave_out_what_nothing_looks_at(interpreter)
    make_tables_once(interpreter)
    make_shapes_once()


def prepare_once_a_launch(interpreter):
    """Have the interpreter put its functions into Triton's modules once a launch.

    It does so at every call of a function within a kernel too, which takes longer than what is called.
    """
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


def leave_out_what_nothing_looks_at(interpreter):
    """Have sums and products of integers not computed once more in 64 bits for an assertion that is off."""
    builder = interpreter.interpreter_builder
    if not builder.options.debug:  # with which such an assertion is on
        builder.options = replace(builder.options, sanitize_overflow=False)


def make_tables_once(interpreter):
    """Keep which NumPy type a type of Triton is, for which a table of all types is made at every step of a kernel."""
    numpy_type, kept = interpreter._get_np_dtype, {}

    def looked_up(dtype):
        name = str(dtype.scalar)
        if name not in kept:
            kept[name] = numpy_type(dtype)
        return kept[name]

    interpreter._get_np_dtype = looked_up


def make_shapes_once():
    """Keep what types of blocks and tensors are made of, which is the same for all of one shape.

    Two of three objects that the interpreter makes are parts of a shape.
    """
    from triton.language import core

    make_type, make_tensor = core.block_type.__init__, core.tensor.__init__
    of_types, of_tensors = {}, {}

    def block_type(self, element_ty, shape):
        lengths = tuple(shape)
        if type(element_ty) is not core.dtype or any(type(length) is not int for length in lengths):
            make_type(self, element_ty, shape)
            return
        key = element_ty.name, lengths
        if key not in of_types:
            make_type(self, element_ty, shape)
            of_types[key] = dict(vars(self))
        vars(self).update(of_types[key])

    def tensor(self, handle, type):
        key = tuple(type.shape) if type.is_block() else ()
        if key not in of_tensors:
            make_tensor(self, handle, type)
            of_tensors[key] = dict(vars(self))
        vars(self).update(of_tensors[key], handle=handle, type=type, dtype=type.scalar)

    core.block_type.__init__, core.tensor.__init__ = block_type, tensor


if os.environ.get("TRITON_INTERPRET") == "1":
    with suppress(ImportError, AttributeError):  # of another Triton, whose tests then take longer
        interpret_sooner()
