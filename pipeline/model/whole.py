"""Whether the weights of a checkpoint are those that its config.json asks for, all of them and no other layers."""

from typing import Any

from ...errors import SpartonError, listed
from .checkpoint import Checkpoint

_NAMED = 3  # weights in a sentence


def check_weights(checkpoint: Checkpoint, head: str | None = None, spare: str | None = None) -> None:
    """Raise SpartonError where a model lacks weights, or its files hold layers that it does not have.

    head: what is needed beside the backbone, in a sentence; None for a backbone alone. spare: the part of a model whose
    weights may be missing. What else is not used, as a pooler or another task's head, is nobody's loss.
    """
    folder, model, others = checkpoint.folder, checkpoint.model, checkpoint.unexpected
    missing = [name for name in checkpoint.missing if spare is None or spare not in name.split(".")]
    if missing:
        if prefix := _prefix(missing, others):
            raise SpartonError(
                f"the names of all weights in {folder} begin with {prefix!r}, as {others[0]}; save the state_dict of "
                "the model itself, whose names do not"
            )
        lacking = f"{folder} lacks the weights {', '.join(missing[:_NAMED])}{' …' if len(missing) > _NAMED else ''}"
        if head is not None and not any(name.startswith(f"{model.base_model_prefix}.") for name in missing):
            raise SpartonError(f"{lacking}; Sparton needs {head}")
        instead = f", and has others, as {others[0]}" if others else ""
        raise SpartonError(f"{lacking}, which its config.json asks for{instead}; save both again from one model")
    beyond = [name for name in others if _is_of_a_layer_beyond(name, model)]
    if beyond:
        raise SpartonError(
            f"{folder} holds the weights {listed(beyond, _NAMED)}, of layers that its config.json does not have; save "
            "both again from one model"
        )


def _prefix(missing: list[str], others: tuple[str, ...]) -> str | None:
    """What stands before all names in the files, where those that are missing are behind it, as `module.`."""
    found = next((other.removesuffix(name) for name in missing for other in others if other.endswith(f".{name}")), None)
    return found if found and all(other.startswith(found) for other in others) else None


def _is_of_a_layer_beyond(name: str, model: Any) -> bool:
    """Whether a weight is of a layer behind the last that the model has: its name has a number that is none of those of
    the layers there. Layers that predict further tokens are no part of any model that encodes."""
    parts = name.split(".")
    predicting = getattr(model.config, "num_nextn_predict_layers", None) or 0
    for at, part in enumerate(parts):
        if not part.isdecimal():
            continue
        for root in ("", f"{model.base_model_prefix}."):
            try:
                layers = dict(model.get_submodule(root + ".".join(parts[:at])).named_children())
            except AttributeError:
                continue
            if layers and all(map(str.isdecimal, layers)) and int(part) >= len(layers) + predicting:
                return True
    return False
