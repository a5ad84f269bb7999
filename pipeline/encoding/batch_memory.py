"""How many tokens fit into a batch on a GPU."""

from collections.abc import Callable

import torch

# Tokens. To launch a batch takes the host as long whatever its size: with 8-bit floats on an H100 a batch of a fourth
# is done before the next one is launched. In bfloat16 larger ones are hardly faster.
FASTEST = 262_144
_PROBE = 4_096
# Of the free memory. Fragments, and what grows more than tokens do, need the rest; if they need more, batches shrink.
_SHARE = 0.6


def fitting_tokens(device: torch.device, run: Callable[[int], object], apart: int) -> int:
    """The largest batch, up to the fastest, whose memory fits into what the GPU has free.

    run: encodes a batch of so many tokens. apart: bytes that are needed whatever the batch. Memory is measured with
    one small batch: it grows in proportion, or slower.
    """
    torch.cuda.synchronize(device)
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    run(_PROBE)
    torch.cuda.synchronize(device)
    a_token = (torch.cuda.max_memory_allocated(device) - held) / _PROBE
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    room = (free + cached) * _SHARE - apart
    return max(_PROBE, min(FASTEST, int(room / a_token)))
