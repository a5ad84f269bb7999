"""sparton.json: what an index holds and how it was made; all that a query must repeat."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from ..errors import Parameter, SpartonError
from .atomic import whole_file
from .fields import Field
from .untrusted import NEEDED, UnexpectedError, Where, load_json, matching, parse_json, read

NAME = "sparton.json"
DTYPES = ("float32", "bfloat16", "float16", "float8", "int8")
ALL, OWN, ONES = TERMS = ("all", "own", "ones")  # of a text: see EncoderSpec
FORMAT = 2  # 1: the model in one flat record; no release wrote it
# In order: parts are being encoded; all are encoded, and no Lucene index was asked for or it is not there yet; done.
ENCODING, ENCODED, COMPLETE = "encoding", "encoded", "complete"


def _among(values: tuple[str, ...]) -> Where:
    return Where(f"{', '.join(values[:-1])} or {values[-1]}", lambda value: value in values)


def _are_indexes(names: tuple[str, ...]) -> bool:
    return bool(names) and len(set(names)) == len(names) and (names == ("lucene",) or "lucene" not in names)


# The types of entries, by which a sparton.json is read (see untrusted.py).
Digest = Annotated[str, matching("sha256:[0-9a-f]{64}", "sha256: and 64 hexadecimal digits")]
Generation = Annotated[str, matching("[0-9a-f]{0,32}", "up to 32 hexadecimal digits")]
_Name = Annotated[str, Where("a string of 1 to 4,096 characters", lambda name: 0 < len(name) <= 4_096)]
_Revision = Annotated[str, matching("[0-9A-Za-z][0-9A-Za-z._-]*", "the name of a commit")]
_Positive = Annotated[int, Where("a whole number above 0", lambda value: value > 0)]
_Count = Annotated[int, NEEDED]
_Columns = Annotated[
    tuple[str, ...],
    Where("one name or several, each once", lambda names: len(names) > 0 and len(set(names)) == len(names)),
]
_Fields = Annotated[
    tuple[Field, ...],
    Where("fields, each name once", lambda fields: len({field.name for field in fields}) == len(fields)),
]
_Scale = Annotated[float, Where("a number above 0 and at most 1,000,000", lambda scale: 0 < scale <= 1_000_000)]
Ratio = Annotated[float, Where("a number from 0 to 1", lambda ratio: 0 <= ratio <= 1)]
WordWeight = Annotated[float, Where("a number from 0 to 10", lambda weight: 0 <= weight <= 10)]
_Mass = Annotated[float, Where("a number above 0 and at most 1", lambda mass: 0 < mass <= 1)]
_Index = Annotated[str, matching("lucene(/(0|[1-9][0-9]{0,8}))?", "lucene, or lucene/ and a number")]
_Part = Annotated[str, matching(r"part-[0-9]{5,18}\.jsonl", "part-, five digits or more and .jsonl")]
_Commit = Annotated[str, matching("segments_[0-9a-z]{1,13}", "segments_ and letters or digits")]
_LuceneFile = Annotated[str, matching(r"[0-9A-Za-z_][0-9A-Za-z_.]{0,99}", "the name of a file")]
_SeismicFile = Annotated[
    str, matching(r"[0-9a-f]{16}\.(index\.seismic|terms\.json)", "16 hexadecimal digits and the kind of file")
]
_Bm25File = Annotated[
    str, matching(r"[0-9a-f]{16}/[0-9A-Za-z_][0-9A-Za-z_.]{0,99}", "16 hexadecimal digits, / and the name of a file")
]
_State = Annotated[str, matching("[0-9a-f]{0,32}-[0-9]{1,18}", "the names of a build and a generation")]
_Indexes = Annotated[
    tuple[_Index, ...], Where("lucene alone, or one or several of lucene/0, lucene/1, …, each once", _are_indexes)
]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """How texts become weights.

    kind: of model, as the register in pipeline/model/kinds.py names it. digest: of the files that define it: weights,
    configuration, tokenizer. max_length: tokens that a text is cut at; None for as many as the model takes. dtype: that
    its products are computed in; None for a table, which has none. pooling: how the weights that a term has at several
    positions become one. activation: how what the model computes becomes a weight. prompt: goes before every text.
    top_terms: the most terms that the model itself keeps of a text, or None for all. echo: whether a text goes through
    the model twice, one copy behind the other, of which the second alone is pooled. terms: which ones a text has: "all"
    that the model gives; "own", of these only its own tokens; or "ones", its own tokens at a weight of 1 each.
    prune_ratio: the part of a text's heaviest term below which the model itself has none, or None for all.
    term_frequency: how much the weight of a text's own word grows with the times that it stands there, 0 for not at
    all. own_words: what such a word weighs at least, times what BM25 makes of these times, 0 for nothing. idf_power: to
    which power the impacts of a query follow how rare its terms are in the index, 0 for not at all. rounds: whether a
    CPU may multiply in the dtype not only in the head, but in the backbone too.
    """

    kind: str
    digest: Digest
    max_length: _Positive | None
    dtype: Annotated[str, _among(DTYPES)] | None
    pooling: str
    activation: str
    prompt: str = ""
    top_terms: _Positive | None = None
    echo: bool = False
    terms: str = ALL
    prune_ratio: Ratio | None = None
    term_frequency: Ratio = 0.0
    own_words: WordWeight = 0.0
    idf_power: Ratio = 0.0
    rounds: bool = False


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model is.

    name: of an embedded model, a folder's path (absolute, or from the index's folder and beginning with ./ or ../) or,
    being none of these, a name on the hub. revision: the commit there.
    """

    name: _Name
    revision: _Revision | None


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model of an index.

    name, revision: as a ModelSource's. queries: None where they are encoded just as documents are. query_model: where
    the model of the queries is, None for the same location.
    """

    name: _Name
    revision: _Revision | None
    documents: EncoderSpec
    queries: EncoderSpec | None = None
    query_model: ModelSource | None = None

    @property
    def for_queries(self) -> EncoderSpec:
        """How queries are encoded."""
        return self.queries or self.documents

    @property
    def query_source(self) -> ModelSource:
        """Where the model is that encodes queries."""
        return self.query_model or ModelSource(self.name, self.revision)

    @property
    def shared(self) -> bool:
        """Whether one and the same model encodes documents and queries, whose prompts and lengths may differ."""
        documents, queries = self.documents, self.for_queries
        return (documents.kind, documents.digest) == (queries.kind, queries.digest)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides the bytes of an index. Two runs may share a folder only if these are equal.

    chunk: whether documents stand in the index as passages, with ids as "d1#0". header: whether the first line of CSV
    and TSV names the columns. model: None for vectors that another tool made with who knows what. scale: None where
    they are taken as they are. query_scale: None where it is that of documents. fields: that documents have beside
    their text, in the order in which they are shown. strip_html: whether markup is taken out of texts. top_terms,
    prune_ratio, prune_mass, min_impact: which terms of documents are kept, as the user asked; of the ratio None for
    what the model says.
    """

    model: ModelSettings | None
    corpus: Digest
    id_column: str
    text_columns: _Columns
    scale: _Scale | None
    top_terms: _Positive | None
    shard_rows: int
    store_text: bool
    chunk: bool = False
    header: bool = True
    query_scale: _Scale | None = None
    fields: _Fields = ()
    strip_html: bool = False
    prune_ratio: Ratio | None = None
    prune_mass: _Mass | None = None
    min_impact: _Positive | None = None

    @property
    def scale_for_queries(self) -> float | None:
        """At which scale queries are encoded; None where nobody has said it."""
        return self.scale if self.query_scale is None else self.query_scale

    @property
    def of_vectors(self) -> bool:
        """Whether the index is made of vectors that another tool wrote, and has no parts of its own."""
        return self.shard_rows == 0

    def digest(self) -> str:
        """A digest of every setting."""
        return f"sha256:{sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()}"

    def differences(self, now: "Settings") -> list[str]:
        """`name old (now new)` for each setting in which `now` differs."""
        if (self.model is None) != (now.model is None):
            names = [model.name if model else None for model in (self.model, now.model)]
            return [f"model {_show(names[0])} (now {_show(names[1])})"]
        old, new = _flat(asdict(_alike(self, now))), _flat(asdict(_alike(now, self)))
        return [f"{name} {_show(old[name])} (now {_show(new[name])})" for name in old if old[name] != new[name]]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was read and what became of it.

    dropped_bad: rows that could not be read. split: documents that became several passages, each of which then counts
    among `documents`. zeros: terms that were left out of vectors, their impact being 0.
    """

    rows: _Count = 0
    documents: _Count = 0
    dropped_no_text: _Count = 0
    dropped_no_terms: _Count = 0
    truncated: _Count = 0
    split: int = 0
    dropped_bad: int = 0
    tokens: _Count = 0
    postings: _Count = 0
    zeros: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part of the collection. name: in its folder. documents: lines that it has, which are passages in an index of
    those."""

    name: _Part
    digest: Digest
    documents: _Count


@dataclass(frozen=True, slots=True)
class LuceneCommit:
    """A state of a Lucene index. segments: the file that lists its segments. files: all that it consists of."""

    segments: _Commit
    files: Annotated[tuple[_LuceneFile, ...], NEEDED]


@dataclass(frozen=True, slots=True)
class Updated:
    """What updates have made of a finished index. number: of the generation, the index as built being 0. parts: those
    that are the collection, in order. commits: of each of the manifest's indexes the one that is meant."""

    number: _Count
    parts: Annotated[
        tuple[PartFile, ...],
        Where("parts, each once", lambda parts: len({part.name for part in parts}) == len(parts)),
        NEEDED,
    ]
    commits: Annotated[tuple[LuceneCommit, ...], NEEDED]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a Seismic index. name: in its folder."""

    name: _SeismicFile
    digest: Digest


@dataclass(frozen=True, slots=True)
class Seismic:
    """A Seismic index beside Lucene's. state: the Manifest.state that it was built of, and is good for. version: of
    pyseismic-lsr, which wrote it. index: its file. terms: the file of its terms, by their numbers. largest: of its
    impacts, None of one that was written before this was."""

    state: _State
    version: str
    index: WrittenFile
    terms: WrittenFile
    largest: int | None = None

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """All that it consists of."""
        return self.index, self.terms

    @property
    def number(self) -> int:
        """The number of the generation that it is good for."""
        return _number_in(self.state)


@dataclass(frozen=True, slots=True)
class Bm25File:
    """A file of a BM25 index. name: in the folder of these, with that of this one before it."""

    name: _Bm25File
    digest: Digest


@dataclass(frozen=True, slots=True)
class Bm25:
    """A BM25 index of the texts beside the impact index. state: as a Seismic's. version: of the Lucene that wrote it.
    files: all that it consists of. documents: that it holds. without_text: how many of them have no text."""

    state: _State
    version: str
    files: Annotated[
        tuple[Bm25File, ...],
        Where("files of one folder", lambda files: len({file.name.partition("/")[0] for file in files}) == 1),
        NEEDED,
    ]
    documents: _Count
    without_text: int = 0

    @property
    def folder(self) -> str:
        """The folder that it is in, within that of all BM25 indexes."""
        return self.files[0].name.partition("/")[0]

    @property
    def number(self) -> int:
        """The number of the generation that it is good for."""
        return _number_in(self.state)


Beside = Seismic | Bm25


def _number_in(state: str) -> int:
    return int(state.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of sparton.json. `source` and `versions` inform; `settings` bind. indexes: the Lucene indexes, which
    are searched as one, by their folders' names within the index. generation: a name of the build's own, which each of
    its parts bears, so that those of an earlier build never count among them. updated: None of an index as built.
    seismic, bm25: None of an index that has none."""

    settings: Settings
    stage: Annotated[str, _among((ENCODING, ENCODED, COMPLETE))]
    source: Annotated[tuple[str, ...], NEEDED] = ()
    counts: Annotated[Counts, NEEDED] = Counts()
    versions: Annotated[dict[str, str], NEEDED] = field(default_factory=dict)
    indexes: _Indexes = ("lucene",)
    generation: Generation = ""
    updated: Updated | None = None
    seismic: Seismic | None = None
    bm25: Bm25 | None = None

    @property
    def number(self) -> int:
        """The number of the generation: how often the index was updated since it was built."""
        return self.updated.number if self.updated else 0

    @property
    def state(self) -> str:
        """A name of build and generation together."""
        return f"{self.generation}-{self.number}"

    @property
    def commits(self) -> tuple[str | None, ...]:
        """Which commit of each of the Lucene indexes is meant; None for the only one of an index as built."""
        return tuple(one.segments for one in self.updated.commits) if self.updated else (None,) * len(self.indexes)

    @property
    def beside(self) -> dict[str, Beside]:
        """The indexes beside Lucene's impact index, of whichever generation, by the names of their folders."""
        every = {"seismic": self.seismic, "bm25": self.bm25}
        return {name: one for name, one in every.items() if one is not None}

    @property
    def current_beside(self) -> dict[str, Beside]:
        """Those of them that are of this generation."""
        return {name: one for name, one in self.beside.items() if one.state == self.state}

    def at(self, stage: str, counts: Counts | None = None, indexes: tuple[str, ...] = ("lucene",)) -> "Manifest":
        """The same at another stage of its build."""
        kept = replace(self, stage=stage, counts=counts or self.counts, indexes=indexes)
        return replace(kept, updated=None, seismic=None, bm25=None)

    def save(self, folder: Path) -> None:
        """Write sparton.json into `folder`, whole. Raises SpartonError for what load_manifest would refuse."""
        entries = {"format": FORMAT, **asdict(self), "settings_digest": self.settings.digest()}
        content = json.dumps(entries, indent=2).encode() + b"\n"
        try:
            _manifest_of(parse_json(content))
        except UnexpectedError as error:
            raise SpartonError(f"{folder / NAME} cannot be written: {error}; choose another name or value") from error
        with whole_file(folder / NAME) as stream:
            stream.write(json.dumps(entries, indent=2, ensure_ascii=False).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class _Header:
    """What else is in the file."""

    format: _Positive
    settings_digest: Digest = ""


def load_manifest(folder: Path) -> Manifest:
    """Read sparton.json from `folder`.

    Raises SpartonError when the folder is missing, is no Sparton index, or has another format, and for an entry that
    cannot be meant, naming it.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise SpartonError(f"the index {folder} does not exist; make it with `sparton index CORPUS --index {folder}`")
    if not path.is_file():
        raise SpartonError(
            f"{folder} is not a Sparton index: it has no {NAME}; name an index folder with ", Parameter("index")
        )
    return _checked(path, lambda: load_json(path))


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """The manifest that the content of a sparton.json is. path: where it would be. Raises SpartonError as
    load_manifest."""
    return _checked(path, lambda: parse_json(content))


def _checked(path: Path, content: Callable[[], Any]) -> Manifest:
    try:
        version, manifest = _manifest_of(content())
    except UnexpectedError as error:
        raise SpartonError(
            f"{path} is damaged: {error}; build the index again with ", Parameter("overwrite", True)
        ) from error
    except OSError as error:
        raise SpartonError(f"{path} cannot be read: {error.strerror or error}; mend the file or its rights") from error
    if manifest is None and version < FORMAT:
        raise SpartonError(
            f"{path} is of format {version} and this Sparton reads format {FORMAT}; build the index again with ",
            Parameter("overwrite", True),
        )
    if manifest is None:
        raise SpartonError(
            f"{path} is of format {version} and this Sparton reads up to {FORMAT}; upgrade Sparton to use it"
        )
    return manifest


def recorded_name(given: str, found: str, index: Path | None) -> str:
    """What sparton.json says of where a model is: a folder that was given by a relative path is named by its path from
    the index's folder, so that both may be moved together.

    found: its absolute path, or what else it is. index: None for one at a URI, which nothing lies beside.
    """
    if index is None or Path(given).is_absolute() or not Path(found).is_absolute():
        return found
    path = Path(os.path.relpath(found, index.resolve())).as_posix()
    return path if path.startswith("../") else f"./{path}"


def recorded_names(model: ModelSettings, given: str, query_given: str | None, index: Path | None) -> ModelSettings:
    """The same, with what sparton.json says of where its models are. given, query_given: how the user named them.
    index: as recorded_name's."""
    queries = model.query_model
    if queries and query_given:
        queries = replace(queries, name=recorded_name(query_given, queries.name, index))
    return replace(model, name=recorded_name(given, model.name, index), query_model=queries)


def model_folder(name: str, index: Path | None, parameter: str = "model") -> Path | None:
    """The folder that a recorded name means; None for a name that is no path.

    parameter: that says where the model is instead. Raises SpartonError for a path from the index's folder if that is
    None, being at a URI.
    """
    if Path(name).is_absolute():
        return Path(name)
    if not name.startswith(("./", "../")):
        return None
    if index is None:
        raise SpartonError(
            f"the index names the model {name} by its path from the index's folder, and the index is at a URI; pass ",
            Parameter(parameter),
            " with where the model is",
        )
    return Path(os.path.normpath(index.resolve() / name))


def load_complete(folder: Path, *, lucene: bool = True) -> Manifest:
    """Read sparton.json of an index that is complete. lucene: whether it is to be searched too, unlike a copy of the
    collection alone. Raises SpartonError as load_manifest, or if half-built."""
    manifest = load_manifest(folder)
    if manifest.stage == COMPLETE and (not lucene or (folder / "lucene").is_dir()):
        return manifest
    if manifest.stage == ENCODED:
        found = "has its collection but no Lucene index"
    elif manifest.stage == COMPLETE:
        found = "has lost its lucene folder"
    else:
        found = "is half-built"
    raise SpartonError(f"the index {folder} {found}; run the same `sparton index` again to finish it")


def _manifest_of(content: Any) -> tuple[int, Manifest | None]:
    """The format of a sparton.json and the manifest in it, None of another format. Raises UnexpectedError."""
    entries = read(dict[str, Any], content)
    header = read(_Header, {name: entries.pop(name) for name in ("format", "settings_digest") if name in entries})
    return header.format, None if header.format != FORMAT else read(_Sound, entries)


_Sound = Annotated[
    Manifest,
    Where(
        "a commit for each Lucene index",
        lambda manifest: manifest.updated is None or len(manifest.updated.commits) == len(manifest.indexes),
    ),
]


def _alike(settings: Settings, other: Settings) -> Settings:
    """The same, with queries and a query model of their own wherever the other has them: what is said in two ways is no
    difference."""
    model, others = settings.model, other.model
    if model is None or others is None:
        return settings
    queries = model.queries if others.queries is None else model.for_queries
    source = model.query_model if others.query_model is None else model.query_source
    return replace(settings, model=replace(model, queries=queries, query_model=source))


def _flat(entries: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Entries of entries by their names with dots."""
    flat: dict[str, Any] = {}
    for name, value in entries.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return flat


def _show(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return value[:15]
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ",".join(f"{one['name']} ({one['kind']})" if isinstance(one, dict) else one for one in value) or "none"
    return str(value)
