"""Several processes of a training run, against one process that does the work of all."""

import os
import subprocess
import sys

import pytest
import torch

from .conftest import FOLDER

pytestmark = pytest.mark.slow
SHARE = """
import sys
import torch
from ranks import Ranks

torch.set_num_threads(1)
ranks = Ranks()
torch.manual_seed(ranks.rank)  # other weights in each process, until they are shared
model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1), torch.nn.Linear(1, 1))
ranks.share(model.parameters())
examples = torch.arange(24.0).view(6, 4)[ranks.rank :: ranks.count]
model[:2](examples).mean().backward()
ranks.average_gradients(model.parameters())
last = [ranks.any(ranks.rank == chosen) for chosen in (0, 1, 2)]
torch.save({"gradients": [one.grad for one in model.parameters()], "any": last}, f"{sys.argv[1]}/{ranks.rank}.pt")
ranks.end()
"""


def test_processes_go_on_with_the_gradients_of_one(tmp_path):
    (tmp_path / "share.py").write_text(SHARE)
    environment = {**os.environ, "PYTHONPATH": str(FOLDER), "CUDA_VISIBLE_DEVICES": ""}
    for count in (1, 2):
        (tmp_path / str(count)).mkdir()
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        subprocess.run(
            [sys.executable, *start, str(tmp_path / "share.py"), str(tmp_path / str(count))],
            env=environment,
            check=True,
            capture_output=True,
        )
    alone, first, second = (torch.load(tmp_path / name) for name in ("1/0.pt", "2/0.pt", "2/1.pt"))
    assert alone["gradients"][-1] is None is first["gradients"][-1]  # of a layer that was not used
    for one, *others in zip(alone["gradients"][:-2], first["gradients"], second["gradients"], strict=False):
        assert one.abs().sum() > 0
        assert all(torch.allclose(one, other) for other in others)
        assert torch.equal(*others)
    assert alone["any"] == [True, False, False]
    assert first["any"] == second["any"] == [True, True, False]
