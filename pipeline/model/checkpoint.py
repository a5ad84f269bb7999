"""Load a checkpoint of transformers, with its tokenizer, from a folder: from safetensors, quietly, asking no hub."""

import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open

from ...errors import SpartonError
from .adapter import merged
from .converted import as_safetensors
from .layout import read_object
from .loadable import loadable
from .own_code import has_own_code, make_buffers_again, name_ties
from .tokenizing import has_tokenizer, open_tokenizer
from .weights import weight_files

T = TypeVar("T")
_USUAL_MAX_LENGTH = 512
_USUAL_TOKENS = 8  # of so many rows of an embedding at most one has no token, in models as they are published
_LEAST_LENGTH = 3  # a token between two special ones
_READ = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
log = logging.getLogger("sparton")


@dataclass(frozen=True)
class Checkpoint:
    """A model of transformers, for inference. missing: names of its weights that the folder lacks. unexpected: of those
    that the folder has and the model has not. longest: the most tokens that it takes."""

    folder: Path
    model: Any
    tokenizer: Any
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    longest: int

    def vocabulary(self, size: int) -> tuple[str, ...]:
        """The term of each of so many ids, the rows of the embedding; one that the tokenizer does not know, or that is
        empty or another id's, gets a name of its own.

        Raises SpartonError for a tokenizer that gives other ids, too. Their tokens were never trained, and to leave
        them out would change what a text says without a word of it.
        """
        count = len(self.tokenizer)
        if not self.tokenizer.is_fast:  # its ids may have gaps, which count does not
            count = 1 + max(self.tokenizer.get_vocab().values(), default=-1)
        known = min(size, count)
        terms = self._once(self.tokenizer.convert_ids_to_tokens(list(range(known))))
        beyond = {number: f"[id {number}]" for number in self.tokenizer("a").input_ids if number >= size}
        if count > size or None in terms:  # else they fill the first ids
            beyond |= {number: token for token, number in self.tokenizer.get_vocab().items() if number >= size}
        if beyond:
            raise SpartonError(
                f"the tokenizer in {self.folder} gives {beyond[min(beyond)]!r} the id {min(beyond)}, and the model's "
                f"embedding has {size} rows; save the tokenizer that the model was trained with, or one without "
                "what was added to it since"
            )
        self._tell_nameless(known, size)
        return tuple(term or f"[id {i}]" for i, term in enumerate(terms)) + tuple(
            f"[id {i}]" for i in range(known, size)
        )

    def _tell_nameless(self, known: int, size: int) -> None:
        """Say so where many rows of the embedding have no token. A few are usual, up to a multiple that a GPU likes."""
        if _USUAL_TOKENS * known < (_USUAL_TOKENS - 1) * size:
            log.warning(
                "the tokenizer in %s has %s tokens, and the model's embedding %s rows, of which the others are called "
                "[id %d] and so on; see that its files are whole",
                self.folder,
                f"{known:,}",
                f"{size:,}",
                known,
            )

    def _once(self, terms: list[str | None]) -> list[str | None]:
        """Terms by id, of which one that several ids have stays at its own: Python code names unknown ids "[UNK]"."""
        if len(set(terms)) == len(terms):
            return terms
        often = {term for term, count in Counter(terms).items() if count > 1 and term is not None}
        own = {term: self.tokenizer.convert_tokens_to_ids(term) for term in often}
        return ["" if term in own and own[term] != number else term for number, term in enumerate(terms)]


def load_checkpoint(
    folder: Path,
    auto_class: str,
    title: str,
    *,
    device: torch.device,
    dtype: torch.dtype,
    trust_remote_code: bool,
    prefix: str = "",
    adapter: Path | None = None,
) -> Checkpoint:
    """Load a model folder (config, weights, tokenizer). auto_class: of transformers, as "AutoModelForMaskedLM".
    title: of such models, in a sentence. prefix: of the stored names of its weights, which transformers does not know.
    adapter: the folder of one that is merged, whose tokenizer, if it has one, is the model's.

    Raises SpartonError when it is no such model, or lacks a tokenizer, or a file of it is damaged.
    """
    import transformers

    # Files may name others on the hub, as an adapter names its base; only trusted code is fetched so.
    trust = {"trust_remote_code": trust_remote_code, "local_files_only": not trust_remote_code}
    spelled = adapter if adapter is not None and has_tokenizer(adapter) else folder
    tokenizer = _loaded(
        spelled, "with its tokenizer", lambda: open_tokenizer(spelled, trust_remote_code=trust_remote_code)
    )
    if trust_remote_code:
        _loaded(folder, f"as a {title}", lambda: name_ties(folder, auto_class))
    with loadable(folder) as whole, as_safetensors(whole) as readable:
        model, report = _loaded(
            folder,
            f"as a {title}",
            lambda: getattr(transformers, auto_class).from_pretrained(
                readable,
                dtype=dtype,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **({"key_mapping": {f"^{re.escape(prefix)}": ""}} if prefix else {}),
                **trust,
            ),
            readable,
        )
    for name, stored, expected in sorted(report.get("mismatched_keys") or ()):
        raise SpartonError(
            f"{folder} holds the weight {name} of shape {_shape(stored)}, and its config.json asks for "
            f"{_shape(expected)}; save both again from one model"
        )
    if has_own_code(model):
        _loaded(folder, f"as a {title}", lambda: make_buffers_again(model, folder))
    model = model.eval().requires_grad_(False).to(device)
    if adapter is not None:
        model = merged(model, adapter).eval().requires_grad_(False)
    longest = _longest(folder, tokenizer, model)
    if longest < _LEAST_LENGTH:
        raise SpartonError(
            f"{folder} takes {longest} tokens a text, by model_max_length in its tokenizer_config.json or "
            f"max_position_embeddings in its config.json; expected at least {_LEAST_LENGTH}"
        )
    missing, unexpected = (tuple(sorted(report[f"{which}_keys"])) for which in ("missing", "unexpected"))
    return Checkpoint(folder, model, tokenizer, missing, unexpected, longest)


def reason(error: BaseException) -> str:
    """What an error of another library says, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = (" ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])).rstrip(".")
    if not first:
        return type(error).__name__
    # What Python itself says of a wrong type or a missing key needs the word.
    said = isinstance(error, OSError | ValueError | ImportError | RuntimeError) or type(error) is Exception
    return first if said or type(error).__module__ != "builtins" else f"{type(error).__name__}: {first}"


def _loaded(folder: Path, how: str, load: Callable[[], T], readable: Path | None = None) -> T:
    """What a library makes of a user's files. how: it should have been loaded, for the sentence. readable: the folder
    that the library is given, if it is another.

    Raises SpartonError whatever the library raises: it was not written for files that are damaged.
    """
    try:
        with _quiet_transformers():
            return load()
    except SpartonError:
        raise
    except Exception as error:
        for name in _READ:  # a file that is no JSON is the likely cause, and is named
            read_object(folder / name)
        _check_safetensors(readable or folder, folder)
        said = reason(error).replace(str(readable or folder), str(folder))
        raise SpartonError(
            f"{folder} cannot be loaded {how}: {said}; see that its files are whole, and of such a model"
        ) from error


def _check_safetensors(readable: Path, folder: Path) -> None:
    """Raise SpartonError for the first file of weights that is damaged. readable: where they are, of the folder."""
    for path in weight_files(readable):
        if path.suffix != ".safetensors":
            continue
        try:
            with safe_open(path, framework="pt"):
                pass
        except Exception as error:  # of a library that was not written for damaged files
            raise SpartonError(
                f"{folder / path.name} cannot be read ({reason(error)}); download or copy it again"
            ) from error


def _longest(folder: Path, tokenizer: Any, model: Any) -> int:
    """The most tokens that a model takes, by what its files say."""
    asked, positions = tokenizer.model_max_length, _positions(model)
    for name, value in (("model_max_length", asked), ("max_position_embeddings", positions)):
        if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
            raise SpartonError(f"{folder} sets {name} to {value!r}; expected a number, so save the model again")
    return int(min(asked, positions, _same_rotation(model.config)))


def _same_rotation(config: Any) -> float:
    """The most tokens of a text up to which a model rotates positions alike, whatever else is in its batch.

    Beyond it transformers rotates all texts of a batch by the longest one: for `longrope` from the length that the
    model was trained with first, and for `dynamic` only from beyond all the positions that it has.
    """
    rotation = getattr(config, "rope_parameters", None) or {}
    kinds = [kind for kind in rotation.values() if isinstance(kind, dict)] or [rotation]  # by type of layer
    ends = [kind.get("original_max_position_embeddings") for kind in kinds if kind.get("rope_type") == "longrope"]
    return min((end for end in ends if isinstance(end, int)), default=math.inf)


def _positions(model: Any) -> Any:
    """How many positions a model has for tokens.

    RoBERTa and its kin (CamemBERT, XLM-R, MPNet, Longformer, ESM) count them from behind the padding's, so that of 514
    two are never used. Their embedding of positions is the one that has a padding.
    """
    for name, module in model.named_modules():
        padding, weight = getattr(module, "padding_idx", None), getattr(module, "weight", None)
        if name.endswith("position_embeddings") and padding is not None and weight is not None:
            return int(len(weight) - padding - 1)
    return getattr(model.config, "max_position_embeddings", None) or _USUAL_MAX_LENGTH


def _shape(sizes: Any) -> str:
    return "×".join(map(str, sizes)) or "()"


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Loading prints bars and advice about unused weights; what matters of it is checked here."""
    from transformers.utils import logging

    hf_logging: Any = logging
    before, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(before)
        if bars:
            hf_logging.enable_progress_bar()
