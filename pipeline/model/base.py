"""What a model of any kind is to the encoders: one that computes weights, of all terms or of a text's own tokens, or a
table of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:  # a search by a table does without torch, and `sparton info` without any of them
    import numpy as np
    import torch

    from ..tokens.tokenizer import Tokenization


class ComputingModel(Protocol):
    """What every model has that computes. It knows batches of token ids, and nothing of streams, impacts or memory."""

    @property
    def tokenization(self) -> "Tokenization":
        """How a text becomes token ids, `longest` being the most that the model takes."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each of the V vocabulary ids."""

    @property
    def device(self) -> "torch.device":
        """Where it runs."""

    @property
    def dtype(self) -> str:
        """That it computes in, as sparton.json has it."""

    @property
    def packs(self) -> bool:
        """Whether it takes a batch's texts end to end, so that lengths in a batch may differ and cost no padding."""


class SparseModel(ComputingModel, Protocol):
    """Computes the weights of all terms."""

    def weights(self, batch: "Sequence[np.ndarray]", length: int | None = None) -> "torch.Tensor":
        """float32 [B, V] on the device, none negative, of B texts, each int32 token ids and none empty.

        length: that a model which does not pack pads texts to; None for that of the longest.
        """


@dataclass(frozen=True, slots=True)
class TokenWeights:
    """The weights of B texts whose terms are their own tokens, of which there are T: no [B, V] is needed.

    ids: int32 [T] on the host, the tokens of the texts end to end. offsets: int64 [B + 1], where texts begin; the last
    is T. weights: float32 [T] on the model's device, none negative. pooling: how the weights of equal tokens of a text
    become one, "max" or "sum".
    """

    ids: "np.ndarray"
    offsets: "np.ndarray"
    weights: "torch.Tensor"
    pooling: str = "max"

    def __getitem__(self, row: int) -> "torch.Tensor":
        """The weights of one text's tokens."""
        return self.weights[self.offsets[row] : self.offsets[row + 1]]


@runtime_checkable
class TokenWeightModel(ComputingModel, Protocol):
    """Computes the weights of a text's own tokens, so that a batch may have any number of texts."""

    def token_weights(self, batch: "Sequence[np.ndarray]", length: int | None = None) -> TokenWeights:
        """The weights of texts. batch, length: as a SparseModel's."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TokenTable:
    """The weight of each token, whatever the text: a text's weights are those of its distinct tokens.

    tokenization: as a SparseModel's. weights: float32 [V]; a token whose weight is not positive is left out of a text.
    term: gives the term of a vocabulary id.
    """

    tokenization: "Tokenization"
    weights: "np.ndarray"
    term: Callable[[int], str]


Model: TypeAlias = SparseModel | TokenWeightModel | TokenTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a model is to run with. device, dtype: may be "auto". head: see splade_head's `impl`. for_texts: whether
    it encodes a text now and then, as a search does: then nothing that pays with many texts is prepared, and in the
    place of a type of 8 bits, but for int8 where a CPU has it, stands bfloat16. rounds: as EncoderSpec has it."""

    device: str = "auto"
    dtype: str = "auto"
    trust_remote_code: bool = False
    head: str = "auto"
    for_texts: bool = False
    rounds: bool = False
