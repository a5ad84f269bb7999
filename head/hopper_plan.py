"""What the Hopper kernel must know of each tile of 256 slots: whose slots they are, and where documents end.

Documents lie end to end in slots. Packed documents, and padded ones without a mask, fill the slots in order, one a row
of hidden states. Padded documents with a mask are cut into windows of 8 positions: a window without a kept position
gets no slots, so nobody multiplies it, and a masked position in another window is left out by its bit.
All of it is made on the device; the host learns no length.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from .inputs import HeadInputs

TILE = 256
WINDOW = 8
# Windows a program looks at together, as many as documents of 512 positions have; longer ones take several looks.
_BLOCK = 64
_OPTIONS = {"WINDOW": WINDOW, "enable_fp_fusion": True}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where documents lie in slots.

    starts: int32 [B + 1], the first slot of each document and the end, or None where slots are rows of equal documents.
    slot_document: int32 [slots], the document of each slot, B for none. tile_bits: int32 [tiles, 32], of each tile: 8
    int32 of bits, set where a slot is its document's last; 8 of bits set where it is kept; the document of the first
    slot; whether any but the next document follows a document's last slot. windows: int32 [slots / 8], the row at which
    each window begins, or None. runs: int32 [slots / 32], the same of each four windows whose rows follow each
    other, else -1.
    """

    tiles: int
    starts: torch.Tensor | None
    slot_document: torch.Tensor
    tile_bits: torch.Tensor
    windows: torch.Tensor | None
    runs: torch.Tensor | None


def make_plan(inputs: HeadInputs) -> Plan:
    """Lay the documents out in slots."""
    device = inputs.hidden.device
    if inputs.mask is None:
        tiles = triton.cdiv(inputs.tokens, TILE)
        starts, kept, windows = inputs.cu_seqlens, None, None
    else:
        starts, kept, windows = _cut_into_windows(inputs.mask)
        tiles = triton.cdiv(len(kept), TILE)
    # One more: the kernel looks at what follows a document's last slot.
    slot_document = torch.empty(tiles * TILE + 1, dtype=torch.int32, device=device)
    tile_bits = torch.empty((tiles, 32), dtype=torch.int32, device=device)
    runs = None if windows is None else torch.empty(len(windows) // 4, dtype=torch.int32, device=device)
    length = 1 if inputs.cu_seqlens is not None else inputs.hidden.shape[1]
    _tiles_kernel[(tiles,)](
        starts, kept, windows, slot_document, tile_bits, runs, inputs.documents, length, TILE=TILE, **_OPTIONS
    )
    return Plan(tiles, starts, slot_document, tile_bits, windows, runs)


def _cut_into_windows(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """starts int32 [B + 1]; kept uint8 [slots]; windows int32 [slots / 8]; for as many slots as could be needed."""
    documents, length = mask.shape
    per_document = triton.cdiv(length, WINDOW)
    tiles = triton.cdiv(documents * per_document * WINDOW, TILE)
    mask = mask.contiguous().view(torch.uint8)
    starts = torch.zeros(documents + 1, dtype=torch.int32, device=mask.device)
    # What no document fills must be a row that exists: the kernel loads it, and drops what comes of it.
    windows = torch.zeros(tiles * TILE // WINDOW, dtype=torch.int32, device=mask.device)
    kept = torch.zeros(tiles * TILE, dtype=torch.uint8, device=mask.device)
    _count_windows_kernel[(documents,)](mask, starts, length, BLOCK=_BLOCK, **_OPTIONS)
    torch.cumsum(starts, 0, dtype=torch.int32, out=starts)
    _fill_windows_kernel[(documents,)](mask, starts, windows, kept, length, BLOCK=_BLOCK, **_OPTIONS)
    return starts, kept, windows


@triton.jit(do_not_specialize=["length"])
def _count_windows_kernel(mask, starts, length, WINDOW: tl.constexpr, BLOCK: tl.constexpr):
    """One program a document: how many slots its windows take, into the entry after its own in `starts`."""
    document = tl.program_id(0)
    slots = 0
    for first in range(0, length, BLOCK * WINDOW):
        used, _ = _windows(mask, document, first, length, WINDOW, BLOCK)
        slots += tl.sum(used, axis=0) * WINDOW
    tl.store(starts + document + 1, slots)


@triton.jit(do_not_specialize=["length"])
def _fill_windows_kernel(mask, starts, windows, kept, length, WINDOW: tl.constexpr, BLOCK: tl.constexpr):
    """One program a document: the first row of each used window, and which of its positions are kept."""
    document = tl.program_id(0)
    entry = tl.load(starts + document) // WINDOW
    for first in range(0, length, BLOCK * WINDOW):
        used, marked = _windows(mask, document, first, length, WINDOW, BLOCK)
        entries = entry + tl.cumsum(used, axis=0) - used
        tl.store(windows + entries, document * length + first + tl.arange(0, BLOCK) * WINDOW, mask=used != 0)
        slots = entries[:, None] * WINDOW + tl.arange(0, WINDOW)[None, :]
        tl.store(kept + slots, marked, mask=(used != 0)[:, None])
        entry += tl.sum(used, axis=0)


@triton.jit
def _windows(mask, document, first, length, WINDOW: tl.constexpr, BLOCK: tl.constexpr):
    """Windows from position `first`: 1 for those with a kept position, [BLOCK]; 1 for each such, [BLOCK, WINDOW]."""
    positions = first + tl.arange(0, BLOCK)[:, None] * WINDOW + tl.arange(0, WINDOW)[None, :]
    marked = tl.load(mask + document.to(tl.int64) * length + positions, mask=positions < length, other=0).to(tl.int32)
    return tl.max(marked, axis=1), marked


@triton.jit(do_not_specialize=["documents", "length"])
def _tiles_kernel(
    starts, kept, windows, slot_document, tile_bits, runs, documents, length, TILE: tl.constexpr, WINDOW: tl.constexpr
):
    """One program a tile: its slots' documents, bits and runs."""
    tile = tl.program_id(0)
    slots = tile * TILE + tl.arange(0, TILE)
    document = _document_of(starts, slots, documents, length)
    following = _document_of(starts, slots + 1, documents, length)
    tl.store(slot_document + slots, document)
    row = tile_bits + tile * 32
    chunks = tl.arange(0, TILE // 32)
    tl.store(row + chunks, _bits(document != following, TILE))
    tl.store(row + 16, tl.sum(tl.where(slots == tile * TILE, document, 0), axis=0))
    tl.store(row + 17, tl.max(((document != following) & (following != document + 1)).to(tl.int32), axis=0))
    if windows is not None:
        tl.store(row + TILE // 32 + chunks, _bits(tl.load(kept + slots) != 0, TILE))
        groups = tile * (TILE // 32) + chunks
        first = tl.load(windows + groups * 4)
        follow = tl.load(windows + groups * 4 + 1) == first + WINDOW
        follow &= tl.load(windows + groups * 4 + 2) == first + WINDOW * 2
        follow &= tl.load(windows + groups * 4 + 3) == first + WINDOW * 3
        tl.store(runs + groups, tl.where(follow, first, -1))


@triton.jit
def _bits(flags, TILE: tl.constexpr):
    """int32 [TILE / 32] of bool [TILE], the first in the lowest bit."""
    return tl.sum(tl.reshape(flags.to(tl.int32), (TILE // 32, 32)) << tl.arange(0, 32)[None, :], axis=1)


@triton.jit
def _document_of(starts, slots, documents, length):
    """The document of each slot; `documents` for a slot of none."""
    if starts is None:
        document = tl.minimum(slots // length, documents)
    else:
        # The last document to start at or before the slot: one without tokens starts where the next does.
        low = tl.full(slots.shape, -1, tl.int32)
        high = tl.full(slots.shape, 0, tl.int32) + documents
        while tl.max(high - low, axis=0) > 1:
            middle = (low + high) // 2
            before = tl.load(starts + middle, mask=middle >= 0, other=0) <= slots
            low, high = tl.where(before, middle, low), tl.where(before, high, middle)
        outside = (low < 0) | (slots >= tl.load(starts + documents))
        document = tl.where(outside, documents, low)
    return document
