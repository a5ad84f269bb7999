"""Texts to impacts by a table: each token's weight, once. No transformer, and no torch to import."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from ...errors import Parameter, SpartonError
from ...storage.manifest import ModelSettings
from ..model.base import TokenTable
from ..model.head_nouns import HeadNouns
from ..model.lexical import DocumentFrequencies, Synonyms, stems_of
from ..model.open_model import OpenModel
from ..options import EncoderOptions
from ..progress import Progress
from ..tokens.tokenizer import Tokenizer, Tokens
from .impacts import LARGEST, Impacts, heaviest_first, offsets_of
from .pruning import pruning_for
from .query_terms import Words
from .saved_batches import SavedBatches


class StaticEncoder:
    """Encodes texts as Encoder does, by a table of weights.

    opened: a model whose table this is. options: as Encoder's, of which a table has no use for what concerns a device.
    An impact is round(weight * scale) of a token that the text holds, however often; what is not positive is left out.
    A word of several pieces is what `Stems` has it stand for, where the model's folder names a stemmer.
    Raises SpartonError when a weight gives no impact.
    """

    def __init__(self, opened: OpenModel, table: TokenTable, options: EncoderOptions) -> None:
        self._opened, self._table = opened, table
        self.scale = options.scale
        self.pruning = pruning_for(options, opened.spec)
        self._impacts = _impacts(table.weights, self.scale, opened.name)
        self.tokenization = opened.tokenization
        self.max_length = self.tokenization.longest
        self._tokenizer = Tokenizer(self.tokenization)
        self._stems = stems_of(opened.words, self._tokenizer)

    @cached_property
    def settings(self) -> ModelSettings:
        """What sparton.json keeps of a model whose documents are encoded so."""
        return self._opened.settings()

    @property
    def document_frequencies(self) -> DocumentFrequencies | None:
        """What the impacts of queries are weighed by in a collection; None where they are not."""
        return self._opened.document_frequencies

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""
        return tuple(map(self._table.term, range(len(self._impacts))))

    def prepare(self) -> None:
        """Nothing: a table is there."""

    def encode(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order."""
        return self.encode_tokens(self.tokenize(texts))

    def encode_alone(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order: a table gives a text the same ones whatever else is encoded."""
        return self.encode(texts)

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it is blank or has no token with a weight."""
        return heaviest_first(self.encode([text.encode(errors="replace").decode()]), self._table.term)

    def words(self, text: str) -> Words:
        """The words of a text as the terms that the tokenizer makes of each, or that these stand for."""
        return tuple(dict.fromkeys(frozenset(map(self._table.term, word)) for word in self._words(text)))

    def _words(self, text: str) -> Iterator[Sequence[int]]:
        """The token ids of each word of a text, or those that these stand for."""
        for word in self._tokenizer.words(text.encode(errors="replace").decode()):
            yield word if self._stems is None or len(word) == 1 else self._stems.of(word)

    @property
    def synonyms(self) -> Mapping[str, Synonyms]:
        """Other words for words, where the model's folder has them."""
        return self._opened.synonyms

    @property
    def head_nouns(self) -> HeadNouns | None:
        """The nouns that weigh more where a query names a thing by them, where the model's folder has some."""
        return self._opened.head_nouns

    @property
    def english(self) -> bool:
        """Whether the model's folder says that its words are English."""
        return self._stems is not None and self._stems.english

    def kept(self, text: str) -> str:
        """What is encoded of a text, which is cut at the maximum length."""
        return self._tokenizer.kept(text)

    def tokens_of(self, word: str) -> tuple[int, ...]:
        """The ids of the distinct tokens that a word, or several, stands for, without those that are no words, as "and"
        of "black and white", which documents do not have."""
        forms = self._opened.words
        return tuple(
            dict.fromkeys(
                token
                for one in self._words(word)
                if len(one) > 1 or forms is None or forms.words[one[0]] >= 0
                for token in one
            )
        )

    def impacts_of(self, ids: np.ndarray) -> np.ndarray:
        """int32: the impact that the table gives each token; 0 for none."""
        found: np.ndarray = self._impacts[ids]
        return found

    def own_terms(self, ids: np.ndarray) -> np.ndarray:
        """The terms that a text's tokens stand for, in no order, with repetitions. ids: int32, of the tokens."""
        return ids if self._stems is None else self._stems.replaced(ids)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length."""
        return self._tokenizer.tokenize(texts)

    def encode_tokens(self, tokens: Tokens) -> Impacts:
        """The impacts of each tokenized text, in order."""
        rows = [np.unique(self.own_terms(tokens.ids[start:stop])) for start, stop in pairwise(tokens.offsets.tolist())]
        rows = [terms[self._impacts[terms] > 0] for terms in rows]
        terms = np.concatenate([np.empty(0, np.int32), *rows])
        offsets = offsets_of(np.array([len(row) for row in rows], dtype=np.int64))
        return self.pruning.prune(Impacts(offsets, terms, self._impacts[terms]))

    def encode_stream(
        self,
        shards: Iterable[Tokens],
        progress: Progress | None = None,
        saved: Callable[[], SavedBatches] | None = None,
    ) -> Iterator[Impacts]:
        """The impacts of each shard, in order. `progress` counts texts as rows. A shard is encoded too quickly for
        anything to be saved before its end."""
        for tokens in shards:
            impacts = self.encode_tokens(tokens)
            if progress is not None:
                progress.add(len(tokens), tokens=len(tokens.ids))
            yield impacts


def _impacts(weights: np.ndarray, scale: float, name: str) -> np.ndarray:
    """int32 [V]: round(weight * scale) in float32, halves to even, as of any other weight; 0 where not positive."""
    rounded = np.rint(weights * np.float32(scale))
    heaviest = float(rounded.max(initial=0))
    if not heaviest <= LARGEST:
        raise SpartonError(
            f"the table of {name} has a weight of {heaviest / scale:g}, which at scale {scale:g} is no impact from 1 "
            f"to {LARGEST}; lower ",
            Parameter("scale"),
        )
    impacts: np.ndarray = rounded.clip(0).astype(np.int32)
    return impacts
