"""The student before its first step: weights of the masked LM, as sparse as it should begin, or those of a run."""

from pathlib import Path

import numpy as np
import torch
from backbone import masked_lm
from never_guessed import never_guessed
from own_words import OwnWords
from prepared import Prepared
from runs import CHECKPOINT, generator, read_checkpoint
from student import Student
from terms import query_terms, unsearchable
from token_lists import TokenLists
from torch import nn

_FEW_TOKENS = 2**11  # whose logits fit into memory
_PROBE = 64  # passages by which the bias is set
_NEVER = -100.0  # a bias


def warmed_student(prepared: Prepared, warm: Path, *, table_scale: float, fused: bool, activation: str) -> Student:
    """The masked LM of warm_up.py's run, with a table of idf times table_scale.

    A score of some matching terms, each idf times a weight of 2 or so, is far larger than what the teachers' scores are
    scaled to. Left to training, the weights of frequent tokens would shrink, and those of rare ones stay as they are.
    """
    tokenizer = prepared.tokenizer()
    lm = masked_lm(prepared.backbone, unsearchable(tokenizer), seed=0)
    weights = read_checkpoint(warm / CHECKPOINT)["model"]
    lm.load_state_dict({name.removeprefix("lm."): tensor for name, tensor in weights.items() if name.startswith("lm.")})
    idf = table_scale * prepared.idf(lm.config.vocab_size)
    return Student(lm, idf, query_terms(tokenizer), fused=fused, activation=activation)


def trained_student(prepared: Prepared, run: Path, device: str) -> Student:
    """The model of a run's checkpoint as it is used: it never gives what `never_guessed` names, and own words are
    applied to its documents."""
    kept, tokenizer = read_checkpoint(run / CHECKPOINT), prepared.tokenizer()
    lm = masked_lm(prepared.backbone, unsearchable(tokenizer), seed=0)
    idf = np.ones(lm.config.vocab_size, np.float32)
    student = Student(lm, idf, query_terms(tokenizer), activation=kept["settings"]["activation"])
    student.load_state_dict(kept["model"])
    with torch.no_grad():
        student.decoder.bias[torch.from_numpy(never_guessed(tokenizer))] = _NEVER
    student.own_words = OwnWords(tokenizer, prepared.words, prepared.mean_length)
    return student.to(device).eval()


def go_on_from(student: Student, run: Path) -> None:
    """Give a student the weights of another run of train.py."""
    student.load_state_dict(read_checkpoint(run / CHECKPOINT)["model"])


@torch.no_grad()
def make_sparse(student: Student, prepared: Prepared, terms: int, seed: int) -> None:
    """Shift the decoder's bias so that a passage has `terms` terms on average."""
    probe = generator(seed).choice(len(prepared.passages), _PROBE)
    shift = sparsifying_shift(student, prepared.passages, probe, terms)
    searchable = torch.ones_like(student.decoder.bias)
    searchable[torch.from_numpy(unsearchable(prepared.tokenizer())).to(searchable.device)] = 0
    student.decoder.bias += shift * searchable


@torch.inference_mode()
def sparsifying_shift(student: Student, passages: TokenLists, numbers: np.ndarray, terms: int) -> float:
    """What to add to the decoder's bias so that these passages have `terms` terms on average.

    A masked LM's loss does not see a shift of all its logits, so without this every passage might begin with half of
    the vocabulary, which is slow to learn from, or with no term, which cannot be learned from.
    """
    maxima = []
    for group in passages.groups(numbers, _FEW_TOKENS):
        ids, mask = passages.rows(numbers[group])
        logits = student.lm(input_ids=ids, attention_mask=mask).logits
        if student.fused:
            logits = nn.functional.linear(logits, student.decoder.weight, student.decoder.bias)
        maxima.append(logits.masked_fill(mask[:, :, None] == 0, float("-inf")).amax(dim=1).flatten())
    least = torch.cat(maxima).sort(descending=True).values[min(terms * len(numbers), sum(map(len, maxima))) - 1]
    return -float(least)
