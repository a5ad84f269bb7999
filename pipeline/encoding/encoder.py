"""Texts in, impacts out: tokenize, batch, have a model compute weights, quantize; as a stream, or each text alone."""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from ...errors import Parameter, SpartonError
from ...options import flat_keywords
from ...storage.manifest import ModelSettings
from ..model.base import TokenTable, TokenWeightModel, TokenWeights
from ..model.lexical import DocumentFrequencies, Synonyms, stems_of
from ..model.open_model import OpenModel, open_documents
from ..options import EncoderOptions
from ..progress import Progress
from ..tokens.tokenizer import Tokenizer, Tokens
from .batch_memory import fitting_tokens
from .batches import batches_by_tokens, batches_in_order, batches_of_one_length
from .impacts import Impacts, concatenate, heaviest_first, join
from .in_flight import BatchInFlight, ShardInFlight
from .own_words import OwnWords
from .pruning import pruning_for
from .quantize import begin_quantize
from .quantize_tokens import begin_quantize_tokens
from .query_terms import Words
from .saved_batches import SavedBatches

log = logging.getLogger("sparton")

_CPU_BATCH = 2_048
# Rows of a matrix product on a CPU. MKL with AVX2 runs other kernels for 1 to 11 rows that are no multiple of 4. With
# 16, the products of layers and those of attention gave each row the same bits, whatever the other rows.
_BLOCK = 16
_PROBED = 8  # texts
# The head's output is [documents, V] float32: at most a GiB of it at once.
_MOST_WEIGHTS = 2**28


class Encoder:
    """A model's weights as impacts: for documents, and for queries where a model encodes them too.

    model: "small" or "tiny" (embedded), a folder, or a name on the hub, whose documents are encoded; or one that is
    open. head: see splade_head's `impl`. options: given as a record, or field by field as keywords. Where it says
    nothing, a text is cut at what the model takes (at 512 tokens if that is more and sentence-transformers did not save
    it), and the dtype is bfloat16 on GPUs and CPUs that have it (on a CPU of products alone, see precision.py), else
    float32. The device is one.

    Raises SpartonError when the model cannot be had, UsageError when an argument cannot be meant.
    """

    @flat_keywords
    def __init__(self, model: str | OpenModel | None = None, *, head: str = "auto", options: EncoderOptions) -> None:
        if not isinstance(model, OpenModel):
            model = open_documents(options if model is None else replace(options, model=model), head=head)
        if isinstance(model.model, TokenTable):
            raise SpartonError(
                f"the model {model.name} encodes by a table of token weights, and Encoder takes a model that computes "
                "them; index with it, or name another with ",
                Parameter("model"),
            )
        self._opened, self._model = model, model.model
        self._of_tokens = isinstance(model.model, TokenWeightModel)  # which have no [documents, V]
        # Looked up once: to ask what follows a protocol takes a while.
        self._compute: Callable[[Sequence[np.ndarray], int | None], torch.Tensor | TokenWeights] = (
            model.model.token_weights if isinstance(model.model, TokenWeightModel) else model.model.weights
        )
        self.device = self._model.device
        self.scale = options.scale
        self.pruning = pruning_for(options, model.spec)
        self.tokenization = model.tokenization
        self.max_length = self.tokenization.longest
        self._tokenizer = Tokenizer(self.tokenization)
        self._own_words = self._counting()
        self._batch_tokens = options.batch_tokens
        self._unchanged: bool | None = None  # a text's weights by what else is in the batch
        # On a GPU a batch is launched before the last one's result is waited for.
        self._ahead = 1 if self.device.type == "cuda" else 0

    @cached_property
    def settings(self) -> ModelSettings:
        """What sparton.json keeps of a model whose documents are encoded so."""
        return self._opened.settings()

    @property
    def document_frequencies(self) -> DocumentFrequencies | None:
        """What the impacts of queries are weighed by in a collection; None where they are not."""
        return self._opened.document_frequencies

    @property
    def synonyms(self) -> Mapping[str, Synonyms]:
        """None: the model says what else a word means."""
        return {}

    @property
    def head_nouns(self) -> None:
        """None: the model says what a word is worth beside others."""
        return None

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""
        return self._model.vocabulary

    @property
    def batch_tokens(self) -> int:
        """Most tokens in a batch: as asked for, or found out when it is first needed; less once memory ran out."""
        if self._batch_tokens is None:
            self._batch_tokens = _CPU_BATCH if self.device.type != "cuda" else self._fitting_tokens()
        return self._batch_tokens

    def prepare(self) -> None:
        """Find out how large batches are, which on a GPU loads kernels too: the first batch would wait for it."""
        _ = self.batch_tokens

    def _fitting_tokens(self) -> int:
        length = self.max_length

        def run(tokens: int) -> object:
            count = max(1, tokens // length)
            ids = np.zeros(count * length, np.int32)
            return self._weights(Tokens(ids, np.arange(count + 1) * length, 0), np.arange(count))

        # Two batches' weights at once, and of the first the copies that head and compaction make.
        return fitting_tokens(self.device, run, 0 if self._of_tokens else 3 * 4 * _MOST_WEIGHTS)

    def __repr__(self) -> str:
        return f"<Encoder {self._opened.name} on {self.device}: {len(self.vocabulary):,} terms>"

    def encode(self, texts: str | Sequence[str]) -> Impacts:
        """The impacts of each text, in order. One text may be given as such."""
        tokens = self.tokenize([texts] if isinstance(texts, str) else texts)
        return replace(self.encode_tokens(tokens), vocabulary=self.vocabulary)

    def encode_alone(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order, that it has as a batch of its own. Queries are encoded so.

        A matrix product sums up in an order that may depend on its number of rows, so that a weight differs in its last
        bits by what else is in the batch, and now and then an impact by one. On a CPU, products of whole blocks of rows
        give each row the same bits, so that batches of texts that are padded to whole blocks will do; whether this
        CPU and model keep to that is tried once. Otherwise, and on a GPU, each text is run alone.
        """
        tokens = self.tokenize(texts)
        if self.device.type != "cpu":
            return replace(concatenate(list(self.encode_stream(tokens.each()))), vocabulary=self.vocabulary)
        known = np.flatnonzero(tokens.lengths)
        batches = np.split(known, len(known)) if len(known) else []
        if self._batches_change_nothing(tokens, known):
            lengths = self._whole_blocks(tokens.lengths[known])
            batches = [known[batch] for batch in batches_of_one_length(lengths, self.batch_tokens, self._most_texts)]
        parts = [self._begin_quantize(self._weights(tokens, rows, whole_blocks=True))() for rows in batches]
        return replace(join(parts, batches, len(tokens)), vocabulary=self.vocabulary)

    def _batches_change_nothing(self, tokens: Tokens, rows: np.ndarray) -> bool:
        """Whether the first texts have, to the bit, the same weights in one batch and alone. Found out once."""
        if self._unchanged is None and len(rows) >= _PROBED:
            probed = rows[:_PROBED]
            together = self._weights(tokens, probed, whole_blocks=True)
            self._unchanged = all(
                torch.equal(together[i], self._weights(tokens, probed[i : i + 1], whole_blocks=True)[0])
                for i in range(_PROBED)
            )
        return bool(self._unchanged)

    def _whole_blocks(self, lengths: np.ndarray) -> np.ndarray:
        """Lengths that texts are padded to, unless the model takes no more."""
        whole: np.ndarray = np.minimum(-(-lengths // _BLOCK) * _BLOCK, self._model.tokenization.longest)
        return whole

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it is blank or has no token the model knows."""
        return heaviest_first(self.encode_alone([text.encode(errors="replace").decode()]), self.vocabulary.__getitem__)

    def words(self, _text: str) -> Words:
        """None: a document may have what the model makes of a word, and not its pieces."""
        return ()

    def own_terms(self, ids: np.ndarray) -> np.ndarray:
        """The terms that a text's tokens stand for, in no order, with repetitions. ids: int32, of the tokens."""
        return ids

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, cut at the maximum length."""
        return self._tokenizer.tokenize(texts)

    def encode_tokens(self, tokens: Tokens) -> Impacts:
        """The impacts of each tokenized text, in order.

        Raises SpartonError when a single text does not fit into the GPU's memory.
        """
        (impacts,) = self.encode_stream([tokens])
        return impacts

    def encode_stream(
        self,
        shards: Iterable[Tokens],
        progress: Progress | None = None,
        saved: Callable[[], SavedBatches] | None = None,
    ) -> Iterator[Impacts]:
        """The impacts of each shard, in order; as encode_tokens, but the GPU does not pause between shards.

        The next batch is launched before the last one's result is waited for. `progress` counts texts as rows. saved:
        asked once behind each shard for the batches of it that were saved, and that shall be.
        """
        progress = progress or Progress()
        begun: deque[ShardInFlight] = deque()
        running: deque[BatchInFlight] = deque()
        for tokens in shards:
            shard = ShardInFlight(tokens, saved() if saved else None)
            begun.append(shard)
            progress.add(len(shard.lengths) - len(shard.known))
            batches = list(self._batches(shard.lengths[shard.known]))
            shard.expected = len(batches)
            for batch in batches:
                if shard.take_saved(shard.known[batch]):
                    if tokens.spans is None:
                        progress.add(kept=len(batch))
                    else:
                        progress.add(len(batch))  # passages are not rows, of which it is told how many are kept
                    continue
                running.extend(self._launch(shard, shard.known[batch], running, progress))
                while len(running) > self._ahead:
                    running.popleft().collect(progress)
                while begun and begun[0].finished:
                    yield begun.popleft().impacts()
            while begun and begun[0].finished:
                yield begun.popleft().impacts()
        while running:
            running.popleft().collect(progress)
        yield from (shard.impacts() for shard in begun)

    @property
    def _most_texts(self) -> int:
        return sys.maxsize if self._of_tokens else max(1, _MOST_WEIGHTS // len(self.vocabulary))

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        split = batches_in_order if self._model.packs else batches_by_tokens
        return split(lengths, self.batch_tokens, self._most_texts)

    def _launch(
        self, shard: ShardInFlight, rows: np.ndarray, running: deque[BatchInFlight], progress: Progress
    ) -> list[BatchInFlight]:
        """Start encoding the texts at `rows`: as one batch, or as several where the GPU's memory is too small."""
        try:
            started = self._mark()
            weights = self._weights(shard.tokens, rows)
            finish = self._begin_quantize(weights)
            return [BatchInFlight(shard, rows, finish, started, self._mark())]
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise SpartonError(
                    f"{self.device} ran out of memory with one text of {shard.lengths[rows[0]]} tokens; lower ",
                    Parameter("max_length"),
                    ", or use another device",
                ) from error
        while running:
            running.popleft().collect(progress)
        torch.cuda.empty_cache()
        self._batch_tokens = max(1, int(shard.lengths[rows].sum()) // 2)
        log.warning("%s ran out of memory; batches now have %d tokens", self.device, self.batch_tokens)
        shard.expected += 1
        halves = np.array_split(rows, 2)
        return [batch for half in halves for batch in self._launch(shard, half, running, progress)]

    def _mark(self) -> torch.cuda.Event | None:
        """A moment in what the GPU does."""
        if self.device.type != "cuda":
            return None
        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    @torch.inference_mode()
    def _weights(self, tokens: Tokens, rows: np.ndarray, *, whole_blocks: bool = False) -> torch.Tensor | TokenWeights:
        """What the model computes of B rows of a shard's texts. whole_blocks: pad them to such."""
        batch = [tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]] for row in rows]
        length = int(self._whole_blocks(tokens.lengths[rows].max())) if whole_blocks else None
        weights = self._compute(batch, length)
        if self._own_words is not None and isinstance(weights, torch.Tensor):
            own = map(self._tokenizer.without_prompt, batch) if self.tokenization.prompt else batch
            self._own_words.apply(weights, list(own))
        return weights

    def _counting(self) -> OwnWords | None:
        """What a text's own words weigh, where the model's folder says so."""
        spec, lexical = self._opened.spec, self._opened.lexical
        if lexical is None:
            return None
        return OwnWords(
            spec.term_frequency,
            spec.own_words,
            lexical.mean_length,
            self._opened.words,
            len(self._model.vocabulary),
            sorted(self.tokenization.meaningless),
            stems_of(self._opened.words, self._tokenizer),
            lexical.expansion,
        )

    def _begin_quantize(self, weights: torch.Tensor | TokenWeights) -> Callable[[], Impacts]:
        if isinstance(weights, TokenWeights):
            return begin_quantize_tokens(weights, self.scale, self.pruning)
        return begin_quantize(weights, self.scale, self.pruning)
