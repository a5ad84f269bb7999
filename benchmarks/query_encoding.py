"""Milliseconds of one query's encoding on a CPU, and of its parts: as a model and a batch do it, and as a query alone.

    python benchmarks/query_encoding.py [--model tiny] [--dtypes auto int8 float32] [--out FILE.json]

All parts take turns, and each is quoted at its best, for what else the machine does only adds to it. `before` is a
query whose weights are computed as a batch's: through the model's own code, padding and all. That both ways give the
same weights is checked.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sparton import Encoder
from sparton.pipeline.model.padded import pad
from sparton.pipeline.model.replay import SELDOM
from sparton.pipeline.model.splade_model import SpladeModel

TEXT = (
    "small black leather crossbody bag with gold chain for women and men in the summer of nineteen ninety six from an "
    "old italian brand"
)
WORDS = (3, 8, 24)
_REPEATS = 20  # of a part in its turn


def best(parts: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least milliseconds of each part, the parts taking turns."""
    found = dict.fromkeys(parts, float("inf"))
    for _ in range(rounds):
        for name, part in parts.items():
            for _ in range(_REPEATS):
                start = time.perf_counter()
                part()
                found[name] = min(found[name], 1000 * (time.perf_counter() - start))
    return found


@torch.inference_mode()
def measure(encoder: Encoder, query: str, rounds: int) -> dict[str, float]:
    """The least milliseconds of a query and of its parts."""
    model: Any = encoder._model
    assert isinstance(model, SpladeModel)
    (tokens,) = (text.ids for text in encoder.tokenize([query]).each())
    length = int(encoder._whole_blocks(encoder.tokenize([query]).lengths)[0])
    text = pad([tokens], model._pad, length)
    hidden = model._lm.hidden_states(text.ids, text.mask)
    weights = model._padded_weights([tokens], length)
    alone: Callable[[Any, int], torch.Tensor] = model._short_weights

    def before() -> object:
        model._short_weights = lambda tokens, length: model._padded_weights([tokens], length)
        try:
            return encoder.terms(query)
        finally:
            model._short_weights = alone

    for _ in range(SELDOM + 3):  # the first prepare what the others use
        for ids in (tokens, tokens[::-1].copy()):
            assert torch.equal(alone(ids, length), model._padded_weights([ids], length))
    assert encoder.terms(query) == before()
    parts: dict[str, Callable[[], object]] = {
        "before": before,
        "query": partial(encoder.terms, query),
        "tokens": partial(encoder.tokenize, [query]),
        "backbone, by the model": partial(model._lm.hidden_states, text.ids, text.mask),
        "backbone, recorded": partial(model._replay, text),
        "head, with padding": partial(model._pool, hidden, [tokens], text),
        "head, alone": partial(model._head_alone, hidden, tokens, text),
        "impacts": lambda: encoder._begin_quantize(weights)(),
    }
    return best(parts, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--dtypes", nargs="+", default=["auto", "int8", "float32"])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": f"{os.uname().machine}, {torch.get_num_threads()} threads"}
    for dtype in arguments.dtypes:
        encoder = Encoder(arguments.model, device="cpu", dtype=dtype)
        for words in WORDS:
            found = measure(encoder, " ".join(TEXT.split()[:words]), arguments.rounds)
            result[f"{dtype}, {words} words, ms"] = found
            print(f"{dtype}, {words} words: " + ", ".join(f"{part} {ms:.2f}" for part, ms in found.items()), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
