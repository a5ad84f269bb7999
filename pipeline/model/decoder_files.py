"""What config.json says of a decoder: that it is one, which way it looks, and how its logits become weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SpartonError
from .layout import count, mapping

# Model types that transformers knows as causal LMs alone: in a repository with code of its own, the architecture may
# have any name.
_DECODERS = ("gemma", "gemma2", "gemma3_text", "llama", "mistral", "phi3", "qwen2", "qwen3")
# LLM2Vec's classes: the same weights, looking both ways.
_BOTH_WAYS = ("BiForMNTP", "BidirectionalForCausalLM")
_SECTION = "sparton"
_SETTINGS = ("logit_scale", "echo", "top_terms")


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """How a decoder is used.

    causal: whether a token looks at those before it alone. logit_scale: what its logits are multiplied by. echo:
    whether a text goes through twice, one copy behind the other, of which the second alone is pooled. top_terms: the
    most terms that a text keeps, or None.
    """

    causal: bool
    logit_scale: float
    echo: bool
    top_terms: int | None


def is_decoder(config: dict[str, Any]) -> bool:
    """Whether config.json is of a causal LM."""
    known = config.get("model_type") in _DECODERS
    return known or any(name.endswith(("ForCausalLM", *_BOTH_WAYS)) for name in _architectures(config))


def has_own_class(config: dict[str, Any]) -> bool:
    """Whether a repository brings code of a causal LM. Other code, as SPLADE-Code's, wraps one of transformers."""
    classes = config.get("auto_map")
    return isinstance(classes, dict) and "AutoModelForCausalLM" in classes


def refuse_settings(config: dict[str, Any], path: Path) -> None:
    """Raise SpartonError for a model that is no decoder and whose config.json, at a path, has settings of one."""
    if _SECTION in config:
        raise SpartonError(
            f"{path} has an object {_SECTION}, which says how a decoder is used, and the model is none; remove it"
        )


def read_settings(config: dict[str, Any], path: Path) -> DecoderSettings:
    """What the config.json at a path says. It is a decoder's.

    is_causal is transformers' own; bidirectional, is_bidirectional and use_bidirectional_attention are what others
    write, and an architecture as LlamaBiForMNTP says it too. What no file of a repository says, people may add in an
    object `sparton`: logit_scale, echo, top_terms.
    Raises SpartonError for values of another type, and names in `sparton` that are not known.
    """
    both_ways = any(name.endswith(_BOTH_WAYS) for name in _architectures(config))
    for name, means_both_ways in (
        ("bidirectional", True),
        ("is_bidirectional", True),
        ("use_bidirectional_attention", True),
        ("is_causal", False),
    ):
        value = config.get(name)
        if value is not None and not isinstance(value, bool):
            raise SpartonError(f"{path} sets {name} to {value!r}; expected true or false")
        both_ways = both_ways or value is means_both_ways
    ours = mapping(config.get(_SECTION) or {}, path)
    if unknown := sorted(ours.keys() - set(_SETTINGS)):
        raise SpartonError(f"{path} sets {_SECTION}.{unknown[0]}; Sparton knows {', '.join(_SETTINGS)} there")
    scale, echo = ours.get("logit_scale", 1.0), ours.get("echo", False)
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale <= 1_000_000:
        raise SpartonError(f"{path} sets {_SECTION}.logit_scale to {scale!r}; expected a number above 0")
    if not isinstance(echo, bool):
        raise SpartonError(f"{path} sets {_SECTION}.echo to {echo!r}; expected true or false")
    return DecoderSettings(not both_ways, float(scale), echo, count(ours, "top_terms", path))


def _architectures(config: dict[str, Any]) -> list[str]:
    names = config.get("architectures")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
