"""Texts end to end, and attention within them by PyTorch."""

import torch
from torch.nn.functional import scaled_dot_product_attention


def end_to_end(texts):
    """What a PackedBackbone takes."""
    lengths = [len(text) for text in texts]
    offsets = torch.tensor([0, *lengths], device=texts[0].device).cumsum(0).int()
    positions = torch.cat([torch.arange(length, device=texts[0].device) for length in lengths])
    return torch.cat(texts), positions, offsets, max(lengths)


def attend(query, key, value, offsets, longest, scale, causal, window=None):
    """Each text alone, by PyTorch."""
    parts = []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        one = (tensor[start:stop].transpose(0, 1)[None] for tensor in (query, key, value))
        distance = torch.arange(stop - start)[:, None] - torch.arange(stop - start)
        seen = (distance >= 0) if causal else torch.ones_like(distance, dtype=torch.bool)
        seen = (seen if window is None else seen & (distance < window)).to(query.device)
        parts.append(
            scaled_dot_product_attention(*one, attn_mask=seen, scale=scale, enable_gqa=True)[0].transpose(0, 1)
        )
    return torch.cat(parts)
