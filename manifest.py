"""sparton.json: what an index holds and how it was made; all that a query must repeat."""

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import SpartonError
from .files import whole_file

NAME = "sparton.json"
FORMAT = 1
# In order: parts are being encoded; all are encoded, and no Lucene index was asked for or it is not there yet; done.
ENCODING, ENCODED, COMPLETE = "encoding", "encoded", "complete"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model and how a text becomes weights. `digest` covers weights, configuration, tokenizer.

    Those of the documents' side, which is also the queries' unless `query_side` says otherwise. query_side: "same", or
    the kind of a model of its own, "masked_lm" or "static", with its `query_digest`. query_max_length: None for what
    is the documents' if the side is the same, else for what the query model takes. top_terms: the most terms that the
    model itself keeps of a text.
    """

    name: str
    revision: str | None
    digest: str
    max_length: int
    dtype: str
    pooling: str = "max"
    activation: str = "log1p_relu"
    document_side: str = "masked_lm"
    document_prompt: str = ""
    top_terms: int | None = None
    query_side: str = "same"
    query_digest: str | None = None
    query_max_length: int | None = None
    query_pooling: str = "max"
    query_activation: str = "log1p_relu"
    query_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides the bytes of an index. Two runs may share a folder only if these are equal.

    chunk: whether documents stand in the index as passages, with ids as "d1#0". model: None for vectors that another
    tool made with who knows what. scale: None where they are taken as they are.
    """

    model: ModelSettings | None
    corpus: str
    id_column: str
    text_columns: tuple[str, ...]
    scale: float | None
    top_terms: int | None
    shard_rows: int
    store_text: bool
    chunk: bool = False

    def digest(self) -> str:
        """A digest of every setting."""
        return f"sha256:{sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()}"

    def differences(self, now: "Settings") -> list[str]:
        """`name old (now new)` for each setting in which `now` differs."""
        if (self.model is None) != (now.model is None):
            names = [model.name if model else None for model in (self.model, now.model)]
            return [f"model {_show(names[0])} (now {_show(names[1])})"]
        old, new = _flat(asdict(self)), _flat(asdict(now))
        return [f"{name} {_show(old[name])} (now {_show(new[name])})" for name in old if old[name] != new[name]]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was read and what became of it. split: documents that became several passages, each of which then counts
    among `documents`."""

    rows: int = 0
    documents: int = 0
    dropped_no_text: int = 0
    dropped_no_terms: int = 0
    truncated: int = 0
    split: int = 0
    tokens: int = 0
    postings: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of sparton.json. `source` and `versions` inform; `settings` bind. indexes: the Lucene indexes, which
    are searched as one, by their folders' names within the index."""

    settings: Settings
    stage: str
    source: tuple[str, ...] = ()
    counts: Counts = Counts()
    versions: dict[str, str] = field(default_factory=dict)
    indexes: tuple[str, ...] = ("lucene",)

    def at(self, stage: str, counts: Counts | None = None, indexes: tuple[str, ...] = ("lucene",)) -> "Manifest":
        """The same at another stage."""
        return replace(self, stage=stage, counts=counts or self.counts, indexes=indexes)

    def save(self, folder: Path) -> None:
        """Write sparton.json into `folder`, whole."""
        content = {"format": FORMAT, **asdict(self), "settings_digest": self.settings.digest()}
        with whole_file(folder / NAME) as stream:
            stream.write(json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")


def load_manifest(folder: Path) -> Manifest:
    """Read sparton.json from `folder`.

    Raises SpartonError when the folder is missing, is no Sparton index, or was made by a newer version.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise SpartonError(f"the index {folder} does not exist; make it with `sparton index CORPUS --index {folder}`")
    if not path.is_file():
        raise SpartonError(f"{folder} is not a Sparton index: it has no {NAME}; name an index folder with --index")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content["format"])
        if version > FORMAT:
            raise SpartonError(
                f"{path} is of format {version} and this Sparton reads up to {FORMAT}; upgrade Sparton to use it"
            )
        model = content["settings"]["model"] and ModelSettings(**content["settings"]["model"])
        text_columns = tuple(content["settings"]["text_columns"])
        settings = Settings(**{**content["settings"], "model": model, "text_columns": text_columns})
        counts = Counts(**content["counts"])
        if content["stage"] not in (ENCODING, ENCODED, COMPLETE):
            raise KeyError(content["stage"])
        indexes = tuple(content.get("indexes", ("lucene",)))
        return Manifest(settings, content["stage"], tuple(content["source"]), counts, content["versions"], indexes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = "it is not JSON" if isinstance(error, ValueError) else "an entry is missing, unknown or of a wrong type"
        raise SpartonError(f"{path} is damaged: {found}; build the index again with --overwrite") from error


def load_complete(folder: Path) -> Manifest:
    """Read sparton.json of an index that can be searched. Raises SpartonError as load_manifest, or if half-built."""
    manifest = load_manifest(folder)
    if manifest.stage == COMPLETE and (folder / "lucene").is_dir():
        return manifest
    if manifest.stage == ENCODED:
        found = "has its collection but no Lucene index"
    elif manifest.stage == COMPLETE:
        found = "has lost its lucene folder"
    else:
        found = "is half-built"
    raise SpartonError(f"the index {folder} {found}; run the same `sparton index` again to finish it")


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    model = {f"model.{name}": value for name, value in (settings["model"] or {}).items()}
    return {**model, **{name: value for name, value in settings.items() if name != "model"}}


def _show(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return value[:15]
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple | list) else str(value)
