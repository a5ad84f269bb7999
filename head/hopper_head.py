"""The fused head for Hopper GPUs: what the host does."""

import torch
import triton
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from .configs import HopperConfig
from .hopper_kernel import CONSUMERS, head_kernel
from .hopper_maxima import TERMS
from .hopper_plan import TILE, WINDOW, make_plan
from .inputs import HeadInputs


def hopper_head(
    inputs: HeadInputs, config: HopperConfig, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V]; see `triton_head`.

    Hidden states and weights that are not contiguous are copied; otherwise no more memory is used than the result
    and about 6 bytes a slot: a row of hidden states, with a mask a position of a window of 8.
    """
    hidden = _rows(inputs.hidden)
    weight = _rows(inputs.weight)
    bias = None if inputs.bias is None else inputs.bias.contiguous()
    vocabulary, hidden_size = weight.shape
    # With positions, 64 bits a weight: the maximum's position below its value.
    out = torch.zeros(
        (inputs.documents, vocabulary), dtype=torch.int64 if with_positions else torch.int32, device=hidden.device
    )
    if out.numel() and len(hidden):
        plan = make_plan(inputs)
        size = hidden.element_size()
        layout = gl.NVMMASharedLayout(swizzle_byte_width=size * config.block_d, element_bitwidth=8 * size, rank=2)
        # Rows loaded at a time: a tile's, or those of four windows where they follow each other, else of one.
        large, small = (TILE, TILE) if plan.windows is None else (4 * WINDOW, WINDOW)
        tiles = plan.tiles * triton.cdiv(vocabulary, CONSUMERS.value * TERMS.value)
        programs = min(tiles, torch.cuda.get_device_properties(hidden.device).multi_processor_count)
        head_kernel[(programs,)](
            TensorDescriptor.from_tensor(hidden, [large, config.block_d], layout),
            TensorDescriptor.from_tensor(hidden, [small, config.block_d], layout),
            TensorDescriptor.from_tensor(weight, [TERMS.value, config.block_d], layout),
            bias,
            None if inputs.scales is None else inputs.scales.contiguous(),
            plan.windows,
            plan.runs,
            plan.starts,
            plan.slot_document,
            plan.tile_bits,
            out,
            len(hidden),
            hidden_size,
            vocabulary,
            inputs.documents,
            BLOCK_D=config.block_d,
            STAGES=config.stages,
            IN_FLIGHT=config.in_flight,
            GROUP_V=config.group_v,
            num_warps=4,
            enable_fp_fusion=True,
        )
    if not with_positions:
        return out.view(torch.float32), None
    halves = out.view(torch.int32).view(*out.shape, 2)
    return halves[..., 1].view(torch.float32), halves[..., 0]


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """[..., D] as rows that TMA can load: [N, D], the last dimension contiguous, each row on a 16-byte boundary."""
    rows = tensor.reshape(-1, tensor.shape[-1])
    apart = rows.stride(1) == 1 and rows.stride(0) >= rows.shape[1]
    aligned = apart and rows.stride(0) * rows.element_size() % 16 == 0 and rows.data_ptr() % 16 == 0
    return rows if aligned else rows.clone(memory_format=torch.contiguous_format)
