"""The register of model kinds: how each is recognized in a folder, which files define it, and how it is loaded.

A cold search reads this, so what loads a model is imported when a model is loaded.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import SpartonError, shortened
from .base import Runtime, SparseModel, TokenTable
from .layout import DOCUMENT, MODULES, QUERY, Layout, Module, count, read_layout, read_object, refuse_adapter
from .spec import EncoderFiles

WEIGHTS = "*.safetensors"
_TOKENIZER = (
    *("tokenizer*.json", "vocab.*", "merges.txt", "*.model"),
    *("added_tokens.json", "special_tokens_map.json", "bpe.codes", "dict.txt", "*.tiktoken", "tekken.json"),
)
_IDF = "idf.json"
# Their SpladePooling always takes one logarithm; what they call log1p_relu takes a second one.
_ACTIVATIONS = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}
# What a Transformer may be told that would change a text's tokens, and is not read here.
_UNREAD = ("processing_kwargs", "query_expansion", "do_lower_case", "tokenizer_name_or_path")


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A way from token ids to weights.

    name: in sparton.json. title: what `sparton info` calls a query model of this kind. modules: those of
    sentence-transformers that it stands for. recognize: the encoder that a folder has for a task, or None if it is of
    another kind. defining: patterns of the files that decide a weight, which the digest covers; of one with a table of
    its own, that in place of WEIGHTS. load: what encodes. computes: whether that is a SparseModel, which has a dtype,
    or a TokenTable. poolings, activations: those that it knows. tasks: whose texts it can encode.
    """

    name: str
    title: str
    modules: str
    recognize: Callable[[Layout], EncoderFiles | None]
    defining: tuple[str, ...]
    load: Callable[[EncoderFiles, Runtime], SparseModel | TokenTable]
    computes: bool
    poolings: tuple[str, ...]
    activations: tuple[str, ...]
    tasks: tuple[str, ...] = (DOCUMENT, QUERY)


def read_encoder(folder: Path, task: str) -> EncoderFiles:
    """What encodes the texts of a task, DOCUMENT or QUERY, as the files in a model folder say.

    Raises SpartonError for modules that are not known, and for JSON that does not say what it should.
    """
    layout = read_layout(folder, task)
    for kind in KINDS.values():
        if task in kind.tasks and (found := kind.recognize(layout)) is not None:
            return found
    known = " and ".join(kind.modules for kind in reversed(KINDS.values()) if kind.modules)
    raise SpartonError(
        f"{folder / MODULES} sends a {task} through {' + '.join(layout.names) or 'nothing'}; Sparton knows {known}, "
        "alone or behind a Router"
    )


def _recognize_static(layout: Layout) -> EncoderFiles | None:
    """A SparseStaticEmbedding; or the idf.json that OpenSearch's inference-free models have beside a masked LM."""
    if layout.modules is None:
        table = layout.folder / _IDF
        if layout.task != QUERY or not table.is_file():
            return None
        return EncoderFiles("static", layout.folder, table, activation="relu")
    if layout.names != ["SparseStaticEmbedding"]:
        return None
    (module,) = layout.modules
    return EncoderFiles(
        "static",
        module.folder,
        _table(module.folder, layout.folder),
        saved=True,
        activation="relu",
        prompt=layout.prompt,
        top_terms=layout.top_terms,
    )


def _recognize_masked_lm(layout: Layout) -> EncoderFiles | None:
    """A plain Hugging Face folder, or a Transformer under SpladePooling."""
    if layout.modules is None:
        refuse_adapter(layout.folder)
        return EncoderFiles("masked_lm", layout.folder)
    if layout.names not in (["Transformer", "SpladePooling"], ["MLMTransformer", "SpladePooling"]):
        return None
    transformer, pooling = layout.modules
    refuse_adapter(transformer.folder)
    config, path = _transformer_config(transformer)
    how = read_object(pooling.folder / "config.json")
    strategy, activation = how.get("pooling_strategy", "max"), how.get("activation_function", "relu")
    if strategy not in ("max", "sum") or not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise SpartonError(
            f"{pooling.folder / 'config.json'} asks for pooling {strategy!r} with activation {activation!r}; "
            f"expected max or sum with {' or '.join(_ACTIVATIONS)}"
        )
    return EncoderFiles(
        "masked_lm",
        transformer.folder,
        saved=True,
        max_length=count(config, f"{layout.task}_length", path) or count(config, "max_seq_length", path),
        pooling=strategy,
        activation=_ACTIVATIONS[activation],
        prompt=layout.prompt,
        top_terms=layout.top_terms,
    )


def _transformer_config(module: Module) -> tuple[dict[str, Any], Path]:
    path = next(iter(sorted(module.folder.glob("sentence_*_config.json"))), module.folder / "sentence_bert_config.json")
    config = read_object(path)
    task = config.get("transformer_task", "fill-mask" if module.name == "MLMTransformer" else "feature-extraction")
    if task != "fill-mask":
        raise SpartonError(f"{path} is for the task {task}; Sparton needs a masked language model (fill-mask)")
    for name in _UNREAD:
        if config.get(name):
            raise SpartonError(f"{path} sets {name}, which Sparton does not read; save the model without it")
    return config, path


def _table(folder: Path, root: Path) -> Path | None:
    """The JSON file of a SparseStaticEmbedding's weights, or None where they are safetensors."""
    name = read_object(folder / "config.json").get("path")
    if name is None or not str(name).endswith(".json"):
        return None
    for beside in (folder, root):
        if os.path.isfile(found := beside / PurePosixPath(name).name):  # False for what no file can be called
            return found
    raise SpartonError(
        f"{folder / 'config.json'} names the table {shortened(name)}, and the model folder has no such file"
    )


def _load_static(files: EncoderFiles, runtime: Runtime) -> TokenTable:
    from .token_table import load_table

    return load_table(files)


def _load_masked_lm(files: EncoderFiles, runtime: Runtime) -> SparseModel:
    from .splade_model import load_splade

    return load_splade(files, runtime)


_STATIC = ModelKind(
    name="static",
    title="a table of token weights",
    modules="SparseStaticEmbedding",
    recognize=_recognize_static,
    defining=(WEIGHTS, *_TOKENIZER),
    load=_load_static,
    computes=False,
    poolings=("max",),
    activations=("relu",),
)
_MASKED_LM = ModelKind(
    name="masked_lm",
    title="a model of their own",
    modules="Transformer + SpladePooling",
    recognize=_recognize_masked_lm,
    defining=(WEIGHTS, "config.json", *_TOKENIZER, "*.py"),
    load=_load_masked_lm,
    computes=True,
    poolings=("max", "sum"),
    activations=("log1p_relu", "log1p_log1p_relu"),
)
# By name. They are asked in this order whether they recognize a folder: a plain one is a masked LM if nothing else.
KINDS = {kind.name: kind for kind in (_STATIC, _MASKED_LM)}
