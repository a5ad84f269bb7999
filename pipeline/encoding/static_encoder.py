"""Texts to impacts by a table: each token's weight, once. No transformer, and no torch to import.

The query side of inference-free models (arXiv 2411.04403), and sentence-transformers' SparseStaticEmbedding.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from ...errors import Parameter, SpartonError
from ...storage.manifest import ModelSettings
from ..model.files import ModelFiles
from ..model.recorded import cut_length, record
from ..model.spec import Side
from ..options import EncoderOptions, fewest
from ..progress import Progress
from ..tokens.tokenizer import Tokenization, Tokenizer, Tokens
from .impacts import LARGEST, Impacts, heaviest_first, heaviest_terms, offsets_of
from .saved_batches import SavedBatches

# A text may be as long as it likes where nobody says otherwise; a JSON number that every reader takes.
_ENDLESS = 2**31 - 1
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class StaticEncoder:
    """Encodes texts as Encoder does, by a table of weights.

    files, side: a model and the side of it that a table stands for. The rest is as Encoder's; a table has no use for
    what concerns a device. An impact is round(weight * scale) of a token that the text holds, however often; what is
    not positive is left out.
    Raises SpartonError when tokenizer or table cannot be read, or a weight gives no impact.
    """

    def __init__(
        self,
        files: ModelFiles,
        side: Side,
        options: EncoderOptions,
        *,
        settings: ModelSettings | None = None,
    ) -> None:
        self._files, self._asked, self._settings = files, options.max_length, settings
        self.scale = options.scale
        self.top_terms = fewest(options.top_terms, files.kind.top_terms)
        text, config = _tokenizer_files(side.folder)
        self._longest = min(_ENDLESS, int(config.get("model_max_length") or _ENDLESS))
        cut = cut_length(options.max_length, side, self._longest, files.name)
        self._vocabulary_of = tokenizers.Tokenizer.from_str(text)
        self._impacts = _impacts(_weights(side, self._vocabulary_of, config), self.scale, files.name)
        if self._vocabulary_of.get_vocab_size() > len(self._impacts):
            raise SpartonError(
                f"the table of {files.name} has {len(self._impacts)} weights and its tokenizer "
                f"{self._vocabulary_of.get_vocab_size()} tokens; save both again from one model"
            )
        special = (token["id"] for token in json.loads(text).get("added_tokens") or () if token["special"])
        self.tokenization = Tokenization(text, cut, frozenset(special), prompt=side.prompt, special_tokens=False)
        self._tokenizer = Tokenizer(self.tokenization)

    @cached_property
    def settings(self) -> ModelSettings:
        """What sparton.json keeps of a model whose documents are encoded so."""
        return self._settings or record(self._files, self._asked, self._longest, "float32")

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""
        return tuple(map(self._term, range(len(self._impacts))))

    def _term(self, term: int) -> str:
        return self._vocabulary_of.id_to_token(term) or f"[id {term}]"

    def encode(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order."""
        return self.encode_tokens(self.tokenize(texts))

    def encode_alone(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order: a table gives a text the same ones whatever else is encoded."""
        return self.encode(texts)

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it is blank or has no token with a weight."""
        return heaviest_first(self.encode([text.encode(errors="replace").decode()]), self._term)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length."""
        return self._tokenizer.tokenize(texts)

    def encode_tokens(self, tokens: Tokens) -> Impacts:
        """The impacts of each tokenized text, in order."""
        rows = [np.unique(tokens.ids[start:stop]) for start, stop in pairwise(tokens.offsets.tolist())]
        rows = [terms[self._impacts[terms] > 0] for terms in rows]
        terms = np.concatenate([np.empty(0, np.int32), *rows])
        offsets = offsets_of(np.array([len(row) for row in rows], dtype=np.int64))
        impacts = Impacts(offsets, terms, self._impacts[terms])
        return impacts if self.top_terms is None else heaviest_terms(impacts, self.top_terms)

    def encode_stream(
        self,
        shards: Iterable[Tokens],
        progress: Progress | None = None,
        saved: Callable[[], SavedBatches] | None = None,
    ) -> Iterator[Impacts]:
        """The impacts of each shard, in order. `progress` counts texts as rows. A shard is encoded too quickly for
        anything to be saved before its end."""
        for tokens in shards:
            impacts = self.encode_tokens(tokens)
            if progress is not None:
                progress.add(len(tokens), tokens=len(tokens.ids))
            yield impacts


def _tokenizer_files(folder: Path) -> tuple[str, dict[str, Any]]:
    """tokenizer.json, and what tokenizer_config.json holds."""
    try:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        config = folder / "tokenizer_config.json"
        return text, json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except FileNotFoundError as error:
        raise SpartonError(f"{folder} has no fast tokenizer (tokenizer.json); save one beside the table") from error
    except ValueError as error:
        raise SpartonError(f"a file of the tokenizer in {folder} is not JSON ({error}); save it again") from error


def _impacts(weights: np.ndarray, scale: float, name: str) -> np.ndarray:
    """int32 [V]: round(weight * scale) in float32, halves to even, as of any other weight; 0 where not positive."""
    rounded = np.rint(weights * np.float32(scale))
    heaviest = float(rounded.max(initial=0))
    if not heaviest <= LARGEST:
        raise SpartonError(
            f"the table of {name} has a weight of {heaviest / scale:g}, which at scale {scale:g} is no impact from 1 "
            f"to {LARGEST}; lower ",
            Parameter("scale"),
        )
    impacts: np.ndarray = rounded.clip(0).astype(np.int32)
    return impacts


def _weights(side: Side, tokenizer: tokenizers.Tokenizer, config: dict[str, Any]) -> np.ndarray:
    """float32 [V], the weight of each token id."""
    if side.table is None:
        return _stored(side.folder / "model.safetensors")
    try:
        table = {str(token): float(weight) for token, weight in json.loads(side.table.read_text("utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SpartonError(f"{side.table} is no table of {{token: weight}} ({error}); save it again") from error
    weights = np.zeros(tokenizer.get_vocab_size(), dtype=np.float32)
    # sentence-transformers gives the weight of a token that the tokenizer lacks to the unknown token.
    unknown = tokenizer.token_to_id(str(config.get("unk_token")))
    for token, weight in table.items():
        place = tokenizer.token_to_id(token)
        place = unknown if place is None else place
        if place is not None:
            weights[place] = weight
    return weights


def _stored(path: Path) -> np.ndarray:
    """float32 [V] from a safetensors file of any floating dtype. NumPy lacks bfloat16: the upper half of a float32."""
    from safetensors import SafetensorError, deserialize

    try:
        tensors = dict(deserialize(path.read_bytes()))  # type: ignore[no-untyped-call]
    except (FileNotFoundError, SafetensorError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); save the model again") from error
    tensor = tensors.get("weight")
    if tensor is None or tensor["dtype"] not in _DTYPES or len(tensor["shape"]) != 1:
        found = {name: (content["dtype"], content["shape"]) for name, content in tensors.items()}
        raise SpartonError(f"{path} holds {found}; expected one floating vector named weight")
    values = np.frombuffer(tensor["data"], dtype=_DTYPES[tensor["dtype"]])
    if tensor["dtype"] == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)
