"""An adapter (LoRA): weights that are a change of others, its base's. Found by JSON alone; merged when it is loaded.

peft, which merges, is an extra. transformers itself would apply an adapter where peft is installed and pass over it
where it is not; so here it is merged, or refused, whatever a machine has.
"""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...errors import SpartonError, shortened
from .layout import ADAPTER, read_object
from .weights import weight_files

ADAPTER_WEIGHTS, ADAPTER_PICKLED = "adapter_model.safetensors", "adapter_model.bin"
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*([./][0-9A-Za-z_-]+)*")  # of others the hub's library makes paths
# The base model that an adapter's folder names: of that folder, a name, and a commit or None.
FindBase = Callable[[Path, str, str | None], Path]


def only_folders(adapter: Path, name: str, revision: str | None) -> Path:
    """The base model in a folder, whose path may start from the adapter's. Raises SpartonError for other names."""
    base = adapter / name
    if os.path.isdir(base):  # False for what no file can be called
        return base
    raise SpartonError(f"{adapter / ADAPTER} names the base model {shortened(name)}, which is not a folder here")


def adapter_weights(folder: Path) -> Path | None:
    """The file of an adapter's weights in a folder, safetensors before a pickle; None if it has none."""
    return next((folder / name for name in (ADAPTER_WEIGHTS, ADAPTER_PICKLED) if (folder / name).is_file()), None)


def base_folder(folder: Path, find: FindBase) -> Path | None:
    """Where the weights lie that the adapter in a folder changes, which may be beside it; None if it holds no adapter.

    Raises SpartonError for an adapter that cannot be merged, or whose base `find` does not find.
    """
    path = folder / ADAPTER
    if not path.is_file():
        return None
    config = read_object(path)
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        kind = "LORA with megatron_config" if config.get("peft_type") == "LORA" else repr(config.get("peft_type"))
        raise SpartonError(
            f"{path} is of the type {shortened(kind)}, and Sparton merges LORA; merge it with peft and name the result"
        )
    if adapter_weights(folder) is None:
        raise SpartonError(
            f"{folder} holds an adapter ({ADAPTER}) without its weights; expected {ADAPTER_WEIGHTS} or "
            f"{ADAPTER_PICKLED}"
        )
    if (folder / "config.json").is_file() and weight_files(folder):
        return folder
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name or not isinstance(revision, str | None):
        raise SpartonError(
            f"{path} sets base_model_name_or_path to {shortened(repr(name))}; expected the folder or the name of the "
            "model that the adapter was trained on"
        )
    if revision is not None and not _REVISION.fullmatch(revision):
        raise SpartonError(f"{path} sets revision to {shortened(repr(revision))}; expected the name of a commit")
    base = find(folder, name, revision)
    if (base / ADAPTER).is_file():
        raise SpartonError(
            f"{path} names the base model {shortened(name)}, which is an adapter too; merge that with peft, and name "
            "the result there"
        )
    if not (base / "config.json").is_file():
        raise SpartonError(f"{path} names the base model {shortened(name)}, which has no config.json; name a whole one")
    return base


def model_config(folder: Path, base: Path | None) -> dict[str, Any]:
    """What config.json says; of an adapter that of its base, with what the adapter's own says otherwise."""
    config = read_object(folder / "config.json")
    return config if base is None else read_object(base / "config.json") | config


@contextmanager
def _as_safetensors(adapter: Path) -> Iterator[Path]:
    """The folder of an adapter, or a copy of it with weights as safetensors where they are a pickle."""
    if (adapter / ADAPTER_WEIGHTS).is_file():
        yield adapter
        return
    from .pickled import load_pickled
    from .safetensors_file import write_safetensors

    tensors = load_pickled(adapter / ADAPTER_PICKLED)
    with TemporaryDirectory(prefix="sparton-") as copy:
        (Path(copy) / ADAPTER).symlink_to((adapter / ADAPTER).absolute())
        with (Path(copy) / ADAPTER_WEIGHTS).open("wb") as stream:
            write_safetensors(tensors, stream)
        yield Path(copy)


def merged(model: Any, adapter: Path) -> Any:
    """The model with the adapter of a folder added to its weights.

    Raises SpartonError where peft is not installed, or the adapter is of another model.
    """
    try:
        import peft
    except ImportError as error:
        raise SpartonError(
            f"{adapter} holds an adapter ({ADAPTER}), and merging it needs the package peft; install it with "
            "`pip install 'sparton[lora]'`"
        ) from error
    try:
        with warnings.catch_warnings(record=True) as told, _as_safetensors(adapter) as readable:
            warnings.simplefilter("always")
            changed = peft.PeftModel.from_pretrained(model, str(readable), local_files_only=True)
            missing = [str(warning.message) for warning in told if "missing adapter keys" in str(warning.message)]
            unknown = _unknown(changed, readable)
            if missing or unknown:
                raise ValueError(missing[0] if missing else f"the model has no weight for {unknown[0]}")
            return changed.merge_and_unload()
    except SpartonError:
        raise
    except Exception as error:  # whatever peft raises for files that are damaged, or of another model
        from .checkpoint import reason

        raise SpartonError(
            f"the adapter in {adapter} cannot be merged into its base model: {reason(error)}; see that its files are "
            "whole, and that the base is the model that it was trained on"
        ) from error


def _unknown(changed: Any, adapter: Path) -> list[str]:
    """Names in the adapter's file that nothing of the model took: as many parameters as names must have changed."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(adapter / ADAPTER_WEIGHTS, "pt") as stored:
        names = set(stored.keys())
    return sorted(names - set(get_peft_model_state_dict(changed)))
