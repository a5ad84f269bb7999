"""What a model folder says of itself: how it makes documents, and how queries, into weights.

Three layouts are known. A plain Hugging Face folder holds one masked LM for both sides. A folder saved by
sentence-transformers' SparseEncoder lists its modules in modules.json, and a Router among them gives queries modules of
their own. And a folder of OpenSearch's inference-free models has, beside its masked LM, an idf.json whose weights stand
for a query model.
"""

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import SpartonError

MASKED_LM, STATIC = "masked_lm", "static"
MODULES = "modules.json"
_ROUTER = "router_config.json"
_TABLE = "idf.json"
# Their SpladePooling always takes one logarithm; what they call log1p_relu takes a second one.
_ACTIVATIONS = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}
# What a Transformer may be told that would change a text's tokens, and is not read here.
_UNREAD = ("processing_kwargs", "query_expansion", "do_lower_case", "tokenizer_name_or_path")


@dataclass(frozen=True, slots=True)
class Side:
    """How texts of one side, documents or queries, become weights.

    kind: MASKED_LM (a backbone and the SPLADE head) or STATIC (a weight for each token). folder: where its files lie.
    table: of a STATIC one, the JSON file with its weights, or None where they are in safetensors. prompt: goes before
    every text. longest: the most tokens of a text, or None for what tokenizer and model take. saved: whether
    sentence-transformers saved it, so that nothing but its files decides how long a text may be.
    """

    kind: str
    folder: Path
    table: Path | None = None
    pooling: str = "max"
    activation: str = "log1p_relu"
    prompt: str = ""
    longest: int | None = None
    saved: bool = False


@dataclass(frozen=True, slots=True)
class ModelKind:
    """Both sides of a model. top_terms: the most terms a text keeps, or None."""

    documents: Side
    queries: Side
    top_terms: int | None = None

    @property
    def shared(self) -> bool:
        """Whether both sides are one model (their prompts and lengths may differ)."""
        sides = [(side.kind, side.folder, side.table) for side in (self.documents, self.queries)]
        return sides[0] == sides[1]


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    folder: Path


def read_model_kind(folder: Path) -> ModelKind:
    """What the files in a model folder say. Only JSON is read.

    Raises SpartonError for modules that are not known, and for JSON that does not say what it should.
    """
    if not (folder / MODULES).is_file():
        documents = Side(MASKED_LM, folder)
        table = folder / _TABLE
        return ModelKind(documents, Side(STATIC, folder, table) if table.is_file() else documents)
    config = _read(folder / "config_sentence_transformers.json")
    prompts = _mapping(config.get("prompts") or {}, folder / "config_sentence_transformers.json")
    top_terms = _count(config, "max_active_dims", folder / "config_sentence_transformers.json")
    # encode_query and encode_document take the prompt of their name, and no other.
    documents, queries = (
        _side(folder, tuple(_modules(folder, task)), task, str(prompts.get(task) or ""))
        for task in ("document", "query")
    )
    return ModelKind(documents, queries, top_terms)


def module_folders(folder: Path) -> list[str]:
    """The folders beside the top one that modules.json and the Router name, relative to it; none without modules."""
    with _as_saved(folder):
        listed = _read(folder / MODULES, ())
        names = [str(entry["path"]) for entry in listed]
        names += [str(PurePosixPath(entry["path"], name)) for entry in listed for name in _router(folder, entry)]
        return sorted({name for name in names if name not in ("", ".")})


def _router(folder: Path, entry: dict[str, Any]) -> dict[str, str]:
    path = folder / entry["path"] / _ROUTER
    return _read(path).get("types", {}) if _class_name(entry["type"]) in ("Router", "Asym") and path.is_file() else {}


def _modules(folder: Path, task: str) -> Iterator[_Module]:
    """The modules that a text of one task goes through."""
    with _as_saved(folder):
        for entry in _read(folder / MODULES, ()):
            place = _inside(folder, entry["path"])
            if _class_name(entry["type"]) not in ("Router", "Asym"):
                yield _Module(_class_name(entry["type"]), place)
                continue
            config = _read(place / _ROUTER) or _read(place / "config.json")
            for name in config["structure"][_route(config, task, place)]:
                inner = _inside(folder, str(PurePosixPath(entry["path"], name)))
                yield _Module(_class_name(config["types"][name]), inner)


@contextmanager
def _as_saved(folder: Path) -> Iterator[None]:
    """Name the file when its content is not laid out as sentence-transformers lays it out."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, SyntaxError) as error:
        raise SpartonError(
            f"{folder / MODULES}, or the {_ROUTER} that it names, lacks an entry or has one of a wrong type "
            f"({error}); save the model again with sentence-transformers"
        ) from error


def _route(config: dict[str, Any], task: str, place: Path) -> str:
    """The Router's route for texts of a task, found as its own _resolve_route_name does."""
    routes = config["structure"]
    mappings = {
        ast.literal_eval(key): route for key, route in (config["parameters"].get("route_mappings") or {}).items()
    }
    for key in ((task, "text"), (task, None), (None, "text"), (None, None)):
        if key in mappings:
            return str(mappings[key])
    for name in (task, "text"):
        if name in routes:
            return name
    raise SpartonError(f"{place / _ROUTER} has no route for a {task} (its routes: {', '.join(routes)}); add one")


def _side(folder: Path, modules: tuple[_Module, ...], task: str, prompt: str) -> Side:
    names = [module.name for module in modules]
    if names == ["SparseStaticEmbedding"]:
        (module,) = modules
        return Side(STATIC, module.folder, _table(module.folder, folder), prompt=prompt, saved=True)
    if names in (["Transformer", "SpladePooling"], ["MLMTransformer", "SpladePooling"]):
        transformer, pooling = modules
        config, path = _transformer_config(transformer)
        how = _read(pooling.folder / "config.json")
        strategy, activation = how.get("pooling_strategy", "max"), how.get("activation_function", "relu")
        if strategy not in ("max", "sum") or activation not in _ACTIVATIONS:
            raise SpartonError(
                f"{pooling.folder / 'config.json'} asks for pooling {strategy!r} with activation {activation!r}; "
                f"expected max or sum with {' or '.join(_ACTIVATIONS)}"
            )
        longest = _count(config, f"{task}_length", path) or _count(config, "max_seq_length", path)
        return Side(
            MASKED_LM,
            transformer.folder,
            pooling=strategy,
            activation=_ACTIVATIONS[activation],
            prompt=prompt,
            longest=longest,
            saved=True,
        )
    raise SpartonError(
        f"{folder / MODULES} sends a {task} through {' + '.join(names) or 'nothing'}; Sparton knows Transformer + "
        "SpladePooling and SparseStaticEmbedding, alone or behind a Router"
    )


def _transformer_config(module: _Module) -> tuple[dict[str, Any], Path]:
    path = next(iter(sorted(module.folder.glob("sentence_*_config.json"))), module.folder / "sentence_bert_config.json")
    config = _mapping(_read(path), path)
    task = config.get("transformer_task", "fill-mask" if module.name == "MLMTransformer" else "feature-extraction")
    if task != "fill-mask":
        raise SpartonError(f"{path} is for the task {task}; Sparton needs a masked language model (fill-mask)")
    for name in _UNREAD:
        if config.get(name):
            raise SpartonError(f"{path} sets {name}, which Sparton does not read; save the model without it")
    return config, path


def _table(folder: Path, root: Path) -> Path | None:
    """The JSON file of a SparseStaticEmbedding's weights, or None where they are safetensors."""
    name = _read(folder / "config.json").get("path")
    if name is None or not str(name).endswith(".json"):
        return None
    for place in (folder, root):
        if (found := place / PurePosixPath(name).name).is_file():
            return found
    raise SpartonError(f"{folder / 'config.json'} names the table {name}, and the model folder has no such file")


def _inside(folder: Path, name: str) -> Path:
    """A folder within the model's. Raises SpartonError for one that is not."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise SpartonError(
            f"{folder / MODULES} names the folder {name}, which lies outside the model; it cannot be used"
        )
    return place if name not in ("", ".") else folder


def _class_name(path: str) -> str:
    package, _, name = path.rpartition(".")
    return name if package.split(".")[0] == "sentence_transformers" else path


def _count(config: dict[str, Any], name: str, path: Path) -> int | None:
    value = config.get(name)
    if value is None or (isinstance(value, int) and value > 0):
        return value
    raise SpartonError(f"{path} sets {name} to {value!r}; expected a number above 0, or null")


def _mapping(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise SpartonError(
            f"{path} holds a {type(content).__name__} where an object was expected; save the model again"
        )
    return content


def _read(path: Path, default: Any = None) -> Any:
    """The content of a JSON file; `default`, or {}, where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {} if default is None else default
    except ValueError as error:
        raise SpartonError(f"{path} is not JSON ({error}); put the file back as it was saved") from error
