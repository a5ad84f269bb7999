"""A model folder as it lies on disk: plain, or with the modules that sentence-transformers saved. Only JSON is read."""

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from ...errors import SpartonError
from ...storage.nesting import not_too_deep

MODULES = "modules.json"
DOCUMENT, QUERY = "document", "query"  # tasks, as sentence-transformers names them
_ROUTER = "router_config.json"
_CONFIG = "config_sentence_transformers.json"
ADAPTER = "adapter_config.json"
_WITHOUT_FILES = ("Normalize",)  # modules whose folder a hub has not, as it is empty


class NoRouteError(SpartonError):
    """A Router sends no texts of a task anywhere."""


@dataclass(frozen=True, slots=True)
class Module:
    """A step of a text's way. name: of its class, with the package only if that is not sentence-transformers."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """A model folder as the texts of one task go through it.

    modules: in order, behind a Router those of the task's route; None for a folder that has no modules.json. prompt: of
    the task. top_terms: the most terms that a text keeps, or None.
    """

    folder: Path
    task: str
    modules: tuple[Module, ...] | None = None
    prompt: str = ""
    top_terms: int | None = None

    @property
    def names(self) -> list[str]:
        """The modules' names."""
        return [module.name for module in self.modules or ()]

    @property
    def existing_modules(self) -> tuple[Module, ...]:
        """The modules, for whoever reads their folders. Raises SpartonError for one that the model folder lacks."""
        for module in self.modules or ():
            if not module.folder.is_dir():
                raise SpartonError(
                    f"{self.folder / MODULES} names the folder {module.folder.relative_to(self.folder)}, which is "
                    "missing; download or copy the model again"
                )
        return self.modules or ()


def read_layout(folder: Path, task: str) -> Layout:
    """What modules.json, the Router and the configuration of sentence-transformers say of one task.

    Raises SpartonError for JSON that does not say what it should.
    """
    if not (folder / MODULES).is_file():
        return Layout(folder, task)
    path = folder / _CONFIG
    config = read_object(path)
    prompts = mapping(config.get("prompts") or {}, path)
    # encode_query and encode_document take the prompt of their name, and no other.
    prompt = prompts.get(task) or ""
    if not isinstance(prompt, str):
        raise SpartonError(f"{path} sets the prompt {task} to {prompt!r}; expected a string, or null")
    top_terms = count(config, "max_active_dims", path)
    return Layout(folder, task, tuple(_modules(folder, task)), prompt, top_terms)


def module_folders(folder: Path) -> list[str]:
    """The folders beside the top one that modules.json and the Router name, relative to it; none without modules."""
    with _as_saved(folder):
        listed = read_json(folder / MODULES, ())
        names = [str(entry["path"]) for entry in listed if _class_name(entry["type"]) not in _WITHOUT_FILES]
        names += [str(PurePosixPath(entry["path"], name)) for entry in listed for name in _router(folder, entry)]
        return sorted({name for name in names if name not in ("", ".")})


def read_json(path: Path, default: Any = None) -> Any:
    """The content of a JSON file; `default`, or {}, where there is none."""
    try:
        return json.loads(not_too_deep(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {} if default is None else default
    except ValueError as error:
        raise SpartonError(f"{path} is not JSON ({error}); put the file back as it was saved") from error
    except RecursionError as error:
        raise _too_deep(path) from error


def refuse_deep_json(folder: Path) -> None:
    """Raise SpartonError for a JSON file in a folder that Python's own reader, as other libraries use it, might end the
    process at."""
    for path in sorted(folder.glob("*.json")):
        content = path.read_bytes()
        try:
            orjson.loads(content)
        except orjson.JSONDecodeError:  # of all that it refuses, that alone is dangerous
            try:
                not_too_deep(content.decode(errors="replace"))
            except RecursionError as error:
                raise _too_deep(path) from error


def _too_deep(path: Path) -> SpartonError:
    return SpartonError(f"{path} is JSON nested too deeply; put the file back as it was saved")


def read_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; {} where there is no file. Raises SpartonError for anything else."""
    return mapping(read_json(path), path)


def mapping(content: Any, path: Path) -> dict[str, Any]:
    """The object that a JSON file, or an entry of it, should be. Raises SpartonError for anything else."""
    if not isinstance(content, dict):
        raise SpartonError(
            f"{path} holds a {type(content).__name__} where an object was expected; save the model again"
        )
    return content


def count(config: dict[str, Any], name: str, path: Path) -> int | None:
    """A number above 0 in a configuration, or None. Raises SpartonError for anything else."""
    value = config.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise SpartonError(f"{path} sets {name} to {value!r}; expected a number above 0, or null")


def _router(folder: Path, entry: dict[str, Any]) -> dict[str, str]:
    path = folder / entry["path"] / _ROUTER
    routes = _class_name(entry["type"]) in ("Router", "Asym") and path.is_file()
    return read_json(path).get("types", {}) if routes else {}


def _modules(folder: Path, task: str) -> Iterator[Module]:
    """The modules that a text of one task goes through."""
    with _as_saved(folder):
        for entry in read_json(folder / MODULES, ()):
            subfolder = _inside(folder, entry["path"])
            if _class_name(entry["type"]) not in ("Router", "Asym"):
                yield Module(_class_name(entry["type"]), subfolder)
                continue
            config = read_json(subfolder / _ROUTER) or read_json(subfolder / "config.json")
            for name in config["structure"][_route(config, task, subfolder)]:
                inner = _inside(folder, str(PurePosixPath(entry["path"], name)))
                yield Module(_class_name(config["types"][name]), inner)


@contextmanager
def _as_saved(folder: Path) -> Iterator[None]:
    """Name the file when its content is not laid out as sentence-transformers lays it out."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise SpartonError(
            f"{folder / MODULES}, or the {_ROUTER} that it names, lacks an entry or has one of a wrong type "
            f"({error}); save the model again with sentence-transformers"
        ) from error


def _route(config: dict[str, Any], task: str, folder: Path) -> str:
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
    raise NoRouteError(f"{folder / _ROUTER} has no route for a {task} (its routes: {', '.join(routes)}); add one")


def _inside(folder: Path, name: str) -> Path:
    """A folder within the model's. Raises SpartonError for one that is not."""
    subfolder = folder / name
    if not subfolder.resolve().is_relative_to(folder.resolve()):
        raise SpartonError(
            f"{folder / MODULES} names the folder {name}, which lies outside the model; it cannot be used"
        )
    return subfolder if name not in ("", ".") else folder


def _class_name(path: str) -> str:
    package, _, name = path.rpartition(".")
    return name if package.split(".")[0] == "sentence_transformers" else path
