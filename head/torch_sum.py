"""The head with a sum over positions in place of the maximum, a tile of the vocabulary at a time.

A sum takes the logarithm of every logit, so nothing of it can wait until after the reduction; what it shares with the
maximum is that the logits are never there all at once.
"""

import torch

from .inputs import HeadInputs, pad

# As in torch_max.py: a tile of 2,048 tokens is 4 MiB in float32.
TILE = 512


def summed_head(inputs: HeadInputs, activation: str) -> torch.Tensor:
    """float32 [B, V], added up in float32. Differentiable.

    activation: "log1p_relu", or "log1p_log1p_relu" for a second logarithm. Extra memory: one tile of logits,
    [B * S, 512], and as much for its weights; packed documents are padded.
    """
    if inputs.cu_seqlens is not None:
        inputs = pad(inputs)
    hidden, weight, bias = inputs.hidden, inputs.weight, inputs.bias
    batch, length, hidden_size = hidden.shape
    rows = hidden.reshape(batch * length, hidden_size)
    # [B, 1, S]: a product with it adds up the positions that count, and leaves out the others.
    counts = hidden.new_ones(batch, 1, length, dtype=torch.float32)
    if inputs.mask is not None:
        counts = inputs.mask[:, None, :].float()
    sums = torch.empty(batch, weight.shape[0], dtype=torch.float32, device=hidden.device)
    for start in range(0, weight.shape[0], TILE):
        tile = slice(start, start + TILE)
        logits = rows @ weight[tile].T if bias is None else torch.addmm(bias[tile], rows, weight[tile].T)
        weights = logits.float().relu().log1p()
        if activation == "log1p_log1p_relu":
            weights = weights.log1p()
        sums[:, tile] = _added_up(counts, weights.view(batch, length, -1))
    return sums


def _added_up(counts: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """[B, T] of [B, 1, S] and [B, S, T]. On a CPU one text after the other: oneMKL adds up a batch in another way."""
    if weights.device.type != "cpu":
        return torch.bmm(counts, weights)[:, 0]
    return torch.cat([count @ one for count, one in zip(counts, weights, strict=True)])
