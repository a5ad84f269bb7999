"""The options of an encoding. A record is made without torch or the model, so a wrong option is told at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..options import Bound, Option, Options, Wrong, at_least, one_of, that_is
from ..storage.manifest import DTYPES

EMBEDDED = "tiny"  # the model that a package brings
DEFAULT_MAX_LENGTH = 512  # tokens
SCALE = 100.0
_MODEL = Option(
    "'tiny' (embedded), a folder, or a Hugging Face name.", that_is("a name or a folder, which are not empty", bool)
)
_SCALES = that_is("above 0 and at most 1,000,000", lambda scale: 0 < scale <= 1_000_000)
_SCALE = Option("An impact is round(weight × scale).", _SCALES)
# PyTorch knows devices that no model runs on here.
_DEVICE = re.compile(r"auto|(cpu|cuda)(:(0|[1-9][0-9]{0,2}))?")


def _wrong_device(name: str) -> Wrong | None:
    return None if _DEVICE.fullmatch(name) else Wrong(name, "auto, cpu, cuda or one GPU, as in cuda:1")


def _wrong_devices(names: str) -> Wrong | None:
    every = [] if names == "all" else [name.strip() for name in names.split(",")]
    if wrong := next(filter(None, map(_wrong_device, every)), None):
        return wrong
    if len(every) > 1 and "auto" in every:
        return Wrong(names, "auto alone, or each GPU by its number, as in cuda:0,cuda:1")
    numbered = {name if ":" in name else f"{name}:0" for name in every}  # as PyTorch reads them
    return Wrong(names, "each GPU once") if len(numbered) < len(every) else None


ONE_DEVICE = Bound(_wrong_device)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(Options):
    """What vectors of another tool are indexed with. model: what encodes queries, or None. scale: None for impacts."""

    model: Annotated[str | None, _MODEL] = None
    revision: Annotated[str | None, Option("Commit or tag of a Hugging Face model.")] = None
    max_length: Annotated[int | None, Option("Tokens a text is cut at. [default: 512]", at_least(3))] = None
    dtype: Annotated[str, Option("auto, float32, bfloat16 or float16.", one_of("auto", *DTYPES))] = "auto"
    scale: Annotated[float | None, _SCALE] = None
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions(ModelOptions):
    """The same with what concerns queries alone: of vectors that are impacts nobody knows the scale."""

    query_scale: Annotated[float, Option("Of vectors: the scale at which the model encodes queries.", _SCALES)] = SCALE


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions(ModelOptions):
    """What an encoder is made with."""

    model: Annotated[str, _MODEL] = EMBEDDED
    scale: Annotated[float, _SCALE] = SCALE
    top_terms: Annotated[int | None, Option("Keep only this many terms of a document.", at_least(1))] = None
    batch_tokens: Annotated[
        int | None, Option("Tokens in a batch; auto: 2048 on a CPU, what fits on a GPU.", at_least(1), unset="auto")
    ] = None
    device: Annotated[
        str, Option("As auto, cpu, cuda:1; several as cuda:0,cuda:1; or all GPUs.", Bound(_wrong_devices))
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingOptions(EncoderOptions):
    """How a corpus is read, encoded and kept, and where that happens."""

    id_column: Annotated[str | None, Option("Column of ids. [default: guessed]")] = None
    text_columns: Annotated[Sequence[str], Option("Column of text; repeat it to join several. [default: guessed]")] = ()
    header: Annotated[bool, Option("The first line of CSV and TSV names the columns; without, 1, 2, … do.")] = True
    skip_bad_rows: Annotated[bool, Option("Leave out rows that cannot be read, and say which.")] = False
    chunk: Annotated[bool, Option("Split longer documents into overlapping passages.")] = False
    shard_rows: Annotated[int, Option("Rows in a part, the unit of resuming.", at_least(1))] = 8_192
    store_text: Annotated[bool, Option("Keep the text to show it with hits.")] = True
    engine: Annotated[str, Option("local, or ray for a Ray cluster.", one_of("local", "ray"))] = "local"
    address: Annotated[str | None, Option("Of the cluster: auto, or host:port. [default: one started here]")] = None


def fewest(*limits: int | None) -> int | None:
    """The lowest of some limits, of which None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)
