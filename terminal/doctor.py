"""What this machine has of what Sparton can use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec

from ..errors import SpartonError
from ..pipeline.model.embedded import EMBEDDED, embedded_folder
from .flags import sentence


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked for. `needed` if no index can be built and searched without it."""

    what: str
    ok: bool
    found: str
    needed: bool


def examine() -> list[Check]:
    """Look for everything, in the order of the pipeline."""
    return [
        *(_check(f"model {name}", partial(_embedded_model, name), needed=False) for name in EMBEDDED),
        _check("GPU", _gpu, needed=False),
        _check("Triton", _triton, needed=False),
        _check("Java", _java, needed=True),
        _check("Lucene", _lucene, needed=True),
    ]


def _check(what: str, look: Callable[[], str], *, needed: bool) -> Check:
    try:
        return Check(what, True, look(), needed)
    except SpartonError as error:
        return Check(what, False, sentence(error, {}), needed)
    except OSError as error:  # of a file that cannot be read, whosever it is
        return Check(what, False, f"{error.filename}: {error.strerror}" if error.filename else str(error), needed)


def _embedded_model(name: str) -> str:
    return str(embedded_folder(name))


def _gpu() -> str:
    if find_spec("torch") is None:
        raise SpartonError(
            "torch is not installed, so that only tables of token weights encode; run `pip install torch`"
        )
    import torch

    if not torch.cuda.is_available():
        raise SpartonError(f"none that torch {torch.__version__} can use; encoding runs on the CPU")
    return f"{torch.cuda.get_device_name()} (torch {torch.__version__})"


def _triton() -> str:
    if find_spec("triton") is None:
        raise SpartonError("not installed; the head runs in PyTorch (torch for CUDA brings it on Linux)")
    return metadata.version("triton")


def _java() -> str:
    from ..indexer.java import find_java, java_version

    home = find_java()
    return f"{java_version(home)} at {home}"


def _lucene() -> str:
    from ..indexer.java import find_jar

    return find_jar().name
