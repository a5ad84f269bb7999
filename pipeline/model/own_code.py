"""What transformers 5 leaves undone for models that bring their own code, which was written for transformers 4.

A model is made on the meta device, and then its weights are filled in. A buffer that is not saved, as position ids or
the tables of rotary embeddings, gets memory without content then, and any other tensor none; transformers' own models
compute them again, and code of others knows nothing of it. So such a model is made a second time, on the CPU and with
buffers alone, and these are taken over. And what was a list of weights that are tied has to say to which.
"""

import copy
from pathlib import Path
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ...errors import SpartonError


def has_own_code(model: Any) -> bool:
    """Whether a model's class came with it, rather than with transformers."""
    return type(model).__module__.partition(".")[0] == "transformers_modules"


def name_ties(folder: Path, auto_class: str) -> None:
    """Have the class that comes with a model say to which weight its output embedding is tied, where it has a list of
    tied weights, as for transformers 4. auto_class: of transformers, as "AutoModelForMaskedLM"."""
    from transformers import AutoConfig
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    reference = (getattr(config, "auto_map", None) or {}).get(auto_class)
    if not isinstance(reference, str):
        return
    own_class: Any = get_class_from_dynamic_module(reference, folder)
    if not isinstance(getattr(own_class, "_tied_weights_keys", None), list | tuple | set):
        return
    own_class._tied_weights_keys = None
    model = _without_weights(own_class, config)
    names = {module: name for name, module in model.named_modules()}
    source, target = (names.get(module) for module in (model.get_input_embeddings(), model.get_output_embeddings()))
    if source is not None and target is not None:
        own_class._tied_weights_keys = {f"{target}.weight": f"{source}.weight"}


def make_buffers_again(model: Any, folder: Path) -> None:
    """Give a model on the CPU the tensors that its code computes and that are neither weights nor saved with them.

    folder: of the model. Raises SpartonError for one that is computed from weights.
    """
    made = dict(_without_weights(type(model), model.config).named_modules())
    for path, module in model.named_modules():
        for name in _computed(module):
            tensor = getattr(made[path], name)
            if tensor.is_meta:
                raise SpartonError(
                    f"{folder} computes {path}.{name} from weights when it is made, and transformers 5 loads weights "
                    "only afterwards; save the model with code written for transformers 5"
                )
            kept = getattr(module, name)
            setattr(module, name, tensor.to(kept.dtype))


def _computed(module: nn.Module) -> list[str]:
    """Names of a module's tensors that no checkpoint holds."""
    buffers = [name for name in module._non_persistent_buffers_set if getattr(module, name) is not None]
    others = [name for name, value in vars(module).items() if isinstance(value, torch.Tensor) and value.is_meta]
    return buffers + others


def _without_weights(own_class: Any, config: Any) -> Any:
    """A model of a class and a configuration, whose weights are on the meta device and take no memory."""

    thread = get_ident()

    def onto_meta(module: nn.Module, name: str, weight: nn.Parameter | None) -> nn.Parameter | None:
        if weight is None or get_ident() != thread:  # the hook is called for whatever model is made anywhere
            return None
        return nn.Parameter(weight.to("meta"), requires_grad=weight.requires_grad)

    hook = register_module_parameter_registration_hook(onto_meta)  # type: ignore[arg-type]  # it may return a weight
    try:
        with torch.random.fork_rng(devices=[]):  # weights that are drawn are of no use, and no one's draws change
            return own_class(copy.deepcopy(config))
    finally:
        hook.remove()
