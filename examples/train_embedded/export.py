"""Stage 6, on a CPU: the run as a folder that Sparton and sentence-transformers load as it is, in bfloat16.

    python examples/train_embedded/export.py --prepared prepared --run run --results results.json --out embedded-model

Documents go through MLMTransformer and SpladePooling, queries through SparseStaticEmbedding, behind a Router. Beside
these lies lexical.json, which has Sparton apply own words and the collection's idf. Both packages load the folder at
the end, and must give the weights that the training code gives, Sparton those with own words.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from beginning import trained_student
from card import write_card
from head_noun_table import NAME as HEAD_NOUNS
from head_noun_table import WEIGHT as HEAD_WEIGHT
from head_noun_table import save_head_nouns
from own_collections import IDF_POWER, document_frequencies
from own_words import EXPANSION, OWN_WORDS, TERM_FREQUENCY
from prepared import Prepared, read_prepared
from safetensors.torch import load_file, save_file
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
from student import Student
from synonym_table import NAME as SYNONYMS
from synonym_table import save_synonyms
from token_lists import on_device, tokenize
from transformers import AutoTokenizer, BertForMaskedLM
from word_forms import STEMMER
from wordnet import licence, read_wordnet

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.encoding.open_encoder import open_query_encoder

LICENCE = "WORDNET-LICENCE.txt"
_LONGEST = 256  # tokens of a document
# What sentence-transformers calls the activations.
_ACTIVATIONS = {"log1p_relu": "relu", "log1p_log1p_relu": "log1p_relu"}
# Weights that differ by more are not those of the same model; between two ways to add up float32 lies a tenth of it.
_MOST_DIFFERENCE = 1e-3
_SCALE = 10_000  # of impacts, so that rounding them is a twentieth of that
PROBE = (
    *("a small black leather bag with a gold chain", "how do vaccines work?", "state of the art, 2020: graph search"),
    *("two backpacks, a sandal and cardigans", "loafers"),  # words of several pieces
)


def round_to_bfloat16(student: Student) -> None:
    """Round the weights of the LM in place: what is exported is what is compared."""
    with torch.no_grad():
        for parameter in student.lm.parameters():
            parameter.copy_(parameter.bfloat16().float())


def save_lexical(
    student: Student, prepared: Prepared, folder: Path, passages: int, wordnet: Path | None = None
) -> None:
    """Write lexical.json and its tables. passages: how many tell in how many of them a term has a weight. wordnet:
    where synonyms and head nouns are from, None for neither."""
    counts, documents = document_frequencies(student, prepared, passages)
    save_file({"word": torch.from_numpy(prepared.words)}, folder / "words.safetensors")
    frequencies = {"document_frequency": torch.from_numpy(counts).int(), "documents": torch.tensor([documents])}
    save_file(frequencies, folder / "document_frequency.safetensors")
    content = {
        "term_frequency": TERM_FREQUENCY,
        "own_words": OWN_WORDS,
        "mean_length": round(prepared.mean_length, 1),
        "words": "words.safetensors",
        "stemmer": STEMMER,
        "expansion": EXPANSION,
        "idf_power": IDF_POWER,
        "document_frequency": "document_frequency.safetensors",
    }
    if wordnet is not None:
        known = read_wordnet(wordnet)
        save_synonyms(folder, known, prepared)
        save_head_nouns(folder, known, prepared)
        (folder / LICENCE).write_text(licence(wordnet), encoding="utf-8")  # which asks to go along
        content |= {"synonyms": SYNONYMS, "head_nouns": HEAD_NOUNS, "head_weight": HEAD_WEIGHT}
    (folder / "lexical.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    for name in ("words.safetensors", "document_frequency.safetensors"):
        (folder / name).chmod(0o644)  # as the other files; safetensors lets the owner alone read what it writes


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
        path.chmod(0o644)


@torch.inference_mode()
def own_weights(student: Student, prepared: Prepared) -> dict[str, dict[str, torch.Tensor]]:
    """float32 [B, V] of the probe, as documents and as queries, by the training code: those that each package is to
    give."""
    texts = on_device(**tokenize(prepared.tokenizer(), PROBE, _LONGEST), device="cpu")
    every = np.arange(len(texts))

    def weights() -> dict[str, torch.Tensor]:
        return {"documents": student.document_weights(texts, every), "queries": student.query_weights(texts, every)}

    with student.without_own_words():
        learned = weights()
    return {"sentence-transformers": learned, "Sparton": weights()}


def loaded_weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The same by each package that loads the folder."""
    model = SparseEncoder(str(folder), device="cpu")
    theirs = {"documents": model.encode_document(list(PROBE)), "queries": model.encode_query(list(PROBE))}
    encoder = sparton.Encoder(str(folder), device="cpu", dtype="float32", scale=_SCALE)
    queries = open_query_encoder(encoder.settings, _SCALE)
    ours = {"documents": encoder.encode_alone(PROBE), "queries": queries.encode_alone(PROBE)}
    width = len(encoder.vocabulary)
    return {
        "sentence-transformers": {side: weights.to_dense().cpu() for side, weights in theirs.items()},
        "Sparton": {side: weights.to_torch(width).to_dense() / _SCALE for side, weights in ours.items()},
    }


def compare(student: Student, prepared: Prepared, folder: Path) -> dict[str, float]:
    """The largest difference of a weight, by package and side. Raises SpartonError if one is no rounding."""
    own, differences = own_weights(student, prepared), {}
    for package, sides in loaded_weights(folder).items():
        for side, weights in sides.items():
            differences[f"{package}, {side}"] = difference = float((weights - own[package][side]).abs().max())
            if difference > _MOST_DIFFERENCE:
                raise SpartonError(
                    f"{package} gives {side} of {folder} weights that differ by {difference:.4f} from those of the "
                    f"training code; expected {_MOST_DIFFERENCE} at most, so the folder is not the model"
                )
    return differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--run", type=Path, required=True, help="the run of train.py")
    parser.add_argument("--results", type=Path, required=True, help="what evaluate.py wrote, for the model card")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--wordnet", type=Path, help="folder of WordNet's database files, for synonyms and head nouns")
    parser.add_argument("--passages", type=int, default=4_000, help="that tell how rare terms usually are")
    arguments = parser.parse_args()
    prepared = read_prepared(arguments.prepared)
    student = trained_student(prepared, arguments.run, "cpu")
    round_to_bfloat16(student)
    arguments.out.mkdir(parents=True)
    save_folder(student, prepared, arguments.out)
    save_lexical(student, prepared, arguments.out, arguments.passages, arguments.wordnet)
    write_card(arguments.out, arguments.run, json.loads(arguments.results.read_text(encoding="utf-8")))
    for name, difference in compare(student, prepared, arguments.out).items():
        print(f"{name}: weights differ by {difference:.1e} at most")
    size = sum(file.stat().st_size for file in arguments.out.rglob("*") if file.is_file())
    print(f"{arguments.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
