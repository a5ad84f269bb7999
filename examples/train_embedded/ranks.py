"""Several GPUs of one host, a process each, as torchrun starts them: each has its share of a step's examples.

    torchrun --nproc-per-node 4 examples/train_embedded/train.py ...

Gradients are averaged after the backward pass. DistributedDataParallel would do it during that pass, but it expects one
forward call a step, and a step here has one for each group of passages of like length.
"""

import os
from collections.abc import Iterable

import torch
from torch import distributed, nn


class Ranks:
    """rank, count: this process's number, and of how many. device: its GPU, or the CPU.

    A process that torchrun did not start is the only one.
    """

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        if self.count > 1:
            distributed.init_process_group("cpu:gloo,cuda:nccl" if self.device == "cuda" else "gloo")

    @property
    def first(self) -> bool:
        """Whether this process writes checkpoints and the log."""
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether it is so in any of the processes; the same in all of them. The GPU is not waited for."""
        if self.count == 1:
            return here
        flag = torch.tensor(int(here))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def share(self, parameters: Iterable[nn.Parameter]) -> None:
        """Have every process go on with the first one's parameters."""
        if self.count > 1:
            for parameter in parameters:
                distributed.broadcast(parameter.data, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Have every process go on with the mean of all processes' gradients."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        together /= self.count
        parts = together.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def end(self) -> None:
        """Let the processes part."""
        if self.count > 1:
            distributed.destroy_process_group()
