"""The register of model kinds: how each is recognized in a folder, which files define it, and how it is loaded.

A cold search reads this, so what loads a model is imported when a model is loaded.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import SpartonError, shortened
from ...storage.manifest import ALL, OWN
from .adapter import FindBase, base_folder, model_config, only_folders
from .base import Model, Runtime, SparseModel, TokenTable, TokenWeightModel
from .decoder_files import is_decoder, read_settings, refuse_settings
from .layout import ADAPTER, DOCUMENT, MODULES, QUERY, Layout, Module, count, read_layout, read_object
from .spec import EncoderFiles
from .token_heads import recognize_token_weights

WEIGHTS = "*.safetensors"
_TOKENIZER = (
    *("tokenizer*.json", "vocab.*", "merges.txt", "*.model"),
    *("added_tokens.json", "special_tokens_map.json", "bpe.codes", "dict.txt", "*.tiktoken", "tekken.json"),
)
_IDF = "idf.json"
# Their SpladePooling always takes one logarithm; what they call log1p_relu takes a second one.
_ACTIVATIONS = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}
_SPLADE = ("Transformer", "SpladePooling"), ("MLMTransformer", "SpladePooling")
# What a Transformer may be told that would change a text's tokens, and is not read here.
_UNREAD = ("processing_kwargs", "query_expansion", "do_lower_case", "tokenizer_name_or_path")


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A way from token ids to weights.

    name: in sparton.json. title: what `sparton info` calls a query model of this kind. modules: those of
    sentence-transformers that it stands for. recognize: the encoder that a folder has for a task, or None if it is of
    another kind. defining: patterns of the files that decide a weight, which the digest covers; of one with a table of
    its own, that in place of WEIGHTS. load: what encodes. computes: whether that is a model that computes, which has a
    dtype, or a TokenTable. expands: whether a text may get any term of the vocabulary, so that its weights are a row of
    [B, V]. poolings, activations: those that it knows. tasks: whose texts it can encode.
    """

    name: str
    title: str
    modules: str
    recognize: Callable[[Layout, FindBase], EncoderFiles | None]
    defining: tuple[str, ...]
    load: Callable[[EncoderFiles, Runtime], Model]
    computes: bool
    expands: bool
    poolings: tuple[str, ...]
    activations: tuple[str, ...]
    tasks: tuple[str, ...] = (DOCUMENT, QUERY)


def read_encoder(folder: Path, task: str, find_base: FindBase = only_folders) -> EncoderFiles:
    """What encodes the texts of a task, DOCUMENT or QUERY, as a model folder says. find_base: the base of an adapter.

    Raises SpartonError for modules that are not known, and for JSON that does not say what it should.
    """
    layout = read_layout(folder, task)
    for kind in KINDS.values():
        if task in kind.tasks and (found := kind.recognize(layout, find_base)) is not None:
            return found
    known = " and ".join(dict.fromkeys(kind.modules for kind in reversed(KINDS.values()) if kind.modules))
    raise SpartonError(
        f"{folder / MODULES} sends a {task} through {' + '.join(layout.names) or 'nothing'}; Sparton knows {known}, "
        "alone or behind a Router"
    )


def _recognize_static(layout: Layout, find_base: FindBase) -> EncoderFiles | None:
    """A SparseStaticEmbedding; or the idf.json that OpenSearch's inference-free models have beside a masked LM."""
    if layout.modules is None:
        table = layout.folder / _IDF
        if layout.task != QUERY or not table.is_file():
            return None
        return EncoderFiles("static", layout.folder, table, activation="relu")
    if layout.names != ["SparseStaticEmbedding"]:
        return None
    (module,) = layout.existing_modules
    return replace(_saved_table(module, layout), prompt=layout.prompt, top_terms=layout.top_terms)


def _saved_table(module: Module, layout: Layout) -> EncoderFiles:
    """A SparseStaticEmbedding. Behind a model its weights multiply those of the tokens that a text has."""
    table = _table(module.folder, layout.folder)
    return EncoderFiles("static", module.folder, table, saved=True, activation="relu")


def _recognize_causal_lm(layout: Layout, find_base: FindBase) -> EncoderFiles | None:
    """A decoder: a plain Hugging Face folder, or a Transformer under SpladePooling."""
    folder = _transformer_folder(layout)
    if folder is None:
        return None
    base = base_folder(folder, find_base)
    config = model_config(folder, base)
    if not is_decoder(config):
        return None
    settings = read_settings(config, folder / "config.json")
    found = EncoderFiles("causal_lm", folder, top_terms=settings.top_terms, base=base, echo=settings.echo)
    if layout.modules is None:
        return found
    pooled = _under_pooling(layout, found, ("fill-mask", "text-generation"))
    # A length that is all that the model has positions for is nobody's choice: sentence-transformers writes it down.
    positions, length = config.get("max_position_embeddings"), pooled.max_length
    chosen = length if length is None or not isinstance(positions, int) or length < positions else None
    return replace(pooled, saved=False, max_length=chosen, top_terms=pooled.top_terms or settings.top_terms)


def _recognize_masked_lm(layout: Layout, find_base: FindBase) -> EncoderFiles | None:
    """A plain Hugging Face folder, or a Transformer under SpladePooling."""
    folder = _transformer_folder(layout)
    if folder is None:
        return None
    base = base_folder(folder, find_base)
    refuse_settings(model_config(folder, base), folder / "config.json")
    found = EncoderFiles("masked_lm", folder, base=base)
    return found if layout.modules is None else _under_pooling(layout, found, ("fill-mask",))


def _transformer_folder(layout: Layout) -> Path | None:
    """Where the language model lies, in a plain folder or under SpladePooling, behind which a table may stand; None in
    one of other modules."""
    if layout.modules is None:
        return layout.folder
    known = tuple(layout.names[:2]) in _SPLADE and layout.names[2:] in ([], ["SparseStaticEmbedding"])
    return layout.modules[0].folder if known else None


def _under_pooling(layout: Layout, found: EncoderFiles, tasks: tuple[str, ...]) -> EncoderFiles:
    """The same with what Transformer and SpladePooling say. tasks: that the Transformer may be for."""
    transformer, pooling, *tables = layout.existing_modules
    config, path = _transformer_config(transformer, tasks)
    how = read_object(pooling.folder / "config.json")
    strategy, activation = how.get("pooling_strategy", "max"), how.get("activation_function", "relu")
    if strategy not in ("max", "sum") or not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise SpartonError(
            f"{pooling.folder / 'config.json'} asks for pooling {strategy!r} with activation {activation!r}; "
            f"expected max or sum with {' or '.join(_ACTIVATIONS)}"
        )
    return replace(
        found,
        saved=True,
        max_length=count(config, f"{layout.task}_length", path) or count(config, "max_seq_length", path),
        pooling=strategy,
        activation=_ACTIVATIONS[activation],
        prompt=layout.prompt,
        top_terms=layout.top_terms,
        terms=OWN if tables else ALL,
        gate=_saved_table(tables[0], layout) if tables else None,
    )


def _transformer_config(module: Module, tasks: tuple[str, ...]) -> tuple[dict[str, Any], Path]:
    path = next(iter(sorted(module.folder.glob("sentence_*_config.json"))), module.folder / "sentence_bert_config.json")
    config = read_object(path)
    task = config.get("transformer_task", "fill-mask" if module.name == "MLMTransformer" else "feature-extraction")
    if task not in tasks:
        needed = "masked language model" if len(tasks) == 1 else "language model with its head"
        raise SpartonError(f"{path} is for the task {task}; Sparton needs a {needed} ({' or '.join(tasks)})")
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


def _load_token_weights(files: EncoderFiles, runtime: Runtime) -> TokenWeightModel:
    from .token_weights import load_token_weights

    return load_token_weights(files, runtime)


def _load_causal_lm(files: EncoderFiles, runtime: Runtime) -> SparseModel:
    from .causal_lm import load_causal_lm
    from .splade_model import load_splade

    return load_splade(files, runtime, load_causal_lm)


_STATIC = ModelKind(
    name="static",
    title="a table of token weights",
    modules="SparseStaticEmbedding",
    recognize=_recognize_static,
    defining=(WEIGHTS, *_TOKENIZER),
    load=_load_static,
    computes=False,
    expands=False,
    poolings=("max",),
    activations=("relu",),
)
_MASKED_LM = ModelKind(
    name="masked_lm",
    title="a model of their own",
    modules="Transformer + SpladePooling",
    recognize=_recognize_masked_lm,
    defining=(WEIGHTS, "config.json", ADAPTER, *_TOKENIZER, "*.py"),
    load=_load_masked_lm,
    computes=True,
    expands=True,
    poolings=("max", "sum"),
    activations=("log1p_relu", "log1p_log1p_relu"),
)
_TOKEN_WEIGHTS = ModelKind(
    name="token_weights",
    title="the weights of their own tokens",
    modules="",
    recognize=recognize_token_weights,
    defining=(WEIGHTS, "config.json", *_TOKENIZER, "*.py"),
    load=_load_token_weights,
    computes=True,
    expands=False,
    poolings=("max", "sum"),
    activations=("relu", "one"),
)
_CAUSAL_LM = replace(_MASKED_LM, name="causal_lm", recognize=_recognize_causal_lm, load=_load_causal_lm)
# By name. They are asked in this order whether they recognize a folder: a plain one is a masked LM if nothing else.
KINDS = {kind.name: kind for kind in (_STATIC, _TOKEN_WEIGHTS, _CAUSAL_LM, _MASKED_LM)}
