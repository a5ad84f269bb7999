"""The options of an encoding. A record is made without torch or the model, so a wrong option is told at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..options import Bound, Option, Options, Wrong, at_least, one_of, that_is
from ..storage.manifest import DTYPES, TERMS

DEFAULT_MODEL = "small"  # of the embedded ones, see model/embedded.py
DEFAULT_MAX_LENGTH = 512  # tokens
SCALE = 100.0
_NAMED = that_is("a name or a folder, which are not empty", bool)
_MODEL = Option("'small' or 'tiny' (embedded), a folder, or a Hugging Face name.", "Model", _NAMED)
_QUERY_MODEL = Option("What encodes queries, if it is another model: a folder or a name.", "Model", _NAMED)
_QUERY_TERMS = Option(
    "Of a query: all terms, own (its tokens alone) or ones (1 a token). [default: the model's]",
    "Model",
    one_of(*TERMS),
)
_COMMIT = that_is("the name of a commit, a tag, a branch or a pull request, which is not empty", bool)
_REVISION = Option("Commit, tag, branch or refs/pr/1 of a Hugging Face model.", "Model", _COMMIT)
_QUERY_REVISION = Option("The same of the query model.", "Model", _COMMIT)
SCALES = that_is("above 0 and at most 1,000,000", lambda scale: 0 < scale <= 1_000_000)
_SCALE = Option("An impact is round(weight × scale).", "Impacts", SCALES)
RATIOS = that_is("from 0 to 1", lambda ratio: 0 <= ratio <= 1)
_MASSES = that_is("above 0 and at most 1", lambda mass: 0 < mass <= 1)
_TOP_TERMS = Option("Keep only this many terms of a document, the heaviest.", "Impacts", at_least(1))
_PRUNE_RATIO = Option(
    "Drop a document's terms below this part of its heaviest; 0: none. [default: the model's]", "Impacts", RATIOS
)
_PRUNE_MASS = Option("Keep a document's heaviest terms that have this part of the sum of all.", "Impacts", _MASSES)
_MIN_IMPACT = Option("Drop terms whose impact is below this.", "Impacts", at_least(1))
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
    """What any model is opened with. query_terms: see EncoderSpec. scale: None for vectors that are impacts."""

    model: Annotated[str | None, _MODEL] = None
    revision: Annotated[str | None, _REVISION] = None
    query_model: Annotated[str | None, _QUERY_MODEL] = None
    query_revision: Annotated[str | None, _QUERY_REVISION] = None
    query_terms: Annotated[str | None, _QUERY_TERMS] = None
    max_length: Annotated[int | None, Option("Tokens a text is cut at. [default: 512]", "Model", at_least(3))] = None
    dtype: Annotated[
        str,
        Option("auto, float32, bfloat16, float16, float8 (GPUs) or int8 (CPUs).", "Model", one_of("auto", *DTYPES)),
    ] = "auto"
    scale: Annotated[float | None, _SCALE] = None
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.", "Model")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions(ModelOptions):
    """What vectors of another tool are indexed with. model: what encodes queries, or None.

    query_scale: of vectors that are impacts already nobody knows the scale.
    """

    query_scale: Annotated[
        float, Option("Of vectors: the scale at which the model encodes queries.", "Impacts", SCALES)
    ] = SCALE
    skip_bad_rows: Annotated[bool, Option("Leave out lines that are no vectors, and say which.", "Index")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions(ModelOptions):
    """What an encoder is made with. top_terms to min_impact: which terms are kept, see Pruning."""

    model: Annotated[str, _MODEL] = DEFAULT_MODEL
    scale: Annotated[float, _SCALE] = SCALE
    top_terms: Annotated[int | None, _TOP_TERMS] = None
    prune_ratio: Annotated[float | None, _PRUNE_RATIO] = None
    prune_mass: Annotated[float | None, _PRUNE_MASS] = None
    min_impact: Annotated[int | None, _MIN_IMPACT] = None
    batch_tokens: Annotated[
        int | None,
        Option("Tokens in a batch; auto: 2048 on a CPU, what fits on a GPU.", "Model", at_least(1), unset="auto"),
    ] = None
    device: Annotated[
        str, Option("As auto, cpu, cuda:1; several as cuda:0,cuda:1; or all GPUs.", "Model", Bound(_wrong_devices))
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOptions(Options):
    """How rows are read and encoded for an index whose sparton.json says all the rest. model: where its model is, if
    not where that has it."""

    model: Annotated[
        str | None, Option("Where the index's model is, if not where it was: a folder, or a name.", "Model", _NAMED)
    ] = None
    batch_tokens: Annotated[
        int | None,
        Option("Tokens in a batch; auto: 2048 on a CPU, what fits on a GPU.", "Model", at_least(1), unset="auto"),
    ] = None
    device: Annotated[str, Option("As auto, cpu, cuda or cuda:1.", "Model", ONE_DEVICE)] = "auto"
    trust_remote_code: Annotated[bool, Option("Run code that the model brings along.", "Model")] = False
    skip_bad_rows: Annotated[bool, Option("Leave out rows that cannot be read, and say which.", "Corpus")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingOptions(EncoderOptions):
    """How a corpus is read, encoded and kept, and where that happens."""

    id_column: Annotated[str | None, Option("Column of ids. [default: guessed]", "Corpus")] = None
    text_columns: Annotated[
        Sequence[str], Option("Column of text; repeat it to join several. [default: guessed]", "Corpus")
    ] = ()
    fields: Annotated[
        Sequence[str], Option("Column to keep and show, filter and sort by; repeat it, or all.", "Corpus")
    ] = ()
    strip_html: Annotated[bool, Option("Take HTML out of texts.", "Corpus")] = False
    header: Annotated[
        bool, Option("The first line of CSV and TSV names the columns; without, 1, 2, … do.", "Corpus")
    ] = True
    skip_bad_rows: Annotated[bool, Option("Leave out rows that cannot be read, and say which.", "Corpus")] = False
    chunk: Annotated[bool, Option("Split longer documents into overlapping passages.", "Corpus")] = False
    shard_rows: Annotated[int, Option("Rows in a part, the unit of resuming.", "Index", at_least(1))] = 8_192
    store_text: Annotated[bool, Option("Keep the text to show it with hits.", "Index")] = True
    engine: Annotated[str, Option("local, or ray for a Ray cluster.", "Cluster and stores", one_of("local", "ray"))] = (
        "local"
    )
    address: Annotated[
        str | None, Option("Of the cluster: auto, or host:port. [default: one started here]", "Cluster and stores")
    ] = None
