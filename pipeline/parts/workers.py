"""The processes around an encoder that one interpreter could not keep busy."""

from importlib.util import find_spec

from ...machine import cores
from ...processes import Subprocess
from ..tokens.tokenizer import TOKENIZER
from .part_writer import WRITER

# One or two give tokens as fast as a GPU takes them; more give the first ones sooner.
_TOKENIZERS = 3


class CpuWorkers:
    """Processes that tokenize ahead of an encoder on a GPU and write behind it.

    They start while whoever made this goes on to load the model, which takes as long. devices: how many such encoders
    share the machine.
    """

    def __init__(self, devices: int = 1) -> None:
        self.tokenizers = [Subprocess(TOKENIZER) for _ in range(_TOKENIZERS)]
        # What a GPU encodes takes one or two to write, and the last parts are finished sooner with more.
        self.writers = [Subprocess(WRITER) for _ in range(max(1, min(4, cores() // 3 // devices)))]

    def close(self) -> None:
        """End them."""
        for worker in (*self.tokenizers, *self.writers):
            worker.close()


def on_gpu(device: str) -> bool:
    """Whether an encoder would run on a GPU there, and this process alone could not keep it busy."""
    if device != "auto":
        return not device.startswith("cpu")
    if find_spec("torch") is None:  # a table encodes
        return False
    import torch

    return torch.cuda.is_available()
