"""Stage 6, on a CPU: the run as a folder that Sparton and sentence-transformers load as it is, in bfloat16.

    python examples/train_embedded/export.py --prepared prepared --run run --results results.json --out embedded-model

Documents go through MLMTransformer and SpladePooling, queries through SparseStaticEmbedding, behind a Router. Both
packages load the folder at the end, and must give the weights that the training code gives.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evaluate import trained_student
from prepared import Prepared, read_prepared
from runs import CHECKPOINT, LOG, read_checkpoint
from safetensors.torch import load_file, save_file
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
from student import Student
from token_lists import on_device, tokenize
from torch import nn
from transformers import AutoTokenizer, BertForMaskedLM

import sparton
from sparton.errors import SpartonError

_LONGEST = 256  # tokens of a document
# What sentence-transformers calls the activations.
_ACTIVATIONS = {"log1p_relu": "relu", "log1p_log1p_relu": "log1p_relu"}
# Weights that differ by more are not those of the same model; between two ways to add up float32 lies a tenth of it.
_MOST_DIFFERENCE = 1e-3
PROBE = ("a small black leather bag with a gold chain", "how do vaccines work?", "state of the art, 2020: graph search")


def round_to_bfloat16(student: Student) -> None:
    """Round the weights of the LM in place: what is exported is what is compared."""
    with torch.no_grad():
        for parameter in student.lm.parameters():
            parameter.copy_(parameter.bfloat16().float())


def save_folder(student: Student, prepared: Prepared, folder: Path) -> None:
    """Save modules as sentence-transformers does; weights in bfloat16, while config.json has both packages compute in
    float32."""
    tokenizer = AutoTokenizer.from_pretrained(prepared.backbone)
    with tempfile.TemporaryDirectory() as plain:
        lm = BertForMaskedLM(student.lm.config)
        lm.load_state_dict(student.lm.state_dict())
        lm.save_pretrained(plain)
        tokenizer.save_pretrained(plain)
        documents = Transformer(plain, transformer_task="fill-mask", max_seq_length=_LONGEST)
    documents.model.config._name_or_path = ""
    pooling = SpladePooling("max", activation_function=_ACTIVATIONS[student.activation])
    queries = SparseStaticEmbedding(tokenizer, weight=student.table().detach().cpu(), frozen=True)
    router = Router.for_query_document([queries], [documents, pooling])
    SparseEncoder(modules=[router], device="cpu").save(str(folder), create_model_card=False)
    for path in folder.rglob("model.safetensors"):
        tensors = load_file(path)
        if len(tensors) > 1:  # not the table, which is small, and whose weights multiply all scores
            save_file({name: tensor.bfloat16() for name, tensor in tensors.items()}, path, {"format": "pt"})


@torch.inference_mode()
def own_weights(student: Student, prepared: Prepared) -> dict[str, torch.Tensor]:
    """float32 [B, V] of the probe, as documents and as queries, by the training code."""
    texts = on_device(**tokenize(prepared.tokenizer(), PROBE, _LONGEST), device="cpu")
    every = np.arange(len(texts))
    return {"documents": student.document_weights(texts, every), "queries": student.query_weights(texts, every)}


def loaded_weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The same by each package that loads the folder."""
    model = SparseEncoder(str(folder), device="cpu")
    theirs = {
        "documents": model.encode_document(list(PROBE), convert_to_sparse_tensor=False),
        "queries": model.encode_query(list(PROBE), convert_to_sparse_tensor=False),
    }
    encoder = sparton.Encoder(str(folder), device="cpu", dtype="float32", scale=_SCALE)
    vocabulary = {term: number for term, number in model.tokenizer.get_vocab().items()}
    ours = {name: torch.zeros_like(tensor) for name, tensor in theirs.items()}
    for row, text in enumerate(PROBE):
        for term, impact in encoder.encode_one(text).items():
            ours["documents"][row, vocabulary[term]] = impact / _SCALE
    return {"sentence-transformers": theirs, "sparton": ours}
