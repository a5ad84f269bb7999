"""A backbone and a scalar a token, relu(w·h + b): weights of a text's own tokens, and no product with a vocabulary."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from ...errors import Parameter, SpartonError
from ..packed.backbone import pack
from .base import Runtime, TokenWeights
from .checkpoint import Checkpoint, load_checkpoint, reason
from .converted import converted
from .forward_check import Claim, check_parts, probe
from .lm_head import refuse_by_name
from .padded import pad, rows_of_one_length
from .pickled import load_pickled
from .placement import Placement, place, told_if_too_large
from .spec import EncoderFiles
from .token_heads import SPARSE_LINEAR, TokenHead, head_among_weights, weight_names
from .tokenizing import tokenization_of
from .whole import check_weights


@dataclass(frozen=True)
class Backbone:
    """A model of transformers that gives hidden states. weight: [V, D], of its input embedding. vocabulary: the term of
    each of the V ids. longest: the most tokens it takes. ignores_padding: as a LanguageModel's."""

    backbone: Any
    weight: torch.Tensor
    tokenizer: Any
    vocabulary: tuple[str, ...]
    longest: int
    ignores_padding: bool = True

    def hidden_states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, S, D] in the model's dtype, from int64 [B, S] ids and mask."""
        hidden: torch.Tensor = self.backbone(input_ids=input_ids, attention_mask=attention_mask)[0]
        return hidden


@dataclass(frozen=True)
class Scalar:
    """w and b of relu(w·h + b), in float32. weight: [D]. bias: []."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 [T] of hidden states [T, D]. A sum a row has the same bits whatever the other rows; a product has
        not."""
        return torch.relu((hidden.float() * self.weight).sum(-1) + self.bias)


class TokenScorer:
    """A TokenWeightModel of a backbone and a scalar.

    dropped: ids of tokens that weigh nothing. pooling, activation: as EncoderSpec's; by "one" each token weighs 1, and
    the backbone does not run.
    """

    def __init__(
        self,
        lm: Backbone,
        scalar: Scalar,
        placement: Placement,
        *,
        dropped: Sequence[int] = (),
        pooling: str = "max",
        activation: str = "relu",
    ) -> None:
        self._lm, self._scalar = lm, scalar
        self._packed = pack(lm, float8=placement.float8, traces=placement.traces)
        self._dropped = np.zeros(len(lm.vocabulary), dtype=bool)
        self._dropped[list(dropped)] = True
        self._pooling, self._computes = pooling, activation == "relu"
        self._pad = lm.tokenizer.pad_token_id or 0
        self.packs = self._packed is not None
        self.device, self.dtype = placement.device, placement.dtype
        self.vocabulary = lm.vocabulary
        self.tokenization = tokenization_of(lm.tokenizer, lm.longest)

    def token_weights(self, batch: Sequence[np.ndarray], length: int | None = None) -> TokenWeights:
        """The weights of texts, padded to `length` tokens, or the longest's, if they are not packed."""
        ids = np.concatenate(batch)
        offsets = np.concatenate([[0], np.cumsum([len(tokens) for tokens in batch])])
        if self._computes:
            weights = self._scalar(self._hidden_states(batch, length))
        else:
            weights = torch.ones(len(ids), device=self.device)
        dropped = torch.from_numpy(self._dropped[ids])
        if weights.is_cuda:
            dropped = dropped.pin_memory().to(weights.device, non_blocking=True)
        return TokenWeights(ids, offsets, weights.masked_fill_(dropped, 0.0), self._pooling)

    def _hidden_states(self, batch: Sequence[np.ndarray], length: int | None) -> torch.Tensor:
        """[T, D], of all tokens end to end."""
        if self._packed is not None:
            return self._packed.run(batch)[0]
        if self._lm.ignores_padding:
            return self._padded(batch, length)
        of_text: dict[int, torch.Tensor] = {}
        for rows in rows_of_one_length(batch):
            hidden = self._padded([batch[row] for row in rows], None)
            of_text |= zip(rows, hidden.view(len(rows), -1, hidden.shape[1]), strict=True)
        return torch.cat([of_text[row] for row in range(len(batch))])

    def _padded(self, batch: Sequence[np.ndarray], length: int | None) -> torch.Tensor:
        padded = pad(batch, self._pad, length)
        hidden = self._lm.hidden_states(padded.ids.to(self.device), padded.mask.to(self.device))
        return hidden[padded.mask.bool().to(self.device)]


def load_token_weights(files: EncoderFiles, runtime: Runtime) -> TokenScorer:
    """Load a backbone and its scalar.

    Raises SpartonError when one of them is missing or does not fit the other, and for a device that cannot be used or
    is too small.
    """
    refuse_by_name(files.folder)
    placement = place(runtime)
    head = SPARSE_LINEAR if files.head is not None else head_among_weights(files.folder)
    if head is None:  # the folder was another one when it was recognized
        raise SpartonError(f"{files.folder} has no scalar a token among its weights; save the model again")
    if placement.int8:
        raise SpartonError(
            f"the model in {files.folder} gives each token a weight, and int8 is for products with a vocabulary; use ",
            Parameter("dtype", "bfloat16"),
        )
    with told_if_too_large(files.folder, placement.device):
        checkpoint = load_checkpoint(
            files.folder,
            "AutoModel",
            "backbone",
            device=placement.device,
            dtype=placement.backbone,
            trust_remote_code=runtime.trust_remote_code,
            prefix=head.prefix,
        )
        check_weights(checkpoint, spare="pooler")
        weight = _input_embedding(checkpoint)
        lm = Backbone(
            checkpoint.model, weight, checkpoint.tokenizer, checkpoint.vocabulary(len(weight)), checkpoint.longest
        )
        scalar = load_scalar(files, head, placement.device)
        lm = replace(lm, ignores_padding=_check_forward(checkpoint, lm, len(scalar.weight)))
        scorer = TokenScorer(
            lm,
            scalar,
            placement,
            dropped=_dropped_ids(head, checkpoint.tokenizer),
            pooling=files.pooling,
            activation=files.activation,
        )
        placement.check_float8(files.folder, scorer.packs)
        return scorer


def load_scalar(files: EncoderFiles, head: TokenHead, device: torch.device) -> Scalar:
    """The scalar of a model, from its own file or from among the weights. Raises SpartonError if it is none."""
    path, tensors = _stored(files, head)
    weight: Any = tensors.get("weight")
    bias: Any = tensors.get("bias")
    shapes = [list(tensor.shape) if isinstance(tensor, torch.Tensor) else None for tensor in (weight, bias)]
    if not shapes[0] or shapes[0][:-1] not in ([], [1]) or shapes[1] not in ([], [1]):
        raise SpartonError(
            f"{path} holds {head.name} with weight {shapes[0]} and bias {shapes[1]}; expected [1, D] and [1], for one "
            "scalar a token, so save the model again"
        )
    return Scalar(weight.float().flatten().to(device), bias.float().reshape(()).to(device))


def _stored(files: EncoderFiles, head: TokenHead) -> tuple[Path, Mapping[str, Any]]:
    """Where a scalar is, and its tensors as weight and bias."""
    if files.head is not None:
        tensors = _tensors(files.head)
        return files.head, {str(name).rpartition(".")[2]: tensor for name, tensor in tensors.items()}
    names = {f"{head.name}.{part}": part for part in ("weight", "bias")}
    found: dict[str, Any] = {}
    of_pickles = converted(files.folder)
    for path in sorted(files.folder.glob("*.safetensors")) if of_pickles is None else (of_pickles,):
        wanted = names.keys() & weight_names(path)  # shards may part the two
        found |= _tensors(path, wanted) if wanted else {}
    return files.folder, {names[name]: tensor for name, tensor in found.items()}


def _tensors(path: Path, names: Collection[str] = ()) -> Mapping[str, Any]:
    """The tensors in a file, or those of some names. Raises SpartonError for a file that holds anything else."""
    if path.suffix != ".safetensors":
        return load_pickled(path)
    try:
        with safe_open(path, framework="pt") as stored:
            return {name: stored.get_tensor(name) for name in names or stored.keys()}
    except Exception as error:  # of a library that was not written for damaged files
        raise SpartonError(
            f"{path} cannot be read as tensors ({reason(error)}); put the file back as it was"
        ) from error


def _input_embedding(checkpoint: Checkpoint) -> torch.Tensor:
    """The weight of a model's input embedding, [V, D]. Raises SpartonError for a model without one."""
    try:
        weight: torch.Tensor = checkpoint.model.get_input_embeddings().weight
    except Exception as error:  # of a model's own code, or that of one for images
        raise SpartonError(
            f"{checkpoint.folder} is a {type(checkpoint.model).__name__}, which has no input embedding of tokens; "
            "Sparton needs a model of texts"
        ) from error
    return weight


def _check_forward(checkpoint: Checkpoint, lm: Backbone, width: int) -> bool:
    """Whether texts of different lengths may share a batch. Raises SpartonError for a model whose hidden states are not
    those of its token ids, or that the scalar does not fit."""
    claim = Claim(
        "whose hidden states cannot be had",
        "whose hidden states of a tokenized text are not those of its token ids alone",
        "Sparton needs a backbone as BERT's",
    )
    whole = probe(checkpoint, claim, lambda output: output[0])
    if whole.said.shape[-1] != width:
        raise SpartonError(
            f"{checkpoint.folder} is a {whole.name}, whose hidden states do not fit its scalar a token (they have "
            f"{whole.said.shape[-1]} numbers a token; expected {width}); save both again from one model"
        )
    return check_parts(whole, lm.hidden_states, width, lambda hidden: hidden, lm.tokenizer.pad_token_id or 0)


def _dropped_ids(head: TokenHead, tokenizer: Any) -> list[int]:
    """The tokens that weigh nothing."""
    if head.dropped is None:
        return list(tokenizer.all_special_ids)
    ids = [getattr(tokenizer, f"{name}_token_id") for name in head.dropped]
    return [token for token in ids if token is not None]
