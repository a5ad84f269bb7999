"""Where the Hopper kernel fails, the portable one takes over, with one warning.

In processes of their own: Triton reads TRITON_INTERPRET at import, and a failure counts for the rest of a process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.version import Version

pytestmark = pytest.mark.slow
triton = pytest.importorskip("triton")
needs_interpreter = pytest.mark.skipif(
    Version(triton.__version__) < Version("3.7"), reason="the interpreter before 3.7 does not run on NumPy 2.4"
)

# A Gluon without what the kernel loads by, on what is taken for a Hopper GPU.
START = """
import json, logging, sys
import torch
from support.head_inputs import make_inputs
from triton.experimental.gluon.language.nvidia.hopper import tma

for name in ("async_load", "async_copy_global_to_shared"):
    if hasattr(tma, name):
        delattr(tma, name)

from sparton.head import configs, splade_head, triton_head
from sparton.head.inputs import check_inputs

said = []
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("sparton").addHandler(handler)
triton_head._is_hopper = lambda device: True
configs.chip = lambda device: "sm_90"
arguments = make_inputs(3, 40, 64, 150, "holes", torch.float16, "cpu")
inputs = check_inputs(*arguments, None)
"""
TAKES_OVER = (
    START
    + """
before = triton_head.kernels_for(inputs)
first = splade_head(*arguments, impl="triton")
again, positions = triton_head.triton_head(inputs, with_positions=True)
alone, places = triton_head.run_config(inputs, configs.shipped_config(inputs, ("portable",)), with_positions=True)
equal = torch.equal(first, alone), torch.equal(again, alone), torch.equal(positions, places), bool(alone.any())
print(json.dumps([before, triton_head.kernels_for(inputs), equal, said, triton_head.why_not_hopper(inputs)]))
"""
)
KERNEL_ALONE = (
    START
    + """
try:
    triton_head.run_config(inputs, configs.shipped_config(inputs, ("hopper",)))
except triton_head.HopperError as error:
    print(json.dumps([str(error), type(error.__cause__).__name__, said]))
"""
)
FOUND = (
    "AttributeError: module 'triton.experimental.gluon.language.nvidia.hopper.tma' has no attribute "
    "'async_copy_global_to_shared'"
)


def run(script):
    """What a script prints, as JSON, in a process that interprets kernels."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_interpreter
def test_the_portable_kernel_takes_over_with_one_warning():
    before, after, equal, said, reason = run(TAKES_OVER)
    assert (before, after) == (["hopper", "portable"], ["portable"])
    assert equal == [True] * 4
    assert said == [
        f"the head's kernel for Hopper GPUs, which is tested with Triton 3.6 to 3.9, fails under Triton "
        f"{triton.__version__} and torch {torch.__version__} ({FOUND}); the portable kernel takes over, which is slower"
    ]
    assert reason == f"it failed under Triton {triton.__version__} ({FOUND})"


@needs_interpreter
def test_who_asks_for_the_hopper_kernel_gets_its_error():
    assert run(KERNEL_ALONE) == [FOUND, "AttributeError", []]
