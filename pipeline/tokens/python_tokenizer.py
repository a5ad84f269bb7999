"""A tokenizer that only Python code knows, as MeCab's: of transformers, which is imported when one is opened.

It is far slower than one of the tokenizers library, and does not say where in a text a token lies.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SpartonError, shortened

_PROBED = ("a", "Small bags, 3 each.", "\u9ed2\u3044\u9769\u306e\u30d0\u30c3\u30b0")


@dataclass(frozen=True, slots=True)
class PythonTokenizer:
    """Where such a tokenizer is. trust_remote_code: whether its own code may run."""

    folder: Path
    trust_remote_code: bool = False


class PythonTokens:
    """The ids that such a tokenizer gives to texts, without special tokens, and those that it puts around.

    Raises SpartonError if it does not put the same ones around all texts.
    """

    def __init__(self, where: PythonTokenizer) -> None:
        from transformers import AutoTokenizer

        trust = where.trust_remote_code
        self._folder = where.folder
        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            where.folder, trust_remote_code=trust, local_files_only=not trust
        )
        self.before, self.after = self._specials()

    def ids(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Token ids of each text."""
        return map(self._ids, texts)

    def added_tokens(self) -> list[str]:
        """The tokens that were added to its vocabulary, special ones among them."""
        return list(self._tokenizer.get_added_vocab())

    def _ids(self, text: str) -> list[int]:
        try:
            tokens = self._tokenizer.tokenize(text)
            ids: list[int] = self._tokenizer.convert_tokens_to_ids(tokens)
        except Exception as error:  # of a library that is not ours
            raise SpartonError(
                f"the tokenizer in {self._folder} cannot take the text {shortened(text)!r} "
                f"({type(error).__name__}: {shortened(str(error))}); leave it out of what is encoded, or change it"
            ) from error
        if None in ids:
            raise SpartonError(
                f"the tokenizer in {self._folder} makes {tokens[ids.index(None)]!r} of the text {shortened(text)!r}, "  # type: ignore[arg-type]
                "and its vocabulary has no such token and none for unknown ones; save the tokenizer again"
            )
        return ids

    def _specials(self) -> tuple[list[int], list[int]]:
        """What it puts before and after every text."""
        found = set()
        for text in _PROBED:
            ids, whole = self._ids(text), list(self._tokenizer(text).input_ids)
            at = next((start for start in range(len(whole)) if whole[start : start + len(ids)] == ids), None)
            if at is not None and ids:
                found.add((tuple(whole[:at]), tuple(whole[at + len(ids) :])))
            elif ids:
                found.clear()
                break
        if len(found) != 1:
            raise SpartonError(
                f"the tokenizer in {self._folder} does not put the same tokens around every text, as Sparton takes "
                "tokenizers to do; save one that does (tokenizer.json) beside the model"
            )
        before, after = found.pop()
        return list(before), list(after)
