"""A decoder (AutoModelForCausalLM) as a language model without its head: causal or looking both ways, as its files say.

Whether it still is the model is tried with logits when it is loaded: a head may have a scale or a cap that no list of
architectures knows, and transformers before 5.2 never looks both ways.
"""

import torch

from ...errors import SpartonError
from .adapter import model_config
from .checkpoint import Checkpoint, load_checkpoint, reason
from .decoder_files import has_own_class, read_settings
from .language_model import LanguageModel, split
from .spec import EncoderFiles
from .whole import check_weights

_NEEDED = "Sparton needs a decoder as Llama's, whose logits are hidden states times its output embedding"


def load_causal_lm(
    files: EncoderFiles,
    *,
    device: torch.device,
    dtype: torch.dtype,
    head_dtype: torch.dtype,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Load a decoder for inference: the backbone in `dtype`, and of the output embedding a copy in `head_dtype` if that
    is another, or if its logits are scaled.

    Raises SpartonError when it is no causal LM, or lacks a fast tokenizer or weights, or its logits are not the product
    of hidden states and its output embedding, or transformers does not attend as its files say.
    """
    folder = files.weights_folder
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
    check_weights(checkpoint, "a decoder with its LM head")
    checkpoint.model.config.use_cache = False  # nothing is generated
    if settings.logit_scale != 1 and getattr(checkpoint.model.config, "final_logit_softcapping", None) is not None:
        raise SpartonError(f"{folder} caps its logits (final_logit_softcapping); logit_scale cannot be set for it")
    if not settings.causal:
        _look_both_ways(checkpoint)
        if not _looks_both_ways(checkpoint):
            raise SpartonError(
                f"{folder} is to attend in both directions, and this transformers runs a "
                f"{type(checkpoint.model).__name__} causally; upgrade it to 5.2 or newer"
            )
    return split(checkpoint, _NEEDED, head_dtype, settings.logit_scale)


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


def _look_both_ways(checkpoint: Checkpoint) -> None:
    """Masks go by the configuration, and kernels that are given no mask by the layers."""
    model = checkpoint.model
    if not _looks_both_ways(checkpoint):  # as Gemma 3 does by itself, with windows of its own
        model.config.is_causal = False
    for module in model.modules():
        if getattr(module, "is_causal", None) is True:
            module.is_causal = False


@torch.inference_mode()
def _looks_both_ways(checkpoint: Checkpoint) -> bool:
    """Whether what comes of the first token changes with the second one, which is in any window of attention.

    Raises SpartonError for a model that cannot be run.
    """
    model = checkpoint.model
    rows = len(model.get_input_embeddings().weight)  # as many as the output embedding's

    def first(second: int) -> torch.Tensor:
        ids = torch.tensor([[rows // 2, second]], device=model.device)
        output: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return output[0, 0]

    try:
        return not torch.equal(first(rows - 1), first(rows // 3))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever its code met
        raise SpartonError(
            f"{checkpoint.folder} is a {type(model).__name__}, which cannot be run on two tokens ({reason(error)}); "
            f"{_NEEDED}"
        ) from error
