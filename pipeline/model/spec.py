"""How a model encodes one task's texts: what its folder says, and how that becomes what sparton.json keeps."""

from dataclasses import dataclass, replace
from pathlib import Path

from ...storage.manifest import EncoderSpec


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """The files of a model that encode documents, or queries, and what they say of how.

    kind: of model (kinds.py). folder: where its files lie. table: the file that its weights are in, where they are not
    safetensors. saved: whether sentence-transformers saved it, so that nothing but its files decides how long a text
    may be. max_length: the most tokens of a text, or None if the files do not say. head: the file of what weighs
    tokens, where that is not among the other weights. base: the folder of the weights that an adapter in `folder`
    changes, or None. The other fields are EncoderSpec's, which has in addition what no file says before the model is
    loaded.
    """

    kind: str
    folder: Path
    table: Path | None = None
    saved: bool = False
    max_length: int | None = None
    pooling: str = "max"
    activation: str = "log1p_relu"
    prompt: str = ""
    top_terms: int | None = None
    head: Path | None = None
    base: Path | None = None
    echo: bool = False

    def is_same_model(self, other: "EncoderFiles") -> bool:
        """Whether another is the same model (their prompts and lengths may differ)."""
        return (self.kind, self.folder, self.table) == (other.kind, other.folder, other.table)

    def spec(self, digest: str, max_length: int | None, dtype: str | None) -> EncoderSpec:
        """What sparton.json keeps of it."""
        return EncoderSpec(
            kind=self.kind,
            digest=digest,
            max_length=max_length,
            dtype=dtype,
            pooling=self.pooling,
            activation=self.activation,
            prompt=self.prompt,
            top_terms=self.top_terms,
            echo=self.echo,
        )

    def following(self, spec: EncoderSpec) -> "EncoderFiles":
        """The same files, used as sparton.json has it, whatever they say by now."""
        return replace(
            self,
            kind=spec.kind,
            max_length=spec.max_length,
            pooling=spec.pooling,
            activation=spec.activation,
            prompt=spec.prompt,
            top_terms=spec.top_terms,
            echo=spec.echo,
        )
