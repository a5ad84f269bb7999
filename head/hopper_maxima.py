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
# With positions, a logit's last bits are a mark, its slot in the tile. The bits that say which lane has it come last.
_MARK, _LANE = gl.constexpr(_TILE.value - 1), gl.constexpr(6)
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
    best = _nothing()
    inner = ends[0] | ends[1] | ends[2] | ends[3] | ends[4] | ends[5] | ends[6] | ends[7] & 0x7FFFFFFF
    # With positions all at once would need more registers than a thread has.
    AT_ONCE: gl.constexpr = windows is None and out.dtype.element_ty != gl.int64
    if AT_ONCE and inner == 0:
        _take(_fold(logits, best), first, document, target)
    else:
        chunks = _halves(logits)
        chunks = _halves(chunks[0]) + _halves(chunks[1])
        chunks = _halves(chunks[0]) + _halves(chunks[1]) + _halves(chunks[2]) + _halves(chunks[3])
        for index in gl.static_range(_CHUNKS):
            chunk = _marked(chunks[index], index * 32, out)
            if ends[index] == 0 and kept[index] == -1:
                best = _fold(chunk, best)
            else:
                bits = (ends[index], kept[index])
                best, document = _walk(chunk, best, bits, first, index * 32, document, skips, target)
        # The bit that makes a number negative is the last slot's: did a document end there?
        if ends[7] >= 0:
            _take(best, first, document, target)


@gluon.jit
def _walk(chunk, best, bits, first, at, document, skips, target):
    """Go through 32 slots, a document at a time: take each that ends, return the maximum of the one that goes on.

    first: the tile's first slot. at: the first of these, counted in the tile.
    """
    ends, kept = bits
    _, slot_document, _, _, _, _, _, _ = target
    seen = 0
    while seen != -1:
        # The lowest bit set and all below it; all bits when no document ends here any more.
        end = ends & -ends
        through = end | (end - 1)
        part = through & ~seen & kept
        if part == -1:
            best = _fold(chunk, best)
        else:
            columns = gl.arange(0, 32, gl.SliceLayout(0, chunk.type.layout))
            inside = (part >> columns & 1) != 0
            best = _fold(gl.where(inside[None, :], chunk, _LEAST), best)
        if ends != 0:
            _take(best, first, document, target)
            best = _nothing()
            document += 1
            if skips != 0:
                # A power of two as a float has its exponent in the bits above the 23rd.
                exponent = (end.to(gl.uint32, bitcast=True).to(gl.float32).to(gl.int32, bitcast=True) >> 23) - 127
                document = gl.load(slot_document + first + at + exponent + 1)
        ends = ends & (ends - 1)
        seen = through
    return best, document


@gluon.jit
def _nothing():
    """The maximum of no logits."""
    return gl.full([TERMS, 4], _LEAST, gl.float32, _FOLDED)


@gluon.jit
def _halves(logits):
    """[64, N] as two of [64, N / 2]; no register moves."""
    return logits.reshape([TERMS, 2, logits.shape[1] // 2]).permute((0, 2, 1)).split()


@gluon.jit
def _marked(logits, at, out):
    """Logits [64, N], with their slots' marks if the result has positions. at: the first slot, counted in the tile."""
    if out.dtype.element_ty == gl.int64:
        column = gl.arange(0, logits.shape[1], gl.SliceLayout(0, logits.type.layout))
        mark = gl.expand_dims((column & ~_LANE) + at, 0)
        logits = (logits.to(gl.int32, bitcast=True) & ~_MARK | mark).to(gl.float32, bitcast=True)
    return logits


@gluon.jit
def _fold(logits, best):
    """The larger of `best` and each thread's own part of logits [64, N], 2 of each 8: [64, 4]."""
    parts = logits.reshape([TERMS, logits.shape[1] // 8, 4, 2])
    folded = gl.reduce(gl.reduce(parts, 3, _larger), 1, _larger)
    return _larger(best, gl.convert_layout(folded, _FOLDED, assert_trivial=True))


@gluon.jit
def _larger(left, right):
    return gl.maximum(left, right, propagate_nan=tl.PropagateNan.ALL)


@gluon.jit
def _take(best, first, document, target):
    """Take a document's maximum over one tile into the result: of those of all tiles, the largest stays."""
    out, _, windows, vocabulary, documents, terms, linear, rows = target
    in_range = (terms < vocabulary) & (document < documents)
    if out.dtype.element_ty == gl.int64:
        lane = gl.expand_dims(gl.arange(0, 4, gl.SliceLayout(0, _FOLDED)) * 2, 0)
        best = (best.to(gl.int32, bitcast=True) | lane).to(gl.float32, bitcast=True)
        marked = gl.reduce(best, 1, _larger).to(gl.int32, bitcast=True)
        slot = marked & _MARK
        if windows is None:
            position = first + slot
        else:
            # From the lane that has it: memory would take longer than the next products.
            shuffle: gl.constexpr = "shfl.sync.idx.b32 $0, $1, $2, 31, -1;"
            window = slot // _WINDOW
            row = gl.inline_asm_elementwise(shuffle, "=r,r,r", [rows[0], window], gl.int32, is_pure=False, pack=1)
            position = row + slot % _WINDOW
        # The middle of what the logit may have been.
        logit = (marked & ~_MARK | (_MARK + 1) // 2).to(gl.float32, bitcast=True)
        value = _weight(_logit(logit, linear)).to(gl.int32, bitcast=True).to(gl.int64) << 32 | position.to(gl.int64)
    else:
        value = _weight(_logit(gl.reduce(best, 1, _larger), linear)).to(gl.int32, bitcast=True)
    # The bits of floats from 0 up order as integers do.
    gl.atomic_max(out + document.to(gl.int64) * vocabulary + terms, value, mask=in_range, sem="relaxed")


@gluon.jit
def _logit(product, linear):
    """A term's logit, of its product. A scale is above 0, so the largest product has the largest logit."""
    bias, scale = linear
    if len(scale) == 1:
        product = product * scale[0]
    return product + bias


@gluon.jit
def _weight(logit):
    """log1p(relu(logit)), off by 2e-7 of itself, or absolutely below 1: one instruction, exactly it is about thirty."""
    shifted = 1.0 + gl.maximum(logit, 0.0, propagate_nan=tl.PropagateNan.ALL)
    bits = gl.inline_asm_elementwise("lg2.approx.ftz.f32 $0, $1;", "=f,f", [shifted], gl.float32, is_pure=True, pack=1)
    return bits * 0.6931471805599453
