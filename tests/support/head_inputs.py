"""Inputs of the fused head for its tests, and what the right answer is."""

import torch

from sparton.head.inputs import HeadInputs

SMALL = [
    # batch, length, width, vocabulary
    (1, 1, 64, 1),
    (3, 15, 100, 97),
    (2, 17, 128, 513),
    (1, 127, 64, 130),
    (2, 129, 100, 1030),
    (5, 33, 384, 200),
]
# The same for kernels, whose tiles are smaller than PyTorch's: the interpreter takes seconds a shape.
TILED = [
    *SMALL[:2],
    (2, 17, 128, 257),
    SMALL[3],
    (2, 129, 100, 260),
    (3, 33, 384, 150),
]
MASKS = ["none", "ones", "right", "left", "holes", "one row of zeros", "zeros"]


def make_inputs(batch, length, width, vocabulary, mask, dtype=torch.float32, device="cpu", seed=0):
    """hidden, weight, bias and attention_mask of random numbers."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(batch, length, width, generator=generator)
    weight = torch.randn(vocabulary, width, generator=generator) * width**-0.5
    bias = torch.randn(vocabulary, generator=generator) * 0.5
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    steps = torch.arange(length)[None, :]
    masks = {
        "none": None,
        "ones": torch.ones(batch, length, dtype=torch.int64),
        "right": (steps < lengths).long(),
        "left": (steps >= length - lengths).long(),
        "holes": (torch.rand(batch, length, generator=generator) < 0.5).long(),
        "one row of zeros": (steps < lengths).long() * (torch.arange(batch)[:, None] != 0),
        "zeros": torch.zeros(batch, length, dtype=torch.int64),
    }
    chosen = masks[mask]
    return (
        hidden.to(device, dtype),
        weight.to(device, dtype),
        bias.to(device, dtype),
        None if chosen is None else chosen.to(device),
    )


def make_packed(lengths, width, vocabulary, dtype=torch.float32, device="cpu", before=0, after=0):
    """hidden [T, D], weight, bias and cu_seqlens of documents of these lengths, with rows of none before and after."""
    rows = before + sum(lengths) + after
    (hidden,), weight, bias, _ = make_inputs(1, max(1, rows), width, vocabulary, "none", dtype, device)
    cu_seqlens = before + torch.tensor([0, *lengths]).cumsum(0)
    return hidden[:rows], weight, bias, cu_seqlens.to(device)


def logits_of(inputs: HeadInputs, document: int, terms: slice, dtype: torch.dtype):
    """[kept positions, terms] of one document, computed in `dtype`, bias included; and each one's row of hidden."""
    if inputs.cu_seqlens is None:
        rows = torch.arange(inputs.hidden.shape[1], device=inputs.hidden.device)
        if inputs.mask is not None:
            rows = rows[inputs.mask[document]]
        hidden, first = inputs.hidden[document, rows], document * inputs.hidden.shape[1]
    else:
        start, stop = inputs.cu_seqlens[document : document + 2].tolist()
        rows, first = torch.arange(start, stop, device=inputs.hidden.device), 0
        hidden = inputs.hidden[rows]
    logits = hidden.to(dtype) @ inputs.weight[terms].to(dtype).T
    return (logits if inputs.bias is None else logits + inputs.bias[terms].to(dtype)), rows + first


def clear_maxima(inputs: HeadInputs, least: float):
    """bool [B, V]: whether the largest logit is further than `least` from 0 and from the second largest, in float64."""
    clear = torch.zeros(inputs.documents, inputs.vocabulary, dtype=torch.bool, device=inputs.hidden.device)
    for document in range(inputs.documents):
        for start in range(0, inputs.vocabulary, 2**15):
            logits, _ = logits_of(inputs, document, slice(start, start + 2**15), torch.float64)
            if len(logits):
                best, *second = logits.topk(min(2, len(logits)), dim=0).values
                clear[document, start : start + 2**15] = best.abs() > least
                for other in second:
                    clear[document, start : start + 2**15] &= best - other > least
    return clear


def weights_of(inputs: HeadInputs, document: int, dtype: torch.dtype):
    """One row of the result, float32 [V], computed in `dtype` and a part of the vocabulary at a time."""
    parts = []
    for start in range(0, inputs.vocabulary, 2**15):
        logits, _ = logits_of(inputs, document, slice(start, start + 2**15), dtype)
        best = logits.amax(dim=0) if len(logits) else logits.new_zeros(logits.shape[1])
        parts.append(torch.log1p(torch.relu(best)).float())
    return torch.cat(parts)


def some_documents(inputs: HeadInputs):
    """All documents, or of very many weights the first, the last and some between: each is computed on its own."""
    count = inputs.documents
    few = count <= 8 or count * inputs.vocabulary <= 2**19
    return range(count) if few else sorted({0, 1, count // 2, count - 2, count - 1})


def assert_no_worse_than_pytorch(result, inputs: HeadInputs):
    """The error against the truth is at most that of plain PyTorch in the same dtype, plus 1e-5."""
    assert result.dtype == torch.float32
    assert result.shape == (inputs.documents, inputs.vocabulary)
    exact = torch.float64 if inputs.hidden.dtype == torch.float32 else torch.float32
    for document in some_documents(inputs):
        truth = weights_of(inputs, document, exact)
        plain = (weights_of(inputs, document, inputs.hidden.dtype) - truth).abs().max()
        assert (result[document] - truth).abs().max() <= plain + 1e-5


def assert_positions_of_maxima(weights, positions, inputs: HeadInputs):
    """Where a weight is not 0, the logit at its position is the document's largest, within rounding."""
    assert positions.dtype == torch.int32
    for document in some_documents(inputs):
        logits, rows = logits_of(inputs, document, slice(None), torch.float32)
        found = weights[document] > 0
        if not found.any():
            continue
        at = (positions[document, found, None] == rows).int()
        assert (at.sum(dim=1) == 1).all()
        chosen = logits[:, found].gather(0, at.argmax(dim=1)[None, :])[0]
        torch.testing.assert_close(chosen, logits[:, found].amax(dim=0), atol=1e-4, rtol=0)
