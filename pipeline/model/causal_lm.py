"""A decoder (AutoModelForCausalLM) as a language model without its head: causal or looking both ways, as its files say.

Whether it still is the model is tried with logits when it is loaded: a head may have a scale or a cap that no list of
architectures knows, and transformers before 5.2 never looks both ways.
"""

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from ...errors import SpartonError
from .adapter import model_config
from .checkpoint import Checkpoint, load_checkpoint, reason
from .decoder_files import DecoderSettings, has_own_class, read_settings
from .masked_lm import MaskedLM, split_head
from .spec import EncoderFiles

_PROBED = 12  # tokens
# Logits that differ by more than this share of their norm are not the same; half precision gives 0.01.
_MOST_DIFFERENCE = 0.05


def load_causal_lm(
    files: EncoderFiles,
    *,
    device: torch.device,
    dtype: torch.dtype,
    head_dtype: torch.dtype,
    trust_remote_code: bool = False,
) -> MaskedLM:
    """Load a decoder for inference: the backbone in `dtype`, and of the output embedding a copy in `head_dtype` if that
    is another, or if its logits are scaled.

    Raises SpartonError when it is no causal LM, or lacks a fast tokenizer or weights, or its logits are not the product
    of hidden states and its output embedding, or transformers does not attend as its files say.
    """
    folder = files.base or files.folder
    config = model_config(files.folder, files.base)
    settings = read_settings(config, folder / "config.json")
    checkpoint = load_checkpoint(
        folder,
        "AutoModelForCausalLM",
        "causal language model",
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code and has_own_class(config),
        adapter=files.folder if files.base else None,
    )
    if names := checkpoint.missing:
        raise SpartonError(
            f"{folder} lacks the weights {', '.join(names[:3])}{' …' if len(names) > 3 else ''}; Sparton needs a "
            "decoder with all of its layers and its LM head"
        )
    checkpoint.model.config.use_cache = False  # nothing is generated
    return _split(checkpoint, settings, head_dtype)


def soft_cap(weights: torch.Tensor, cap: float, activation: str) -> torch.Tensor:
    """Weights of logits, of which the model would have made cap·tanh(logit / cap), in place: a cap is monotone, so it
    may come after the maximum. weights: of splade_head with that activation and maxima."""
    logarithms = 2 if activation == "log1p_log1p_relu" else 1
    for _ in range(logarithms):
        weights.expm1_()
    weights.div_(cap).tanh_().mul_(cap)
    for _ in range(logarithms):
        weights.log1p_()
    return weights


def _look_both_ways(model: Any) -> None:
    """Masks go by the configuration, and kernels that are given no mask by the layers."""
    if not _looks_both_ways(model):  # as Gemma 3 does by itself, with windows of its own
        model.config.is_causal = False
    for module in model.modules():
        if getattr(module, "is_causal", None) is True:
            module.is_causal = False


@torch.inference_mode()
def _looks_both_ways(model: Any) -> bool:
    """Whether what comes of the first token changes with the last one."""
    ids = _probe(model)
    last = (ids[:, -1:] + 1) % _rows(model)
    return not torch.equal(_output(model, ids)[0, 0], _output(model, torch.cat([ids[:, :-1], last], dim=1))[0, 0])


@torch.inference_mode()
def _split(checkpoint: Checkpoint, settings: DecoderSettings, head_dtype: torch.dtype) -> MaskedLM:
    model, folder, scale = checkpoint.model, checkpoint.folder, settings.logit_scale
    cap = getattr(model.config, "final_logit_softcapping", None)
    if cap is not None and scale != 1:
        raise SpartonError(f"{folder} caps its logits (final_logit_softcapping); logit_scale cannot be set for it")
    ids = _probe(model)
    try:
        if not settings.causal:
            _look_both_ways(model)
        truth = _output(model, ids).float()
        weight, bias = split_head(model)
        if cap is not None:
            model.config.final_logit_softcapping = None
        hidden = _output(model, ids)
        found = functional.linear(hidden.to(weight.dtype), weight, bias).float()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever its code met
        raise _not_split(folder, model, f"({reason(error)})") from error
    found = found if cap is None else (found / cap).tanh() * cap
    difference = float((found - truth).norm() / truth.norm())
    if not difference < _MOST_DIFFERENCE:
        raise _not_split(folder, model, f"(with them, logits differ by {difference:.2g} of their norm)")
    if not settings.causal and not _looks_both_ways(model):
        raise SpartonError(
            f"{folder} is to attend in both directions, and this transformers runs a {type(model).__name__} causally; "
            "upgrade it to 5.2 or newer"
        )
    return MaskedLM(
        model,
        (weight if scale == 1 else weight * scale).to(head_dtype),
        None if bias is None else (bias * scale).to(head_dtype),
        checkpoint.tokenizer,
        checkpoint.vocabulary(len(weight)),
        checkpoint.longest,
        soft_cap=cap,
    )


def _probe(model: Any) -> torch.Tensor:
    return torch.arange(_PROBED, device=model.device)[None] * 7 % _rows(model)


def _rows(model: Any) -> int:
    """V. The input embedding has as many rows as the output embedding, which may be taken off."""
    return len(model.get_input_embeddings().weight)


def _output(model: Any, ids: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return output


def _not_split(folder: Path, model: Any, found: str) -> SpartonError:
    return SpartonError(
        f"{folder} is a {type(model).__name__}, whose hidden states before the LM head cannot be had {found}; Sparton "
        "needs a decoder as Llama's, whose logits are hidden states times its output embedding"
    )
