"""The Hopper kernel's second half: from the logits of a tile, [64 terms, 256 slots] in registers, to the result.

Where documents end in the tile is known as bits, one a slot, loaded before the last product was done: nothing here
waits for memory. A branch on such bits is the same for all threads, so slots are gone through 32 at a time, and a
stretch without an end costs its maxima alone.
"""

import triton.language as tl
from triton.experimental import gluon
from triton.experimental.gluon import language as gl

from .hopper_plan import TILE, WINDOW

TERMS = gl.constexpr(64)
_TILE = gl.constexpr(TILE)
_CHUNKS = gl.constexpr(TILE // 32)
_WINDOW = gl.constexpr(WINDOW)
# Less than any logit. Infinity with a mark in its last bits would be no number.
_LEAST = gl.constexpr(-3.0e38)
# Logits folded to four a term: in wgmma's layout, four lanes share a row.
_FOLDED = gl.constexpr(
    gl.DistributedLinearLayout([[8, 0]], [[0, 1], [0, 2], [1, 0], [2, 0], [4, 0]], [[16, 0], [32, 0]], [], [64, 4])
)
# One number a term, as it comes of folding.
TERM_LAYOUT = gl.constexpr(gl.SliceLayout(1, _FOLDED))


@gluon.jit
def load_documents(tile_bits, token_tile, windows):
    """Where documents lie in a tile; see `Plan.tile_bits`.

    The tile's first slot, its document, whether any but the next document follows one that ends in the tile, and of
    each 32 slots the bits of those that end a document and of those that are kept.
    """
    row = tile_bits + token_tile * 32
    ends = ()
    kept = ()
    for chunk in gl.static_range(_CHUNKS):
        ends = ends + (gl.load(row + chunk),)
        if windows is None:
            kept = kept + (-1,)
        else:
            kept = kept + (gl.load(row + _CHUNKS + chunk),)
    return token_tile * _TILE, gl.load(row + 2 * _CHUNKS), gl.load(row + 2 * _CHUNKS + 1), ends, kept


@gluon.jit
def load_windows(windows, token_tile):
    """The rows at which a tile's 32 windows begin, one a lane: [64], whichever the term."""
    terms = gl.arange(0, TERMS, TERM_LAYOUT)
    lane = gl.inline_asm_elementwise("mov.u32 $0, %laneid;", "=r,r", [terms], gl.int32, is_pure=True, pack=1)
    return gl.load(windows + token_tile * (_TILE // _WINDOW) + lane)


@gluon.jit
def take_maxima(logits, documents, target):
    """Take the maximum of every document in a tile, from logits [64, 256], into the result."""
    first, document, skips, ends, kept = documents
    out, _, windows, _, _, _, _, _ = target
    best, position = _nothing()
    inner = ends[0] | ends[1] | ends[2] | ends[3] | ends[4] | ends[5] | ends[6] | ends[7] & 0x7FFFFFFF
    # With positions all at once would need more registers than a thread has.
    AT_ONCE: gl.constexpr = windows is None and out.dtype.element_ty != gl.int64
    if AT_ONCE and inner == 0:
        best, position = _fold(logits, best, position, first, out)
        _take(best, position, document, target)
    else:
        chunks = _halves(logits)
        chunks = _halves(chunks[0]) + _halves(chunks[1])
        chunks = _halves(chunks[0]) + _halves(chunks[1]) + _halves(chunks[2]) + _halves(chunks[3])
        for index in gl.static_range(_CHUNKS):
            chunk = chunks[index]
            if ends[index] == 0 and kept[index] == -1:
                best, position = _fold(chunk, best, position, first + index * 32, out)
            else:
                bits = (ends[index], kept[index])
                best, position, document = _walk(
                    chunk, best, position, bits, first + index * 32, document, skips, target
                )
        # The bit that makes a number negative is the last slot's: did a document end there?
        if ends[7] >= 0:
            _take(best, position, document, target)


@gluon.jit
def _walk(chunk, best, position, bits, first, document, skips, target):
    """Go through 32 slots, a document at a time: take each that ends, return the maximum of the one that goes on."""
    ends, kept = bits
    out, slot_document, _, _, _, _, _, _ = target
    seen = 0
    while seen != -1:
        # The lowest bit set and all below it; all bits when no document ends here any more.
        end = ends & -ends
        through = end | (end - 1)
        part = through & ~seen & kept
        if part == -1:
            best, position = _fold(chunk, best, position, first, out)
        else:
            columns = gl.arange(0, 32, gl.SliceLayout(0, chunk.type.layout))
            inside = (part >> columns & 1) != 0
            best, position = _fold(gl.where(inside[None, :], chunk, _LEAST), best, position, first, out)
        if ends != 0:
            _take(best, position, document, target)
            best, position = _nothing()
            document += 1
            if skips != 0:
                # A power of two as a float has its exponent in the bits above the 23rd.
                exponent = (end.to(gl.uint32, bitcast=True).to(gl.float32).to(gl.int32, bitcast=True) >> 23) - 127
                document = gl.load(slot_document + first + exponent + 1)
        ends = ends & (ends - 1)
        seen = through
    return best, position, document


@gluon.jit
def _nothing():
    """The maximum of no logits, and its slot."""
    return gl.full([TERMS, 4], float("-inf"), gl.float32, _FOLDED), gl.zeros([TERMS, 4], gl.int32, _FOLDED)


@gluon.jit
def _halves(logits):
    """[64, N] as two of [64, N / 2]; no register moves."""
    return logits.reshape([TERMS, 2, logits.shape[1] // 2]).permute((0, 2, 1)).split()


@gluon.jit
def _fold(logits, best, position, first, out):
    """The larger of `best` and each thread's own part of logits [64, N], and its slot if the result has positions.

    A thread has 2 of each 8 logits. For the slot it takes a second maximum, of the logits with their place among its
    own, a number below 64, in their last bits: of logits that differ by less than 2^-17 of themselves, any may win.
    """
    N: gl.constexpr = logits.shape[1]
    folded = _fold_own(logits, True)
    if out.dtype.element_ty == gl.int64:
        column = gl.arange(0, N, gl.SliceLayout(0, logits.type.layout))
        place = gl.expand_dims(column >> 3 << 1 | column & 1, 0)
        marked = (logits.to(gl.int32, bitcast=True) & -64 | place).to(gl.float32, bitcast=True)
        # Within the tile also where no logit is a number.
        place = _fold_own(marked, False).to(gl.int32, bitcast=True) & N // 4 - 1
        pair = gl.arange(0, 4, gl.SliceLayout(0, _FOLDED))
        slot = first + (place >> 1) * 8 + gl.expand_dims(pair, 0) * 2 + (place & 1)
        position = gl.where(best > folded, position, slot)
    return _larger(best, folded), position


@gluon.jit
def _fold_own(logits, WITH_NAN: gl.constexpr):
    """The largest logit of those, [64, N], that each thread has of a term: [64, 4]. WITH_NAN: NaN counts as larger."""
    parts = logits.reshape([TERMS, logits.shape[1] // 8, 4, 2])
    if WITH_NAN:
        folded = gl.reduce(gl.reduce(parts, 3, _larger), 1, _larger)
    else:
        folded = gl.reduce(gl.reduce(parts, 3, _larger_number), 1, _larger_number)
    return gl.convert_layout(folded, _FOLDED, assert_trivial=True)


@gluon.jit
def _larger(left, right):
    return gl.maximum(left, right, propagate_nan=tl.PropagateNan.ALL)


@gluon.jit
def _larger_number(left, right):
    return gl.maximum(left, right)


@gluon.jit
def _later_larger(left, left_slot, right, right_slot):
    """The larger with its slot, the later among equals; NaN counts as larger than all."""
    right_wins = (right > left) | (right != right) | ((right == left) & (right_slot > left_slot))
    return gl.where(right_wins, right, left), gl.where(right_wins, right_slot, left_slot)


@gluon.jit
def _take(best, position, document, target):
    """Take a document's maximum over one tile into the result: of those of all tiles, the largest stays."""
    out, _, windows, vocabulary, documents, terms, term_bias, rows = target
    in_range = (terms < vocabulary) & (document < documents)
    if out.dtype.element_ty == gl.int64:
        maximum, position = gl.reduce((best, position), 1, _later_larger)
        if windows is not None:
            # From the lane that has it: memory would take longer than the next products.
            shuffle: gl.constexpr = "shfl.sync.idx.b32 $0, $1, $2, 31, -1;"
            lane = position // _WINDOW % (_TILE // _WINDOW)
            row = gl.inline_asm_elementwise(shuffle, "=r,r,r", [rows[0], lane], gl.int32, is_pure=False, pack=1)
            position = row + position % _WINDOW
        value = _weight(maximum + term_bias).to(gl.int32, bitcast=True).to(gl.int64) << 32 | position.to(gl.int64)
    else:
        value = _weight(gl.reduce(best, 1, _larger) + term_bias).to(gl.int32, bitcast=True)
    # The bits of floats from 0 up order as integers do.
    gl.atomic_max(out + document.to(gl.int64) * vocabulary + terms, value, mask=in_range, sem="relaxed")


@gluon.jit
def _weight(logit):
    """log1p(relu(logit)), off by 2e-7 of itself, or absolutely below 1: one instruction, exactly it is about thirty."""
    shifted = 1.0 + gl.maximum(logit, 0.0, propagate_nan=tl.PropagateNan.ALL)
    bits = gl.inline_asm_elementwise("lg2.approx.ftz.f32 $0, $1;", "=f,f", [shifted], gl.float32, is_pure=True, pack=1)
    return bits * 0.6931471805599453
