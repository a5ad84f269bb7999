"""The fused head for Hopper GPUs, in Gluon: TMA, wgmma, warp specialization and a persistent grid.

The product is turned round, logits^T = weight x hidden^T, so that terms lie along M and tokens along N: a thread then
holds a stretch of one term's logits, and their maximum takes one instruction a logit and no shared memory.

One warp loads tiles into a ring in shared memory. Two groups of four warps share its tiles of hidden states; each
multiplies them with its own 64 terms, [64, 256] logits in registers, and takes the maximum of each document in the
tile into the output by an atomic maximum, which gives the same result in any order. The groups do not wait for each
other, so that one's maxima can fall into the other's products.

Operands are halves, or 8-bit floats with a scale for each term. The sums of 8-bit floats are Triton's default on
Hopper, fast accumulation, which keeps some 14 bits at each step: rounding operands to 4 bits costs far more, and exact
sums would need 128 more registers a thread, which there are not.
"""

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import mbarrier, tma, warpgroup_mma, warpgroup_mma_wait

from .hopper_maxima import TERM_LAYOUT, TERMS, load_documents, load_windows, take_maxima
from .hopper_plan import TILE, WINDOW

_TILE = gl.constexpr(TILE)
_WINDOW = gl.constexpr(WINDOW)
_RUN = gl.constexpr(4 * WINDOW)
CONSUMERS = gl.constexpr(2)
_WINDOW_PRODUCERS = gl.constexpr(4)
# Triton 3.9 no longer knows the old names.
_load_tile = getattr(tma, "async_load", None) or tma.async_copy_global_to_shared
_reinterpret = getattr(gl.shared_memory_descriptor, "reinterpret", None) or gl.shared_memory_descriptor._reinterpret


# No new compilation for another batch.
@gluon.jit(do_not_specialize=["tokens", "hidden_size", "vocabulary", "documents"])
def head_kernel(
    hidden,
    hidden_window,
    weight,
    bias,
    scales,
    windows,
    runs,
    starts,
    slot_document,
    tile_bits,
    out,
    tokens,
    hidden_size,
    vocabulary,
    documents,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    IN_FLIGHT: gl.constexpr,
    GROUP_V: gl.constexpr,
):
    """Everything the head computes. See `Plan` for the tensors that say where documents lie.

    scales: float32 [V], above 0, what each term's products are multiplied by before its bias is added, or None.
    """
    BOX: gl.constexpr = hidden.block_shape[0]
    hidden_tiles = gl.allocate_shared_memory(hidden.dtype, [STAGES * (_TILE // BOX), BOX, BLOCK_D], hidden.layout)
    weight_tiles = gl.allocate_shared_memory(weight.dtype, [STAGES * CONSUMERS, TERMS, BLOCK_D], weight.layout)
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for stage in gl.static_range(STAGES):
        mbarrier.init(full.index(stage), count=1 if windows is None else _WINDOW_PRODUCERS)
        mbarrier.init(empty.index(stage), count=CONSUMERS)
    if windows is not None:
        tokens = gl.load(starts + documents)
    elif starts is not None:
        # Not beyond what there is, whatever cu_seqlens says.
        tokens = gl.minimum(gl.load(starts + documents), tokens)
    ring = (hidden_tiles, weight_tiles, full, empty)
    tiles = (gl.cdiv(vocabulary, CONSUMERS * TERMS), gl.cdiv(tokens, _TILE))
    result = (bias, scales, windows, slot_document, tile_bits, out, vocabulary, documents)
    source = (hidden, hidden_window, weight, windows, runs)
    if windows is None:
        gl.warp_specialize(
            [
                (_consume, (ring, tiles, result, hidden_size, gl.constexpr(0), BLOCK_D, STAGES, IN_FLIGHT, GROUP_V)),
                (_consume, (ring, tiles, result, hidden_size, gl.constexpr(1), BLOCK_D, STAGES, IN_FLIGHT, GROUP_V)),
                (_produce, (ring, tiles, source, hidden_size, BLOCK_D, STAGES, GROUP_V)),
            ],
            [4, 1],
            [232, 40],
        )
    else:
        gl.warp_specialize(
            [
                (_consume, (ring, tiles, result, hidden_size, gl.constexpr(0), BLOCK_D, STAGES, IN_FLIGHT, GROUP_V)),
                (_consume, (ring, tiles, result, hidden_size, gl.constexpr(1), BLOCK_D, STAGES, IN_FLIGHT, GROUP_V)),
                (_produce_windows, (ring, tiles, source, hidden_size, gl.constexpr(0), BLOCK_D, STAGES, GROUP_V)),
                (_produce_windows, (ring, tiles, source, hidden_size, gl.constexpr(1), BLOCK_D, STAGES, GROUP_V)),
                (_produce_windows, (ring, tiles, source, hidden_size, gl.constexpr(2), BLOCK_D, STAGES, GROUP_V)),
                (_produce_windows, (ring, tiles, source, hidden_size, gl.constexpr(3), BLOCK_D, STAGES, GROUP_V)),
            ],
            [4, 1, 1, 1, 1],
            [232, 40, 40, 40, 40],
        )


@gluon.jit
def _tiles_of(tile, tiles, GROUP_V: gl.constexpr):
    """The vocabulary tile and token tile of one tile. GROUP_V vocabulary tiles go over all tokens before the next do:
    what all programs load at one time then fits into L2."""
    # At least 1: consumers also look one tile beyond the last.
    group = tile // gl.maximum(GROUP_V * tiles[1], 1)
    first = group * GROUP_V
    together = gl.maximum(gl.minimum(tiles[0] - first, GROUP_V), 1)
    rest = tile - first * tiles[1]
    return first + rest % together, rest // together


@gluon.jit
def _next(stage, phase, STAGES: gl.constexpr):
    """The next stage of the ring, and the phase its barriers are then in."""
    wraps = stage == STAGES - 1
    return gl.where(wraps, 0, stage + 1), phase ^ wraps.to(gl.int32)


@gluon.jit
def _produce(ring, tiles, source, hidden_size, BLOCK_D: gl.constexpr, STAGES: gl.constexpr, GROUP_V: gl.constexpr):
    """Fill the ring, a stage a step: 64 terms for each consumer, and 256 rows of hidden states for both."""
    hidden_tiles, _, full, empty = ring
    hidden, _, weight, _, _ = source
    BYTES: gl.constexpr = (_TILE + CONSUMERS * TERMS) * BLOCK_D * hidden.dtype.primitive_bitwidth // 8
    stage = 0
    phase = 0
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        vocab_tile, token_tile = _tiles_of(tile, tiles, GROUP_V)
        for start in range(0, hidden_size, BLOCK_D):
            mbarrier.wait(empty.index(stage), phase ^ 1)
            mbarrier.expect(full.index(stage), BYTES)
            _load_weights(ring, weight, vocab_tile, start, stage)
            row = token_tile * _TILE
            _load_tile(hidden, [row, start], full.index(stage), hidden_tiles.index(stage))
            stage, phase = _next(stage, phase, STAGES)


@gluon.jit
def _produce_windows(
    ring,
    tiles,
    source,
    hidden_size,
    WHO: gl.constexpr,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    GROUP_V: gl.constexpr,
):
    """One of four that fill the ring where rows do not all follow each other: two runs of four windows each."""
    hidden_tiles, _, full, empty = ring
    hidden, hidden_window, weight, windows, runs = source
    window_tiles = _reinterpret(
        hidden_tiles, hidden.dtype, [hidden_tiles.shape[0] * 4, _WINDOW, BLOCK_D], hidden_window.layout
    )
    ROWS: gl.constexpr = 2 * _RUN + (CONSUMERS * TERMS if WHO == 0 else 0)
    BYTES: gl.constexpr = ROWS * BLOCK_D * hidden.dtype.primitive_bitwidth // 8
    stage = 0
    phase = 0
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        vocab_tile, token_tile = _tiles_of(tile, tiles, GROUP_V)
        firsts = ()
        rows = ()
        for run in gl.static_range(2):
            firsts = firsts + (gl.load(runs + token_tile * 8 + WHO * 2 + run),)
        for window in gl.static_range(8):
            rows = rows + (gl.load(windows + token_tile * 32 + WHO * 8 + window),)
        for start in range(0, hidden_size, BLOCK_D):
            mbarrier.wait(empty.index(stage), phase ^ 1)
            ready = full.index(stage)
            mbarrier.expect(ready, BYTES)
            if WHO == 0:
                _load_weights(ring, weight, vocab_tile, start, stage)
            for run in gl.static_range(2):
                entry = stage * 8 + WHO * 2 + run
                if firsts[run] >= 0:
                    _load_tile(hidden, [firsts[run], start], ready, hidden_tiles.index(entry))
                else:
                    for window in gl.static_range(4):
                        target = window_tiles.index(entry * 4 + window)
                        _load_tile(hidden_window, [rows[run * 4 + window], start], ready, target)
            stage, phase = _next(stage, phase, STAGES)


@gluon.jit
def _load_weights(ring, weight, vocab_tile, start, stage):
    """64 terms for each consumer into a stage."""
    _, weight_tiles, full, _ = ring
    for consumer in gl.static_range(CONSUMERS):
        row = (vocab_tile * CONSUMERS + consumer) * TERMS
        target = weight_tiles.index(stage * CONSUMERS + consumer)
        _load_tile(weight, [row, start], full.index(stage), target)


@gluon.jit
def _consume(
    ring,
    tiles,
    result,
    hidden_size,
    WHO: gl.constexpr,
    BLOCK_D: gl.constexpr,
    STAGES: gl.constexpr,
    IN_FLIGHT: gl.constexpr,
    GROUP_V: gl.constexpr,
):
    """Multiply, and take each document's maxima into the result. IN_FLIGHT products go on besides the newest."""
    hidden_tiles, weight_tiles, full, empty = ring
    hidden_tiles = _reinterpret(hidden_tiles, hidden_tiles.dtype, [STAGES, _TILE, BLOCK_D], hidden_tiles.layout)
    bias, scales, windows, slot_document, tile_bits, out, vocabulary, count = result
    # wgmma multiplies 32 bytes of a row at a time.
    LOGITS: gl.constexpr = gl.NVMMADistributedLayout(
        [3, 0], [4, 1], [16, _TILE, 256 // hidden_tiles.dtype.primitive_bitwidth]
    )
    stage = 0
    phase = 0
    vocab_tile, token_tile = _tiles_of(gl.program_id(0), tiles, GROUP_V)
    for tile in range(gl.program_id(0), tiles[0] * tiles[1], gl.num_programs(0)):
        logits = gl.zeros([TERMS, _TILE], gl.float32, LOGITS)
        for start in range(0, hidden_size, BLOCK_D):
            mbarrier.wait(full.index(stage), phase)
            left = weight_tiles.index(stage * CONSUMERS + WHO)
            right = hidden_tiles.index(stage).permute((1, 0))
            logits = warpgroup_mma(left, right, logits, use_acc=start > 0, is_async=True)
            logits = warpgroup_mma_wait(IN_FLIGHT, deps=[logits])
            mbarrier.arrive(empty.index(_before(stage, IN_FLIGHT, STAGES)), pred=start >= IN_FLIGHT * BLOCK_D)
            stage, phase = _next(stage, phase, STAGES)

        # What the maxima need of memory, and where the next tile is, while the last products run.
        documents = load_documents(tile_bits, token_tile, windows)
        rows = ()
        if windows is not None and out.dtype.element_ty == gl.int64:
            rows = (load_windows(windows, token_tile),)
        terms = (vocab_tile * CONSUMERS + WHO) * TERMS + gl.arange(0, TERMS, TERM_LAYOUT)
        term_bias = gl.zeros([TERMS], gl.float32, TERM_LAYOUT)
        if bias is not None:
            term_bias = gl.load(bias + terms, mask=terms < vocabulary, other=0.0).to(gl.float32)
        term_scale = ()
        if scales is not None:
            term_scale = (gl.load(scales + terms, mask=terms < vocabulary, other=1.0),)
        vocab_tile, token_tile = _tiles_of(tile + gl.num_programs(0), tiles, GROUP_V)
        logits = warpgroup_mma_wait(0, deps=[logits])
        for behind in gl.static_range(IN_FLIGHT, 0, -1):
            mbarrier.arrive(empty.index(_before(stage, behind, STAGES)), pred=hidden_size > (behind - 1) * BLOCK_D)

        linear = (term_bias, term_scale)
        take_maxima(logits, documents, (out, slot_document, windows, vocabulary, count, terms, linear, rows))


@gluon.jit
def _before(stage, steps, STAGES: gl.constexpr):
    """The stage some steps before."""
    return gl.where(stage >= steps, stage - steps, stage + (STAGES - steps))
