"""The published ways to weigh each token by a scalar of its hidden state, and how a folder shows which one it has.

A cold search reads this, so of weights it reads the names alone.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ...errors import SpartonError
from ...storage.nesting import not_too_deep
from .adapter import FindBase
from .decoder_files import refuse_settings
from .layout import ADAPTER, QUERY, Layout, read_object
from .spec import EncoderFiles

_SPARSE = ("SpladePooling", "SparseStaticEmbedding")  # modules that say themselves what a sparse vector is
# Opcodes of a string in a pickle, and bytes of its length: of Python 3 and, in files of old, of Python 2.
_STRINGS = ((b"X", 4), (b"\x8c", 1), (b"T", 4), (b"U", 1))
_MOST_NAMES = 2**26  # bytes of names of weights, more than any model has


@dataclass(frozen=True, slots=True)
class TokenHead:
    """A way to weigh tokens: relu(w·h + b), of hidden states h of a backbone.

    name: of w and b among the weights. files: that hold them alone, beside the backbone's; none where they stand among
    its weights. prefix: of the backbone's weights there, where transformers does not know it. dropped: tokens that
    weigh nothing, as a tokenizer names them; None for all special ones. query_pooling, query_activation: of queries;
    documents have max and relu.
    """

    name: str
    files: tuple[str, ...] = ()
    prefix: str = ""
    dropped: tuple[str, ...] | None = ("cls", "eos", "pad", "unk")
    query_pooling: str = "max"
    query_activation: str = "relu"


# BGE-M3 (FlagEmbedding) and models fine-tuned with it, some of them saved as safetensors.
SPARSE_LINEAR = TokenHead("sparse_linear", files=("sparse_linear.safetensors", "sparse_linear.pt"))
# gte-multilingual-base: a token classification with a single label.
CLASSIFIER = TokenHead("classifier")
# uniCOIL, as castorini saved it and Pyserini encodes it: [SEP] is a term, and a query's equal tokens add up.
UNICOIL = TokenHead("coil_encoder.tok_proj", prefix="coil_encoder.bert.", dropped=("cls", "pad"), query_pooling="sum")
# TILDEv2: documents only; of a query each token counts 1.
TILDE = TokenHead("tok_proj", dropped=None, query_pooling="sum", query_activation="one")
_AMONG_WEIGHTS = (UNICOIL, TILDE)


def recognize_token_weights(layout: Layout, find_base: FindBase) -> EncoderFiles | None:
    """A backbone with such a head; its folder may have the modules of a dense model, which are another use of it."""
    if any(name in _SPARSE for name in layout.names):
        return None
    folder = layout.modules[0].folder if layout.modules and layout.names[0] == "Transformer" else layout.folder
    beside = head_file(layout.folder)
    head = SPARSE_LINEAR if beside else head_among_weights(folder)
    if head is None:
        return None
    refuse_settings(read_object(folder / "config.json"), folder / "config.json")
    if (folder / ADAPTER).is_file():
        raise SpartonError(
            f"{folder} holds an adapter ({ADAPTER}) beside a scalar a token, which Sparton does not merge; merge it "
            "with peft, and name the result"
        )
    return EncoderFiles(
        "token_weights",
        folder,
        pooling=head.query_pooling if layout.task == QUERY else "max",
        activation=head.query_activation if layout.task == QUERY else "relu",
        head=beside,
    )


def head_file(folder: Path) -> Path | None:
    """The file in a model folder that a head has to itself, safetensors before others."""
    return next((folder / name for name in SPARSE_LINEAR.files if (folder / name).is_file()), None)


def head_among_weights(folder: Path) -> TokenHead | None:
    """The head among the weights in a folder, by their names; a classifier by config.json too, as many models have
    one that says something else."""
    if _classifies_with_one_label(folder):
        return CLASSIFIER
    return next((head for head in _AMONG_WEIGHTS if _has_weight(folder, f"{head.name}.weight")), None)


def _classifies_with_one_label(folder: Path) -> bool:
    path = folder / "config.json"
    config = read_object(path)
    architectures, labels = config.get("architectures"), config.get("id2label")
    if not isinstance(architectures, list) or not isinstance(labels, dict):
        return False
    return len(labels) == 1 and any(str(name).endswith("ForTokenClassification") for name in architectures)


def _has_weight(folder: Path, name: str) -> bool:
    """Whether the files of weights in a folder have one of that name. One that is damaged says so when it is loaded."""
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return any(name in weight_names(path) for path in files)
    # A pickle is not read: its names stand in it as they are, each behind its length.
    stored, size = name.encode(), len(name)
    known = [mark + size.to_bytes(digits, "little") + stored for mark, digits in _STRINGS]
    return any(text in content for content in map(_pickle, sorted(folder.glob("pytorch_model*.bin"))) for text in known)


def weight_names(path: Path) -> set[str]:
    """The names of the weights in a safetensors file, from its header; none if it is damaged."""
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(not_too_deep(stream.read(size).decode())) if size <= _MOST_NAMES else {}
    except (OSError, ValueError, RecursionError):
        return set()
    return set(header) if isinstance(header, dict) else set()


def _pickle(path: Path) -> bytes:
    """The pickle that torch.save writes, which names the weights, without them."""
    try:
        if not zipfile.is_zipfile(path):  # as PyTorch wrote it before 1.6: the names come first
            with path.open("rb") as stream:
                return stream.read(_MOST_NAMES // 64)
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
            if name is None or archive.getinfo(name).file_size > _MOST_NAMES:
                return b""
            return archive.read(name)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return b""
