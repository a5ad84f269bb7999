"""Texts in, impacts out: tokenize, batch, run the backbone and the fused head, quantize."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch

from ...errors import Parameter, SpartonError, UsageError
from ...head import splade_head
from ...machine import cores
from ...options import flat_keywords
from ...storage.manifest import ModelSettings
from ..model.files import ModelFiles, find_model
from ..model.masked_lm import load_masked_lm
from ..model.packed import PackedBackbone, pack
from ..model.precision import auto_dtype, backbone_and_head
from ..model.recorded import cut_length, record
from ..model.spec import Side
from ..options import EncoderOptions, fewest
from ..progress import Progress, Timing
from ..tokens.tokenizer import Tokenization, Tokenizer, Tokens
from .batch_memory import fitting_tokens
from .batches import batches_by_tokens, batches_in_order, batches_of_one_length
from .impacts import Impacts, concatenate, heaviest_first, join
from .quantize import begin_quantize
from .saved_batches import SavedBatches

log = logging.getLogger("sparton")

_CPU_BATCH = 2_048
# Rows of a matrix product on a CPU. MKL with AVX2 runs other kernels for 1 to 11 rows that are no multiple of 4. With
# 16, the products of layers and those of attention gave each row the same bits, whatever the other rows.
_BLOCK = 16
_PROBED = 8  # texts
# The head's output is [documents, V] float32: at most 512 MiB of it at once.
_MOST_WEIGHTS = 2**27


class Encoder:
    """A masked LM with the fused head, for documents, and for queries where these are encoded likewise.

    model: "tiny" (embedded), a folder, or a name on the hub; or what find_model found. side: the side of it whose
    texts are encoded, the documents' by default. settings: those of an index, if they were recorded. head: see
    splade_head's `impl`. options: given as a record, or field by field as keywords. Where it says nothing, a text is
    cut at what the model takes (at 512 tokens if that is more and sentence-transformers did not save it), and the dtype
    is bfloat16 on GPUs and CPUs that have it (on a CPU of the head alone, see precision.py), else float32. The device
    is one.

    Raises SpartonError when the model cannot be had, UsageError when an argument cannot be meant.
    """

    @flat_keywords
    def __init__(
        self,
        model: str | ModelFiles | None = None,
        *,
        side: Side | None = None,
        settings: ModelSettings | None = None,
        head: str = "auto",
        options: EncoderOptions,
    ) -> None:
        self.device = _device(options.device)
        if self.device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ and cores() < torch.get_num_threads():
            torch.set_num_threads(cores())  # PyTorch counts the machine's, whatever a container may use of them
        dtype = auto_dtype(self.device) if options.dtype == "auto" else options.dtype
        files = options.model if model is None else model
        if not isinstance(files, ModelFiles):
            files = find_model(files, options.revision, trust_remote_code=options.trust_remote_code)
        side = side or files.kind.documents
        backbone, head_dtype = backbone_and_head(dtype, self.device)
        self._lm = load_masked_lm(
            side.folder,
            device=self.device,
            dtype=backbone,
            head_dtype=head_dtype,
            trust_remote_code=options.trust_remote_code,
        )
        self.max_length = cut_length(options.max_length, side, self._lm.longest, files.name)
        self._files, self._asked, self._dtype, self._settings = files, options.max_length, dtype, settings
        self.scale = options.scale
        self.top_terms = fewest(options.top_terms, files.kind.top_terms)
        self._head = partial(splade_head, impl=head, pooling=side.pooling, activation=side.activation)
        self._packed = pack(self._lm)
        self._batch_tokens = options.batch_tokens
        self._unchanged: bool | None = None  # a text's weights by what else is in the batch
        # On a GPU a batch is launched before the last one's result is waited for.
        self._ahead = 1 if self.device.type == "cuda" else 0
        tokenizer = self._lm.tokenizer
        self.tokenization = Tokenization(
            tokenizer.backend_tokenizer.to_str(),
            self.max_length,
            frozenset(tokenizer.all_special_ids),
            prompt=side.prompt,
        )
        self._tokenizer = Tokenizer(self.tokenization)
        self._pad = tokenizer.pad_token_id or 0

    @cached_property
    def settings(self) -> ModelSettings:
        """What sparton.json keeps of a model whose documents are encoded so."""
        return self._settings or record(self._files, self._asked, self._lm.longest, self._dtype)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The term of each vocabulary id."""
        return self._lm.vocabulary

    @property
    def batch_tokens(self) -> int:
        """Most tokens in a batch: as asked for, or found out when it is first needed; less once memory ran out."""
        if self._batch_tokens is None:
            self._batch_tokens = _CPU_BATCH if self.device.type != "cuda" else self._fitting_tokens()
        return self._batch_tokens

    def _fitting_tokens(self) -> int:
        length = self.max_length

        def run(tokens: int) -> torch.Tensor:
            count = max(1, tokens // length)
            ids = np.zeros(count * length, np.int32)
            return self._weights(Tokens(ids, np.arange(count + 1) * length, 0), np.arange(count))

        # Two batches' weights at once, and of the first the copies that head and compaction make.
        return fitting_tokens(self.device, run, 3 * 4 * _MOST_WEIGHTS)

    def encode(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order."""
        return self.encode_tokens(self.tokenize(texts))

    def encode_alone(self, texts: Sequence[str]) -> Impacts:
        """The impacts of each text, in order, that it has as a batch of its own. Queries are encoded so.

        A matrix product sums up in an order that may depend on its number of rows, so that a weight differs in its last
        bits by what else is in the batch, and now and then an impact by one. On a CPU, products of whole blocks of rows
        give each row the same bits, so that batches of texts that are padded to whole blocks will do; whether this
        CPU and model keep to that is tried once. Otherwise, and on a GPU, each text is run alone.
        """
        tokens = self.tokenize(texts)
        if self.device.type != "cpu":
            return concatenate(list(self.encode_stream(tokens.each())))
        known = np.flatnonzero(tokens.lengths)
        batches = np.split(known, len(known)) if len(known) else []
        if self._batches_change_nothing(tokens, known):
            lengths = self._whole_blocks(tokens.lengths[known])
            batches = [known[batch] for batch in batches_of_one_length(lengths, self.batch_tokens, self._most_texts)]
        parts = [
            begin_quantize(self._weights(tokens, places, whole_blocks=True), self.scale, self.top_terms)()
            for places in batches
        ]
        return join(parts, batches, len(tokens))

    def _batches_change_nothing(self, tokens: Tokens, places: np.ndarray) -> bool:
        """Whether the first texts have, to the bit, the same weights in one batch and alone. Found out once."""
        if self._unchanged is None and len(places) >= _PROBED:
            probed = places[:_PROBED]
            together = self._weights(tokens, probed, whole_blocks=True)
            self._unchanged = all(
                torch.equal(weights, self._weights(tokens, np.array([place]), whole_blocks=True)[0])
                for weights, place in zip(together, probed, strict=True)
            )
        return bool(self._unchanged)

    def _whole_blocks(self, lengths: np.ndarray) -> np.ndarray:
        """Lengths that texts are padded to, unless the model takes no more."""
        whole: np.ndarray = np.minimum(-(-lengths // _BLOCK) * _BLOCK, self._lm.longest)
        return whole

    def terms(self, text: str) -> dict[str, int]:
        """One text as {term: impact}, heaviest first; empty if it is blank or has no token the model knows."""
        return heaviest_first(self.encode_alone([text.encode(errors="replace").decode()]), self.vocabulary.__getitem__)

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
        begun: deque[_Shard] = deque()
        running: deque[_Running] = deque()
        for tokens in shards:
            shard = _Shard(tokens, saved() if saved else None)
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
                    _collect(running.popleft(), progress)
                while begun and begun[0].finished:
                    yield begun.popleft().impacts()
            while begun and begun[0].finished:
                yield begun.popleft().impacts()
        while running:
            _collect(running.popleft(), progress)
        yield from (shard.impacts() for shard in begun)

    @property
    def _most_texts(self) -> int:
        return max(1, _MOST_WEIGHTS // len(self.vocabulary))

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        split = batches_by_tokens if self._packed is None else batches_in_order
        return split(lengths, self.batch_tokens, self._most_texts)

    def _launch(
        self, shard: "_Shard", places: np.ndarray, running: "deque[_Running]", progress: Progress
    ) -> "list[_Running]":
        """Start encoding the texts at `places`: as one batch, or as several where the GPU's memory is too small."""
        try:
            started = self._mark()
            weights = self._weights(shard.tokens, places)
            finish = begin_quantize(weights, self.scale, self.top_terms)
            return [_Running(shard, places, finish, started, self._mark())]
        except torch.OutOfMemoryError as error:
            if len(places) == 1:
                raise SpartonError(
                    f"{self.device} ran out of memory with one text of {shard.lengths[places[0]]} tokens; lower ",
                    Parameter("max_length"),
                    ", or use another device",
                ) from error
        while running:
            _collect(running.popleft(), progress)
        torch.cuda.empty_cache()
        self._batch_tokens = max(1, int(shard.lengths[places].sum()) // 2)
        log.warning("%s ran out of memory; batches now have %d tokens", self.device, self.batch_tokens)
        shard.expected += 1
        halves = np.array_split(places, 2)
        return [batch for half in halves for batch in self._launch(shard, half, running, progress)]

    def _mark(self) -> torch.cuda.Event | None:
        """A moment in what the GPU does."""
        if self.device.type != "cuda":
            return None
        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    @torch.inference_mode()
    def _weights(self, tokens: Tokens, places: np.ndarray, *, whole_blocks: bool = False) -> torch.Tensor:
        """float32 [B, V] of the texts at B places."""
        batch = [tokens.ids[tokens.offsets[place] : tokens.offsets[place + 1]] for place in places]
        if self._packed is not None:
            return self._packed_weights(batch, self._packed)
        longest = tokens.lengths[places].max()
        return self._padded_weights(batch, int(self._whole_blocks(longest) if whole_blocks else longest))

    def _packed_weights(self, batch: Sequence[np.ndarray], backbone: PackedBackbone) -> torch.Tensor:
        lengths = [len(tokens) for tokens in batch]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._to_device(np.concatenate(batch).astype(np.int64))
        starts = self._to_device(offsets)
        counts = starts.diff()
        places = torch.arange(len(ids), device=self.device)
        positions = places - torch.repeat_interleave(starts[:-1], counts, output_size=len(ids))
        hidden = backbone.hidden_states(ids, positions, starts.int(), max(lengths))
        return self._head(hidden, self._lm.weight, self._lm.bias, cu_seqlens=starts.int())

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        """A copy, made while the host goes on."""
        return torch.from_numpy(array).pin_memory().to(self.device, non_blocking=True)

    def _padded_weights(self, batch: Sequence[np.ndarray], length: int) -> torch.Tensor:
        """Padded on the right to `length` tokens."""
        shape = len(batch), length
        ids = torch.full(shape, self._pad, dtype=torch.int64)
        mask = torch.zeros(shape, dtype=torch.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.from_numpy(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        hidden = self._lm.hidden_states(ids, mask)
        # Without padding the head need not look for it.
        padded = any(len(tokens) < shape[1] for tokens in batch)
        return self._head(hidden, self._lm.weight, self._lm.bias, mask if padded else None)


class _Shard:
    """A shard being encoded. known: places of the texts that have tokens. expected: batches still to be collected.
    saved: those that an earlier run has encoded, and that a later one need not."""

    def __init__(self, tokens: Tokens, saved: SavedBatches | None) -> None:
        self.tokens, self._saved = tokens, saved
        self.lengths = tokens.lengths
        self.known = np.flatnonzero(self.lengths)
        self.expected = 0
        self._parts: list[Impacts] = []
        self._places: list[np.ndarray] = []

    @property
    def finished(self) -> bool:
        return not self.expected

    def take_saved(self, places: np.ndarray) -> bool:
        """Whether a batch was saved, which then is collected."""
        found = self._saved.find(places) if self._saved else None
        if found is not None:
            self._add(found, places)
        return found is not None

    def collect(self, part: Impacts, places: np.ndarray) -> None:
        self._add(part, places)
        if self._saved:
            self._saved.add(places, part)

    def _add(self, part: Impacts, places: np.ndarray) -> None:
        self._parts.append(part)
        self._places.append(places)
        self.expected -= 1

    def impacts(self) -> Impacts:
        return join(self._parts, self._places, len(self.lengths))


@dataclass(frozen=True, slots=True)
class _Running:
    """A batch that was launched; `finish` waits for its impacts. The events stand around what a GPU does for it."""

    shard: _Shard
    places: np.ndarray
    finish: Callable[[], Impacts]
    started: torch.cuda.Event | None
    ended: torch.cuda.Event | None


def _collect(batch: _Running, progress: Progress) -> None:
    batch.shard.collect(batch.finish(), batch.places)
    busy = 0.0
    if batch.started is not None and batch.ended is not None:
        batch.ended.synchronize()
        busy = batch.started.elapsed_time(batch.ended) / 1000
    tokens = int(batch.shard.lengths[batch.places].sum())
    progress.add(len(batch.places), tokens=tokens, timing=Timing(gpu=busy))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            Parameter("device"), f" is {name!r}; expected auto, cpu, cuda or one GPU, as in cuda:1"
        ) from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpartonError(f"the device {name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return device
