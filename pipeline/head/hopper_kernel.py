"""The fused head for Hopper GPUs, in Gluon: TMA, wgmma, warp specialization and a persistent grid.

The product is turned round, logits^T = weight x hidden^T, so that terms lie along M and tokens along N: a thread then
holds a stretch of one term's logits, and their maximum takes one instruction a logit and no shared memory.

One warp loads tiles into a ring in shared memory. Two groups of four warps share its tiles of hidden states; each
multiplies them with its own 64 terms, [64, 256] logits in registers, and takes the maximum of each document in the
tile into the output by an atomic maximum, which gives the same result in any order. The groups do not wait for each
other, so that one's maxima can fall into the other's products.
"""

import torch
import triton
import triton.language as tl
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import mbarrier, tma, warpgroup_mma, warpgroup_mma_wait
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from .configs import HopperConfig
from .hopper_plan import TILE, WINDOW, make_plan
from .inputs import HeadInputs

_TILE = gl.constexpr(TILE)
_WINDOW = gl.constexpr(WINDOW)
_RUN = gl.constexpr(4 * WINDOW)
_CHUNKS = gl.constexpr(TILE // 32)
_CONSUMERS = gl.constexpr(2)
_WINDOW_PRODUCERS = gl.constexpr(4)
_TERMS = gl.constexpr(64)
_LOGITS = gl.constexpr(gl.NVMMADistributedLayout([3, 0], [4, 1], [16, TILE, 16]))
# Logits folded to four a term: in wgmma's layout, four lanes share a row.
_FOLDED = gl.constexpr(
    gl.DistributedLinearLayout([[8, 0]], [[0, 1], [0, 2], [1, 0], [2, 0], [4, 0]], [[16, 0], [32, 0]], [], [64, 4])
)
_ROW = gl.constexpr(gl.SliceLayout(1, _FOLDED))


def hopper_head(
    inputs: HeadInputs, config: HopperConfig, *, with_positions: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights float32 [B, V], and with them, if asked for, positions int32 [B, V]; see `triton_head`.

    Hidden states and weights that are not contiguous are copied; otherwise no more memory is used than the result
    and 5 to 10 bytes a token.
    """
    hidden = _rows(inputs.hidden)
    weight = _rows(inputs.weight)
    bias = None if inputs.bias is None else inputs.bias.contiguous()
    vocabulary, depth = weight.shape
    # With positions, 64 bits a weight: the maximum's position below its value.
    out = torch.zeros(
        (inputs.documents, vocabulary), dtype=torch.int64 if with_positions else torch.int32, device=hidden.device
    )
    if out.numel() and len(hidden):
        plan = make_plan(inputs)
        layout = gl.NVMMASharedLayout(swizzle_byte_width=2 * config.block_d, element_bitwidth=16, rank=2)
        boxes = (TILE,) if plan.windows is None else (4 * WINDOW, WINDOW)
        tiles = plan.tiles * triton.cdiv(vocabulary, _CONSUMERS.value * _TERMS.value)
        programs = min(tiles, torch.cuda.get_device_properties(hidden.device).multi_processor_count)
        _head_kernel[(programs,)](
            TensorDescriptor.from_tensor(hidden, [boxes[0], config.block_d], layout),
            TensorDescriptor.from_tensor(hidden, [boxes[-1], config.block_d], layout),
            TensorDescriptor.from_tensor(weight, [_TERMS.value, config.block_d], layout),
            bias,
            plan.windows,
            plan.runs,
            plan.starts,
            plan.owners,
            plan.words,
            out,
            len(hidden),
            depth,
            vocabulary,
            inputs.documents,
            BLOCK_D=config.block_d,
            STAGES=config.stages,
            FLYING=config.flying,
            SWEEP=config.sweep,
            num_warps=4,
        )
    if not with_positions:
        return out.view(torch.float32), None
    halves = out.view(torch.int32).view(*out.shape, 2)
    return halves[..., 1].view(torch.float32), halves[..., 0]


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """[..., D] as rows that TMA can load: [N, D], the last dimension contiguous, each row on a 16-byte boundary."""
    rows = tensor.reshape(-1, tensor.shape[-1])
    aligned = rows.stride(1) == 1 and rows.stride(0) % 8 == 0 and rows.data_ptr() % 16 == 0
    return rows if aligned else rows.clone(memory_format=torch.contiguous_format)


# No new compilation for another batch.
@gluon.jit(do_not_specialize=["tokens", "depth", "vocabulary", "documents"])
def _head_kernel(
    hidden,
    hidden_window,
    weight,
    bias,
    windows,
    runs,
    starts,
    owners,
    words,
    out,
    tokens,
    depth,
    vocabulary,
    documents,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    FLYING: gl.constexpr,
    SWEEP: gl.constexpr,
):
    """Everything the head computes. See `Plan` for the tensors that say where documents lie."""
    BOX: gl.constexpr = hidden.block_shape[0]
    hidden_tiles = gl.allocate_shared_memory(hidden.dtype, [STAGES * (_TILE // BOX), BOX, BLOCK_D], hidden.layout)
    weight_tiles = gl.allocate_shared_memory(weight.dtype, [STAGES * _CONSUMERS, _TERMS, BLOCK_D], weight.layout)
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for stage in gl.static_range(STAGES):
        mbarrier.init(full.index(stage), count=1 if windows is None else _WINDOW_PRODUCERS)
        mbarrier.init(empty.index(stage), count=_CONSUMERS)
    if starts is not None:
        tokens = gl.load(starts + documents)
    ring = (hidden_tiles, weight_tiles, full, empty)
    tiles = (gl.cdiv(vocabulary, _CONSUMERS * _TERMS), gl.cdiv(tokens, _TILE))
    result = (bias, windows, owners, words, out, vocabulary, documents)
    source = (hidden, hidden_window, weight, windows, runs)
    if windows is None:
        gl.warp_specialize(
            [
                (_consume, (ring, tiles, result, depth, gl.constexpr(0), BLOCK_D, STAGES, FLYING, SWEEP)),
                (_consume, (ring, tiles, result, depth, gl.constexpr(1), BLOCK_D, STAGES, FLYING, SWEEP)),
                (_produce, (ring, tiles, source, depth, BLOCK_D, STAGES, SWEEP)),
            ],
            [4, 1],
            [232, 40],
        )
    else:
        gl.warp_specialize(
            [
                (_consume, (ring, tiles, result, depth, gl.constexpr(0), BLOCK_D, STAGES, FLYING, SWEEP)),
                (_consume, (ring, tiles, result, depth, gl.constexpr(1), BLOCK_D, STAGES, FLYING, SWEEP)),
                (_produce_windows, (ring, tiles, source, depth, gl.constexpr(0), BLOCK_D, STAGES, SWEEP)),
                (_produce_windows, (ring, tiles, source, depth, gl.constexpr(1), BLOCK_D, STAGES, SWEEP)),
                (_produce_windows, (ring, tiles, source, depth, gl.constexpr(2), BLOCK_D, STAGES, SWEEP)),
                (_produce_windows, (ring, tiles, source, depth, gl.constexpr(3), BLOCK_D, STAGES, SWEEP)),
            ],
            [4, 1, 1, 1, 1],
            [232, 40, 40, 40, 40],
        )


@gluon.jit
def _place(tile, tiles, SWEEP: gl.constexpr):
    """The vocabulary tile and token tile of one tile. SWEEP vocabulary tiles go over all tokens before the next do:
    what all programs load at one time then fits into L2."""
    sweep = tile // (SWEEP * tiles[1])
    first = sweep * SWEEP
    together = gl.minimum(tiles[0] - first, SWEEP)
    rest = tile - first * tiles[1]
    return first + rest % together, rest // together


@gluon.jit
def _next(stage, phase, STAGES: gl.constexpr):
    """The next stage of the ring, and the phase its barriers are then in."""
    wraps = stage == STAGES - 1
    return gl.where(wraps, 0, stage + 1), phase ^ wraps.to(gl.int32)


@gluon.jit
def _produce(ring, tiles, source, depth, BLOCK_D: gl.constexpr, STAGES: gl.constexpr, SWEEP: gl.constexpr):
    """Fill the ring, a stage a step: 64 terms for each consumer, and 256 rows of hidden states for both."""
    hidden_tiles, _, full, empty = ring
    hidden, _, weight, _, _ = source
    stage = 0
    phase = 0
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        vocab_tile, token_tile = _place(tile, tiles, SWEEP)
        for start in range(0, depth, BLOCK_D):
            mbarrier.wait(empty.index(stage), phase ^ 1)
            mbarrier.expect(full.index(stage), (_TILE + _CONSUMERS * _TERMS) * BLOCK_D * 2)
            _load_weights(ring, weight, vocab_tile, start, stage)
            row = token_tile * _TILE
            tma.async_copy_global_to_shared(hidden, [row, start], full.index(stage), hidden_tiles.index(stage))
            stage, phase = _next(stage, phase, STAGES)


@gluon.jit
def _produce_windows(
    ring,
    tiles,
    source,
    depth,
    WHO: gl.constexpr,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    SWEEP: gl.constexpr,
):
    """One of four that fill the ring where rows do not all follow each other: two runs of four windows each."""
    hidden_tiles, _, full, empty = ring
    hidden, hidden_window, weight, windows, runs = source
    window_tiles = hidden_tiles._reinterpret(
        hidden.dtype, [hidden_tiles.shape[0] * 4, _WINDOW, BLOCK_D], hidden_window.layout
    )
    BYTES: gl.constexpr = (2 * _RUN + (_CONSUMERS * _TERMS if WHO == 0 else 0)) * BLOCK_D * 2
    stage = 0
    phase = 0
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        vocab_tile, token_tile = _place(tile, tiles, SWEEP)
        firsts = ()
        rows = ()
        for run in gl.static_range(2):
            firsts = firsts + (gl.load(runs + token_tile * 8 + WHO * 2 + run),)
        for window in gl.static_range(8):
            rows = rows + (gl.load(windows + token_tile * 32 + WHO * 8 + window),)
        for start in range(0, depth, BLOCK_D):
            mbarrier.wait(empty.index(stage), phase ^ 1)
            ready = full.index(stage)
            mbarrier.expect(ready, BYTES)
            if WHO == 0:
                _load_weights(ring, weight, vocab_tile, start, stage)
            for run in gl.static_range(2):
                place = stage * 8 + WHO * 2 + run
                if firsts[run] >= 0:
                    tma.async_copy_global_to_shared(hidden, [firsts[run], start], ready, hidden_tiles.index(place))
                else:
                    for window in gl.static_range(4):
                        target = window_tiles.index(place * 4 + window)
                        tma.async_copy_global_to_shared(hidden_window, [rows[run * 4 + window], start], ready, target)
            stage, phase = _next(stage, phase, STAGES)


@gluon.jit
def _load_weights(ring, weight, vocab_tile, start, stage):
    """64 terms for each consumer into a stage."""
    _, weight_tiles, full, _ = ring
    for consumer in gl.static_range(_CONSUMERS):
        row = (vocab_tile * _CONSUMERS + consumer) * _TERMS
        target = weight_tiles.index(stage * _CONSUMERS + consumer)
        tma.async_copy_global_to_shared(weight, [row, start], full.index(stage), target)


@gluon.jit
def _consume(
    ring,
    tiles,
    result,
    depth,
    WHO: gl.constexpr,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    FLYING: gl.constexpr,
    SWEEP: gl.constexpr,
):
    """Multiply, and take each document's maxima into the result. FLYING products stay in flight besides the newest."""
    hidden_tiles, weight_tiles, full, empty = ring
    hidden_tiles = hidden_tiles._reinterpret(hidden_tiles.dtype, [STAGES, _TILE, BLOCK_D], hidden_tiles.layout)
    bias, windows, _, words, out, vocabulary, _ = result
    stage = 0
    phase = 0
    vocab_tile, token_tile = _place(gl.program_id(0), tiles, SWEEP)
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        logits = gl.zeros([_TERMS, _TILE], gl.float32, _LOGITS)
        for start in range(0, depth, BLOCK_D):
            mbarrier.wait(full.index(stage), phase)
            left = weight_tiles.index(stage * _CONSUMERS + WHO)
            right = hidden_tiles.index(stage).permute((1, 0))
            logits = warpgroup_mma(left, right, logits, use_acc=start > 0, is_async=True)
            logits = warpgroup_mma_wait(FLYING, deps=[logits])
            mbarrier.arrive(empty.index(_before(stage, FLYING, STAGES)), pred=start >= FLYING * BLOCK_D)
            stage, phase = _next(stage, phase, STAGES)

        # What the maxima need of memory, and where the next tile is, while the last products run.
        terms = (vocab_tile * _CONSUMERS + WHO) * _TERMS + gl.arange(0, _TERMS, _ROW)
        shift = gl.zeros([_TERMS], gl.float32, _ROW)
        if bias is not None:
            shift = gl.load(bias + terms, mask=terms < vocabulary, other=0.0).to(gl.float32)
        ends, kept = _load_words(words, token_tile, windows)
        document = gl.load(words + token_tile * 32 + 16)
        skips = gl.load(words + token_tile * 32 + 17)
        first = token_tile * _TILE
        vocab_tile, token_tile = _place(tile + gl.num_programs(0), tiles, SWEEP)
        logits = warpgroup_mma_wait(0, deps=[logits])
        for flying in gl.static_range(FLYING):
            mbarrier.arrive(
                empty.index(_before(stage, FLYING - flying, STAGES)), pred=depth > (FLYING - flying - 1) * BLOCK_D
            )

        inner = ends[0] | ends[1] | ends[2] | ends[3] | ends[4] | ends[5] | ends[6] | ends[7] & 0x7FFFFFFF
        best, place = _nothing()
        if windows is None and inner == 0:
            best, place = _fold(logits, best, place, first, out)
            _take(best, place, document, shift, terms, result)
        else:
            chunks = _halves(logits)
            chunks = _halves(chunks[0]) + _halves(chunks[1])
            chunks = _halves(chunks[0]) + _halves(chunks[1]) + _halves(chunks[2]) + _halves(chunks[3])
            for chunk in gl.static_range(_CHUNKS):
                slot = first + chunk * 32
                if ends[chunk] == 0 and kept[chunk] == -1:
                    best, place = _fold(chunks[chunk], best, place, slot, out)
                else:
                    best, place, document = _walk(
                        chunks[chunk],
                        best,
                        place,
                        ends[chunk],
                        kept[chunk],
                        slot,
                        document,
                        skips,
                        shift,
                        terms,
                        result,
                    )
            if ends[7] >= 0:
                _take(best, place, document, shift, terms, result)


@gluon.jit
def _before(stage, steps, STAGES: gl.constexpr):
    """The stage some steps before."""
    return gl.where(stage >= steps, stage - steps, stage + (STAGES - steps))


@gluon.jit
def _load_words(words, token_tile, windows):
    """Of each 32 slots: bits of those that end a document, and of those that are kept."""
    ends = ()
    kept = ()
    for chunk in gl.static_range(_CHUNKS):
        ends = ends + (gl.load(words + token_tile * 32 + chunk),)
        if windows is None:
            kept = kept + (-1,)
        else:
            kept = kept + (gl.load(words + token_tile * 32 + _CHUNKS + chunk),)
    return ends, kept


@gluon.jit
def _walk(chunk, best, place, ends, kept, first, document, skips, shift, terms, result):
    """Go through 32 slots, a document at a time: take each that ends, return the maximum of the one that goes on."""
    seen = 0
    while seen != -1:
        # The lowest bit set and all below it; all bits when no document ends here any more.
        end = ends & -ends
        through = end | (end - 1)
        part = through & ~seen & kept
        if part == -1:
            best, place = _fold(chunk, best, place, first, result[4])
        else:
            columns = gl.arange(0, 32, gl.SliceLayout(0, chunk.type.layout))
            inside = (part >> columns & 1) != 0
            best, place = _fold(gl.where(inside[None, :], chunk, float("-inf")), best, place, first, result[4])
        if ends != 0:
            _take(best, place, document, shift, terms, result)
            best, place = _nothing()
            document += 1
            if skips != 0:
                # A power of two as a float has its exponent in the bits above the 23rd.
                exponent = (end.to(gl.uint32, bitcast=True).to(gl.float32).to(gl.int32, bitcast=True) >> 23) - 127
                document = gl.load(result[2] + first + exponent + 1)
        ends = ends & (ends - 1)
        seen = through
    return best, place, document


@gluon.jit
def _nothing():
    """The maximum of no logits, and its slot."""
    return gl.full([_TERMS, 4], float("-inf"), gl.float32, _FOLDED), gl.zeros([_TERMS, 4], gl.int32, _FOLDED)


@gluon.jit
def _halves(logits):
    """[64, N] as two of [64, N / 2]; no register moves."""
    return logits.reshape([_TERMS, 2, logits.shape[1] // 2]).permute((0, 2, 1)).split()


@gluon.jit
def _fold(logits, best, place, first, out):
    """The larger of `best` and each thread's own part of logits [64, N], and its slot if the result has positions."""
    N: gl.constexpr = logits.shape[1]
    if out.dtype.element_ty == gl.int64:
        LAYOUT: gl.constexpr = logits.type.layout
        slots = first + gl.arange(0, N, gl.SliceLayout(0, LAYOUT))
        slots = gl.expand_dims(slots, 0) + gl.zeros([_TERMS, N], gl.int32, LAYOUT)
        SHAPE: gl.constexpr = [_TERMS, N // 8, 4, 2]
        pairs = gl.reduce((logits.reshape(SHAPE), slots.reshape(SHAPE)), 3, _later_larger)
        folded = gl.reduce(pairs, 1, _later_larger)
        other = gl.convert_layout(folded[0], _FOLDED, assert_trivial=True)
        best, place = _later_larger(best, place, other, gl.convert_layout(folded[1], _FOLDED, assert_trivial=True))
    else:
        folded = gl.reduce(gl.reduce(logits.reshape([_TERMS, N // 8, 4, 2]), 3, _larger), 1, _larger)
        best = _larger(best, gl.convert_layout(folded, _FOLDED, assert_trivial=True))
    return best, place


@gluon.jit
def _larger(left, right):
    return gl.maximum(left, right, propagate_nan=tl.PropagateNan.ALL)


@gluon.jit
def _later_larger(left, left_place, right, right_place):
    """The larger with its place, the later among equals; NaN counts as larger than all."""
    tied = (left == right) | ((left != left) & (right != right))
    right_wins = (tied & (right_place > left_place)) | (~tied & ((right > left) | (right != right)) & (left == left))
    return gl.where(right_wins, right, left), gl.where(right_wins, right_place, left_place)


@gluon.jit
def _take(best, place, document, shift, terms, result):
    """Take a document's maximum over one tile into the result: of those of all tiles, the largest stays."""
    _, windows, _, _, out, vocabulary, documents = result
    target = out + document.to(gl.int64) * vocabulary + terms
    known = (terms < vocabulary) & (document < documents)
    if out.dtype.element_ty == gl.int64:
        maximum, place = gl.reduce((best, place), 1, _later_larger)
        if windows is not None:
            place = gl.load(windows + place // _WINDOW) + place % _WINDOW
        value = _weight(maximum + shift).to(gl.int32, bitcast=True).to(gl.int64) << 32 | place.to(gl.int64)
    else:
        value = _weight(gl.reduce(best, 1, _larger) + shift).to(gl.int32, bitcast=True)
    # The bits of floats from 0 up order as integers do.
    gl.atomic_max(target, value, mask=known, sem="relaxed")


@gluon.jit
def _weight(logit):
    """log1p(relu(logit)), off by 2e-7: this logarithm to base 2 is one instruction, an exact one about thirty."""
    shifted = 1.0 + gl.maximum(logit, 0.0, propagate_nan=tl.PropagateNan.ALL)
    bits = gl.inline_asm_elementwise("lg2.approx.ftz.f32 $0, $1;", "=f,f", [shifted], gl.float32, is_pure=True, pack=1)
    return bits * 0.6931471805599453
