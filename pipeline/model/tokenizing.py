"""The tokenizer of a model folder, as transformers makes it of what files there are, and how texts go through it."""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import SpartonError
from ..tokens.python_tokenizer import PythonTokenizer
from ..tokens.tokenizer import Tokenization
from .layout import refuse_deep_json

_JSON = "tokenizer.json"
# What transformers makes a tokenizer of. Where a folder has none of it, it makes one that knows no word.
FILES = (_JSON, "tekken.json", "vocab.*", "vocab-*.json", "bpe.codes", "*.model", "*.tiktoken")
_VOCABULARY, _MERGES = "vocab.json", "merges.txt"
_EXPECTED = (
    f"expected {_JSON}, vocab.txt, {_VOCABULARY} with {_MERGES}, or a SentencePiece model (*.model) beside the "
    "weights, so save the one that the model was trained with"
)
# What a tokenizer asks for by the name that is imported, and what is installed.
_PACKAGES = {
    "fugashi": "fugashi",
    "ipadic": "ipadic",
    "unidic_lite": "unidic-lite",
    "unidic": "unidic",
    "sudachipy": "sudachipy sudachidict_core",
    "rhoknp": "rhoknp",
    "sentencepiece": "sentencepiece protobuf",
    "protobuf": "protobuf",
    "tiktoken": "tiktoken",
    "sacremoses": "sacremoses",
    "rjieba": "rjieba",
    "emoji": "emoji",
}


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has what transformers makes a tokenizer of."""
    return any(any(folder.glob(pattern)) for pattern in FILES)


def open_tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    """The tokenizer of a model folder: a fast one, or one of Python code.

    Raises SpartonError when there is none, or a package or a file is missing that it needs; and whatever transformers
    raises for files that are damaged.
    """
    from transformers import AutoTokenizer

    if not trust_remote_code and not has_tokenizer(folder):
        raise SpartonError(f"{folder} has no tokenizer; {_EXPECTED}")
    if not (folder / _JSON).is_file() and any(folder.glob("*.model")):
        _need_packages(folder, "sentencepiece", "google.protobuf")  # transformers would read the file as another kind
    refuse_deep_json(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=not trust_remote_code
        )
    except ImportError as error:
        for name in re.findall(r"\w+", str(error)):
            if name.lower() in _PACKAGES:
                raise _without(folder, name.lower()) from error
        raise
    except Exception as error:
        if (folder / _VOCABULARY).is_file() and not any((folder / name).is_file() for name in (_JSON, _MERGES)):
            raise SpartonError(
                f"{folder} has {_VOCABULARY} without {_MERGES}, and no {_JSON}; copy what is missing from where the "
                "model is from"
            ) from error
        raise
    if not tokenizer:  # for a class that transformers lacks
        raise SpartonError(f"{folder} has no tokenizer that transformers knows; {_EXPECTED}")
    if getattr(tokenizer, "normalization", False) and getattr(tokenizer, "demojizer", tokenizer) is None:
        raise _without(folder, "emoji")  # without it, BERTweet's gives other tokens
    if tokenizer.is_fast and not (folder / _JSON).is_file():
        _need_files(folder, tokenizer)
    return tokenizer


def tokenization_of(tokenizer: Any, longest: int) -> Tokenization:
    """How texts go through a tokenizer of open_tokenizer's. longest: the most tokens that the model takes.

    Raises SpartonError for one that does not say which tokens it puts around a text.
    """
    own_code = not type(tokenizer).__module__.startswith("transformers.")
    how: str | PythonTokenizer = PythonTokenizer(Path(tokenizer.name_or_path), own_code)
    if tokenizer.is_fast:
        with suppress(Exception):  # one with a part in Python, as RoFormer's, has no JSON
            how = tokenizer.backend_tokenizer.to_str()
    return Tokenization(how, longest, frozenset(tokenizer.all_special_ids))


def _need_packages(folder: Path, *modules: str) -> None:
    for module in modules:
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:  # of what it is in
            found = None
        if found is None:
            raise _without(folder, module.rpartition(".")[2])


def _without(folder: Path, name: str) -> SpartonError:
    return SpartonError(
        f"{folder} has a tokenizer that needs the package {name}; install it with `pip install {_PACKAGES[name]}`"
    )


def _need_files(folder: Path, tokenizer: Any) -> None:
    """Raise SpartonError where a fast tokenizer was made of less than its class reads, and so knows no words."""
    names = list(_files_of(tokenizer))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        made_of = f"would be made of {' and '.join(names)}, of which {', '.join(missing)} is missing"
        raise SpartonError(
            f"{folder} has no {_JSON}, and its {type(tokenizer).__name__} {made_of if names else 'needs one'}; save "
            "the tokenizer that the model was trained with"
        )


def _files_of(tokenizer: Any) -> Iterator[str]:
    for key, name in type(tokenizer).vocab_files_names.items():
        if key in ("vocab_file", "merges_file"):
            given = tokenizer.init_kwargs.get(key)
            yield Path(given).name if isinstance(given, str) else name
