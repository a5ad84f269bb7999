"""The fused SPLADE head: hidden states in, one weight a vocabulary term out, without the [B, S, V] logits.

    y[b, v] = log1p(relu(max over s with mask[b, s] of (hidden[b, s, :] · weight[v, :] + bias[v])))

ReLU and log1p are monotone and the bias is constant over s, so the max goes first and all three run on [B, V]
(Sparton, arXiv 2603.25011, section 3). One definition, `reference`, and implementations that never hold a tensor of
size S x V: `torch_max` (any device) and, in Triton, `triton_portable` (any GPU) and `hopper_kernel` (sm_90).
`torch_sum` is for models that add positions up instead.
"""

from .dispatch import ACTIVATIONS, IMPLEMENTATIONS, POOLINGS, splade_head
from .module import SpartonHead

__all__ = ["ACTIVATIONS", "IMPLEMENTATIONS", "POOLINGS", "SpartonHead", "splade_head"]
