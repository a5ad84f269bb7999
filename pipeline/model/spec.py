"""How a model encodes one task's texts: what its folder says, and how that becomes what sparton.json keeps."""

from dataclasses import dataclass, replace
from pathlib import Path

from ...storage.manifest import ALL, ONES, OWN, EncoderSpec
from .lexical import Lexical


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """The files of a model that encode documents, or queries, and what they say of how.

    kind: of model (kinds.py). folder: where its files lie. table: the file that its weights are in, where they are not
    safetensors. saved: whether sentence-transformers saved it, so that nothing but its files decides how long a text
    may be. max_length: the most tokens of a text, or None if the files do not say. head: the file of what weighs
    tokens, where that is not among the other weights. base: the folder of the weights that an adapter in `folder`
    changes, or None. gate: a table whose weights, of the tokens that a text has, multiply the model's. lexical: what
    the model's lexical.json says, or None. The other fields are EncoderSpec's, which has in addition what no file says
    before the model is loaded.
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
    terms: str = ALL
    gate: "EncoderFiles | None" = None
    prune_ratio: float | None = None
    term_frequency: float = 0.0
    own_words: float = 0.0
    idf_power: float = 0.0
    lexical: Lexical | None = None

    @property
    def weights_folder(self) -> Path:
        """Where config.json and the weights lie: with an adapter those that it changes."""
        return self.base or self.folder

    @property
    def is_stored(self) -> bool:
        """Whether the weights are those that the folder's safetensors hold."""
        return self.table is None and self.terms != ONES

    def is_same_model(self, other: "EncoderFiles") -> bool:
        """Whether another is the same model and is run in the same way (their prompts and lengths, and what becomes of
        its weights, may differ)."""
        mine, theirs = (
            (files.kind, files.folder, files.table, files.gate, files.base, files.head, files.echo)
            for files in (self, other)
        )
        return mine == theirs

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
            terms=self.terms,
            prune_ratio=self.prune_ratio,
            term_frequency=self.term_frequency,
            own_words=self.own_words,
            idf_power=self.idf_power,
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
            terms=spec.terms,
            prune_ratio=spec.prune_ratio,
            term_frequency=spec.term_frequency,
            own_words=spec.own_words,
            idf_power=spec.idf_power,
        )


def with_terms(encoder: EncoderFiles, terms: str | None) -> EncoderFiles:
    """The same for other terms of a query (see EncoderSpec), None for those that it has.

    Where each token weighs 1, a tokenizer is all that it takes; and since such a weight has no idf, the collection's is
    not put in its place. What is encoded by a table has its own tokens anyway.
    """
    if terms is None or terms == encoder.terms:
        return encoder
    if terms == ONES:
        own = (encoder.folder / "tokenizer.json").is_file()  # an adapter may leave it to its base
        return EncoderFiles(
            "static",
            encoder.folder if own else encoder.weights_folder,
            saved=encoder.saved,
            max_length=encoder.max_length,
            activation="relu",
            terms=ONES,
            lexical=encoder.lexical,  # whose word forms are those of documents
        )
    if terms == OWN and encoder.kind in ("static", "token_weights"):
        return encoder
    return replace(encoder, terms=terms, gate=None)
