"""Load a table of token weights and its tokenizer. No transformer, and no torch to import.

The query side of inference-free models (arXiv 2411.04403), and sentence-transformers' SparseStaticEmbedding.
"""

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from ...errors import SpartonError, shortened
from ...storage.manifest import ONES
from ...storage.nesting import not_too_deep
from ..tokens.tokenizer import Tokenization
from .base import TokenTable
from .converted import converted
from .layout import read_object
from .spec import EncoderFiles
from .weights import PICKLED, SAFETENSORS

# A text may be as long as it likes where nobody says otherwise; a JSON number that every reader takes.
_ENDLESS = 2**31 - 1
log = logging.getLogger("sparton")
_WHOLE = re.compile("0|[1-9][0-9]*")
_DIGITS = 10  # of a token id
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def load_table(files: EncoderFiles) -> TokenTable:
    """Load the table of a model folder. Raises SpartonError when tokenizer or table cannot be read."""
    text, config = _tokenizer_files(files.folder)
    try:
        tokenizer = tokenizers.Tokenizer.from_str(text)
        content = json.loads(not_too_deep(text))
        added, vocabulary = content.get("added_tokens") or (), content["model"]["vocab"]
        special = [token["id"] for token in added if token["special"]]
        ids = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        size = 1 + max([*ids, *(token["id"] for token in added)], default=-1)
    except Exception as error:  # of a library that was not written for damaged files
        path = files.folder / "tokenizer.json"
        read_object(path)
        raise SpartonError(f"{path} is no tokenizer ({error}); save it again") from error
    weights = _ones(size, special) if files.terms == ONES else _weights(files, tokenizer, size, config)
    if size > len(weights):
        raise SpartonError(
            f"the table of {files.folder} has {len(weights)} weights and its tokenizer {size} tokens; save both again "
            "from one model"
        )
    if files.terms != ONES:
        _check_weights(files, weights, special)
    longest = _longest(files.folder, config)

    def term(token: int) -> str:
        return tokenizer.id_to_token(token) or f"[id {token}]"

    return TokenTable(Tokenization(text, longest, frozenset(special), special_tokens=False), weights, term)


def _tokenizer_files(folder: Path) -> tuple[str, dict[str, Any]]:
    """tokenizer.json, and what tokenizer_config.json holds."""
    try:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SpartonError(
            f"{folder} has no tokenizer.json, which cuts texts where no model runs; write it by transformers' "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        ) from error
    except ValueError as error:
        raise SpartonError(f"{folder / 'tokenizer.json'} is not JSON ({error}); save it again") from error
    return text, read_object(folder / "tokenizer_config.json")


def _check_weights(files: EncoderFiles, weights: np.ndarray, special: list[int]) -> None:
    """Raise SpartonError for a weight that is no number, and where none is above 0: no text would have a term."""
    path = files.table or files.folder
    infinite = np.flatnonzero(~np.isfinite(weights))
    if len(infinite):
        token = int(infinite[0])
        raise SpartonError(
            f"the table in {path} has the weight {weights[token]:g} at the token id {token}; expected numbers that are "
            "finite, so save it again"
        )
    usable = weights > 0
    usable[special] = False
    if not usable.any():
        raise SpartonError(
            f"the table in {path} has no weight above 0 for a token of {files.folder / 'tokenizer.json'}, so that no "
            "text would have a term; save both again from one model"
        )


def tell_negative(name: str, table: TokenTable) -> None:
    """Log how many weights of a table are below 0, and so weigh nothing. name: of its model."""
    negative = int((table.weights < 0).sum())
    if negative:
        log.info("the table of %s has %s negative weights, which count as 0", name, f"{negative:,}")


def _longest(folder: Path, config: dict[str, Any]) -> int:
    """The most tokens of a text, by the tokenizer's configuration."""
    longest = config.get("model_max_length") or _ENDLESS
    if isinstance(longest, int | float) and not isinstance(longest, bool) and longest >= 1:
        return int(min(longest, _ENDLESS))
    raise SpartonError(
        f"{folder / 'tokenizer_config.json'} sets model_max_length to {longest!r}; expected a number above 0"
    )


def _ones(size: int, special: list[int]) -> np.ndarray:
    """float32 [V]: 1 for each token that a text may have."""
    weights = np.ones(size, dtype=np.float32)
    weights[special] = 0
    return weights


def _weights(files: EncoderFiles, tokenizer: tokenizers.Tokenizer, size: int, config: dict[str, Any]) -> np.ndarray:
    """float32 [V], the weight of each token id. size: of the tokenizer's vocabulary."""
    if files.table is None:
        return _stored(files.folder)
    try:
        content = json.loads(not_too_deep(files.table.read_text("utf-8")))
        if isinstance(content, list):
            return np.array([float(weight) for weight in content], dtype=np.float32)
        table = {str(token): float(weight) for token, weight in content.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SpartonError(
            f"{files.table} is no table of {{token: weight}}, of {{token id: weight}} or of a weight for each token id "
            f"({error}); save it again"
        ) from error
    if _by_id(table, tokenizer):
        return _weights_by_id(table, files.table, size)
    weights = np.zeros(size, dtype=np.float32)
    # sentence-transformers gives the weight of a token that the tokenizer lacks to the unknown token.
    unknown = tokenizer.token_to_id(str(config.get("unk_token")))
    for token, weight in table.items():
        token_id = tokenizer.token_to_id(token)
        token_id = unknown if token_id is None else token_id
        if token_id is not None:
            weights[token_id] = weight
    return weights


def _by_id(table: dict[str, float], tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether a table names token ids rather than tokens, of which many are numbers too: if all names are whole numbers
    and the tokenizer lacks one of them."""
    return all(map(_WHOLE.fullmatch, table)) and any(tokenizer.token_to_id(name) is None for name in table)


def _weights_by_id(table: dict[str, float], path: Path, size: int) -> np.ndarray:
    beyond = next((name for name in table if len(name) > _DIGITS or int(name) >= size), None)
    if beyond is not None:
        raise SpartonError(
            f"{path} names the token id {shortened(beyond)}, and its tokenizer has the ids 0 to {size - 1}; save both "
            "again from one model"
        )
    weights = np.zeros(size, dtype=np.float32)
    weights[[int(name) for name in table]] = list(table.values())
    return weights


def _stored(folder: Path) -> np.ndarray:
    """float32 [V] of any floating dtype, from a folder's safetensors or what its pickle was converted to. NumPy lacks
    bfloat16: the upper half of a float32."""
    from safetensors import SafetensorError, deserialize

    made = converted(folder)
    path = folder / (PICKLED if made else SAFETENSORS)
    try:
        tensors = dict(deserialize((made or path).read_bytes()))  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); save the model again") from error
    tensor = tensors.get("weight")
    if tensor is None or tensor["dtype"] not in _DTYPES or len(tensor["shape"]) != 1:
        found = {name: (content["dtype"], content["shape"]) for name, content in tensors.items()}
        raise SpartonError(f"{path} holds {found}; expected one floating vector named weight")
    values = np.frombuffer(tensor["data"], dtype=_DTYPES[tensor["dtype"]])
    if tensor["dtype"] == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)
