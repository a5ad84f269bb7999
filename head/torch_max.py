"""The fused head in PyTorch: a tile of the vocabulary at a time, so that its logits stay in the CPU's cache."""

import torch

from .inputs import HeadInputs, pad

# 512 terms x 2,048 tokens of float32 are 4 MiB. On 2 cores with AVX-512, tiles of 512 ran at 85 to 95 % of the bare
# matrix product; 1,024 was slower. Of few tokens, a query's say, more terms fit: fewer products, each of which costs a
# barrier between threads.
TILE, _LOGITS = 512, 2**20


def tiled_head(inputs: HeadInputs, *, with_positions: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights [B, V], float32 (float64 of float64 inputs), and with them, if asked for, positions int32 [B, V].

    A position is the row of `hidden`, seen as [B * S, D] or [T, D], where the maximum is, any one among equals.
    Where the weight is 0 it means nothing. Not differentiable by itself; see `autograd.py`. Extra memory: one tile of
    logits, [B * S, 512]; packed documents are padded.
    """
    starts = inputs.cu_seqlens
    if starts is not None:
        inputs = pad(inputs)
    hidden, weight, bias, mask = inputs.hidden, inputs.weight, inputs.bias, inputs.mask
    batch, length, hidden_size = hidden.shape
    vocabulary = weight.shape[0]
    if mask is not None:
        hidden = repeat_a_kept_position(hidden, mask)
    rows = hidden.reshape(batch * length, hidden_size)
    dtype = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    best = torch.empty(batch, vocabulary, dtype=dtype, device=hidden.device)
    positions = torch.empty(batch, vocabulary, dtype=torch.int32, device=hidden.device) if with_positions else None
    size = tile_size(len(rows), vocabulary)
    # One buffer for every tile: the system would map and zero a fresh one of this size each time, at half the speed.
    buffer = hidden.new_empty(len(rows) * size)
    for start in range(0, vocabulary, size):
        tile = weight[start : start + size].T
        logits = buffer[: len(rows) * tile.shape[1]].view(len(rows), tile.shape[1])
        torch.mm(rows, tile, out=logits)
        of_documents = logits.view(batch, length, tile.shape[1])
        if positions is None:
            best[:, start : start + size] = of_documents.amax(dim=1)
        else:
            largest, at = of_documents.max(dim=1)
            best[:, start : start + size] = largest
            positions[:, start : start + size] = at
    # In place: at [B, V] each copy would be as large as the result.
    if bias is not None:
        best += bias.to(dtype)
    if mask is not None:
        best.masked_fill_(~mask.any(dim=1, keepdim=True), 0.0)
    if positions is not None:
        if mask is not None:
            # A maximum may have been found where a kept position was repeated.
            kept = mask.int().argmax(dim=1, keepdim=True).int()
            positions = torch.where(mask.gather(1, positions.long()), positions, kept)
        firsts = torch.arange(batch, device=hidden.device) * length if starts is None else starts[:-1]
        positions += firsts.int()[:, None]
    return best.relu_().log1p_(), positions


def tile_size(rows: int, vocabulary: int) -> int:
    """Terms that so many rows of hidden states are multiplied with at a time: whole tiles, for others are slower."""
    return min(max(1, _LOGITS // max(1, rows * TILE)) * TILE, vocabulary)


def repeat_a_kept_position(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Overwrite masked positions with a kept one of the same row: the max stays, and no tile pays for the mask."""
    kept = mask.int().argmax(dim=1)
    replacement = hidden[torch.arange(len(hidden), device=hidden.device), kept]
    return torch.where(mask[:, :, None], hidden, replacement[:, None, :])
