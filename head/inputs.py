"""What every implementation of the head is given, checked once."""

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True, eq=False)
class HeadInputs:
    """Hidden states and where documents lie in them.

    hidden: [B, S, D], or [T, D] with `cu_seqlens`. weight: [V, D], same dtype and device, but under autocast of any
    floating dtype until `of_one_dtype`. bias: [V] or None, as weight. mask: bool [B, S] or None. cu_seqlens: int32
    [B + 1] or None; document i is rows cu_seqlens[i] to cu_seqlens[i + 1]. scales: float32 [V], above 0, or None; what
    each term's product is multiplied by, before the bias is added, where hidden and weight are 8-bit floats.
    """

    hidden: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    cu_seqlens: torch.Tensor | None = None
    scales: torch.Tensor | None = None

    @property
    def documents(self) -> int:
        """B."""
        return len(self.hidden) if self.cu_seqlens is None else len(self.cu_seqlens) - 1

    @property
    def tokens(self) -> int:
        """Rows of hidden states, padding included."""
        return self.hidden.shape[:-1].numel()

    @property
    def vocabulary(self) -> int:
        """V."""
        return self.weight.shape[0]

    @property
    def requires_grad(self) -> bool:
        """Whether hidden, weight or bias does."""
        tensors = (self.hidden, self.weight, self.bias)
        return any(tensor is not None and tensor.requires_grad for tensor in tensors)

    def of_one_dtype(self) -> "HeadInputs":
        """With weight and bias in the dtype of hidden."""
        dtype = self.hidden.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        return replace(self, weight=self.weight.to(dtype), bias=bias)


def check_inputs(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    cu_seqlens: torch.Tensor | None,
    *,
    mixed: bool = False,
) -> HeadInputs:
    """The arguments of `splade_head` in their common form. Raises ValueError for those that do not fit together.

    mixed: weight and bias may be of other floating dtypes than hidden, as under autocast.
    """
    shape = "[B, S, D]" if cu_seqlens is None else "[T, D]"
    fits = hidden.dim() == len(shape.split()) and weight.dim() == 2 and hidden.shape[-1] == weight.shape[1]
    if not fits:
        raise ValueError(f"hidden is {list(hidden.shape)} and weight {list(weight.shape)}; expected {shape} and [V, D]")
    alike = weight.is_floating_point() if mixed else hidden.dtype == weight.dtype
    if not hidden.is_floating_point() or not alike:
        raise ValueError(f"hidden is {hidden.dtype} and weight {weight.dtype}; expected one floating dtype for both")
    if bias is not None and (bias.shape != weight.shape[:1] or (bias.dtype != weight.dtype and not mixed)):
        raise ValueError(f"bias is {bias.dtype} {list(bias.shape)}; expected {weight.dtype} [{weight.shape[0]}]")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor.device != hidden.device:
            raise ValueError(f"hidden is on {hidden.device} and {name} on {tensor.device}; expected one device")
    if cu_seqlens is None:
        if hidden.shape[1] == 0:
            raise ValueError("hidden has no positions (S = 0); expected at least one")
        if attention_mask is not None and attention_mask.shape != hidden.shape[:2]:
            raise ValueError(f"attention_mask is {list(attention_mask.shape)}; expected {list(hidden.shape[:2])}")
        mask = None if attention_mask is None else attention_mask.to(hidden.device)
        if mask is not None and mask.dtype != torch.bool:
            mask = mask != 0
        return HeadInputs(hidden, weight, bias, mask=mask)
    if attention_mask is not None:
        raise ValueError("attention_mask and cu_seqlens were both given; packed documents have no padding to mask")
    if cu_seqlens.dim() != 1 or not len(cu_seqlens) or cu_seqlens.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"cu_seqlens is {cu_seqlens.dtype} {list(cu_seqlens.shape)}; expected int32 or int64 [B + 1]")
    return HeadInputs(hidden, weight, bias, cu_seqlens=cu_seqlens.to(hidden.device, torch.int32).contiguous())


def pad(inputs: HeadInputs) -> HeadInputs:
    """Packed documents as padded ones with a mask."""
    assert inputs.cu_seqlens is not None
    lengths = inputs.cu_seqlens.diff()
    steps = torch.arange(max(1, int(lengths.max())) if len(lengths) else 1, device=lengths.device)
    mask = steps < lengths[:, None]
    hidden = inputs.hidden.new_zeros(*mask.shape, inputs.hidden.shape[-1])
    rows = inputs.cu_seqlens[:-1, None] + steps
    return HeadInputs(hidden.index_put((mask,), inputs.hidden[rows[mask]]), inputs.weight, inputs.bias, mask=mask)
