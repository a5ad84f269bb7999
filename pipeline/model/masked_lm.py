"""Any Hugging Face masked LM as a language model without its head."""

import torch

from .checkpoint import load_checkpoint
from .language_model import LanguageModel, split
from .lm_head import refuse_by_name
from .spec import EncoderFiles
from .whole import check_weights

_NEEDED = "Sparton needs a masked language model as BERT's, whose logits are hidden states times its output embedding"


def load_masked_lm(
    files: EncoderFiles,
    *,
    device: torch.device,
    dtype: torch.dtype,
    head_dtype: torch.dtype,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Load a model (config, safetensors, tokenizer) for inference: the backbone in `dtype`, and of the output embedding
    a copy in `head_dtype` if that is another.

    Raises SpartonError when it is no masked LM, or lacks a tokenizer or the weights of its head, or if its logits are
    not the product of hidden states and its output embedding.
    """
    folder = files.weights_folder
    refuse_by_name(folder)
    checkpoint = load_checkpoint(
        folder,
        "AutoModelForMaskedLM",
        "masked language model",
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        adapter=files.folder if files.base else None,
    )
    check_weights(checkpoint, "a model trained with its masked-LM head")
    return split(checkpoint, _NEEDED, head_dtype)
