"""Training on two processes, each with half of the batch, as DistributedDataParallel does it."""

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sparton.head import SpartonHead

pytestmark = pytest.mark.slow

PROCESSES = 2


class Encoder(nn.Module):
    """Token ids to weights; the head shares the embedding's weight, as a masked LM's does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(300, 16)
        self.head = SpartonHead(300, 16)
        self.head.weight = self.embedding.weight

    def forward(self, ids, mask):
        return self.head(self.embedding(ids), mask)


def make_batch():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(300, (6, 9), generator=generator)
    return ids, (torch.rand(6, 9, generator=generator) < 0.7).long()


def half(rank, folder):
    """What one process does: its documents' loss, and the gradients that it ends up with."""
    torch.distributed.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=PROCESSES)
    model = DistributedDataParallel(Encoder())
    ids, mask = (part[rank::PROCESSES] for part in make_batch())
    model(ids, mask).square().mean().backward()
    torch.save({name: p.grad for name, p in model.module.named_parameters()}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="needs a PyTorch with torch.distributed")
def test_processes_end_up_with_the_gradients_of_the_whole_batch(tmp_path):
    torch.multiprocessing.spawn(half, (str(tmp_path),), nprocs=PROCESSES)
    model = Encoder()
    model(*make_batch()).square().mean().backward()
    expected = {name: p.grad for name, p in model.named_parameters()}
    for rank in range(PROCESSES):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt"), expected)


def test_a_scaler_of_gradients_skips_a_step_that_overflowed():
    model = Encoder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    before = [p.detach().clone() for p in model.parameters()]

    def step(factor):
        optimizer.zero_grad()
        scaler.scale(model(*make_batch()).square().mean() * factor).backward()
        scaler.step(optimizer)
        scaler.update()

    step(float("inf"))
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert scaler.get_scale() == 2.0**7
    step(1.0)
    expected = Encoder()
    expected(*make_batch()).square().mean().backward()
    for p, old, plain in zip(model.parameters(), before, expected.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), old - 0.1 * plain.grad)
