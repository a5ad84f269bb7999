"""Answer queries from an index folder, encoded the way its sparton.json says."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, fields
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Self

from ..errors import Parameter, SpartonError, UsageError, brief, short
from ..indexer.java import check_process
from ..options import Texts, at_least, checked, flat_keywords, names, several
from ..pipeline.encoding.impacts import Impacts, each_heaviest_first
from ..pipeline.encoding.pruning import Pruning
from ..pipeline.encoding.query_terms import QueryTerms, Words
from ..pipeline.options import EncoderOptions
from ..pipeline.tokens.passages import passage_id
from ..storage.fields import Field, FieldValue
from ..storage.local_copy import local_index
from ..storage.manifest import Manifest, load_complete
from ..storage.redaction import redacted
from ..storage.remote import local_path
from .documents import Document, is_stored, stored_document
from .explain import Match, input_terms
from .facets import FacetCount
from .impact_index import EVERYTHING, ImpactIndex, Selection
from .lucene_hits import ScoredDoc
from .many import search_each
from .max_passage import document_of, passage_of
from .no_hits import reason_for_no_hits
from .options import QueryOptions, SearcherOptions
from .way import Terms, Way
from .ways import beside_for, encodes_queries, open_way

if TYPE_CHECKING:
    from ..pipeline.encoding.open_encoder import QueryEncoder, SharedEncoders
    from .query_weights import QueryWeights


_HITS = Annotated[int, at_least(1)]
_OFFSET = Annotated[int, at_least(0)]
_ID_AND_SCORE = itemgetter(1, 2)  # of a ScoredDoc, in half the time that asking for its attributes takes
_MOST_KEPT, _LONGEST_KEPT = 256, 4_096  # queries whose terms are kept, and their letters


@dataclass(frozen=True, slots=True, repr=False)
class Hit:
    """One result. `score` is the sum over terms of query impact x document impact, or what another way to search gives;
    `text` is None if not stored.

    passage: where documents were split, the number of the one that was found, from 0; score and text are its own.
    fields: of the document, those that it has a value of, in the order of the index's; a timestamp as ISO 8601.
    """

    rank: int
    id: str
    score: float
    text: str | None
    passage: int | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        passage = "" if self.passage is None else f", passage={self.passage}"
        fields = f", fields={brief(dict(self.fields))}" if self.fields else ""
        return (
            f"Hit(rank={self.rank}, id={brief(self.id)}, score={self.score}, text={brief(self.text)}{passage}{fields})"
        )


@dataclass(frozen=True, slots=True)
class Seconds:
    """What a query's time went to: the model (and waiting for it), Lucene's search (facets too), and reading the stored
    texts."""

    encode: float
    search: float
    fetch: float


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A query as terms, as Searcher.terms gives it, what it found, and how long that took.

    total, facets: where facets were asked for, how many documents the query and its filters match, hits or not, and of
    each field the values that most of these have, with the numbers of documents; else None and {}. more_values: how
    many more values these have of a field, where they have more. reason: why there are no hits; empty if there are.
    """

    terms: dict[str, Any]
    hits: list[Hit]
    seconds: Seconds
    total: int | None = None
    facets: dict[str, list[FacetCount]] = field(default_factory=dict)
    more_values: dict[str, int] = field(default_factory=dict)
    reason: str = ""

    def __repr__(self) -> str:
        total = "" if self.total is None else f" of {self.total:,}"
        seconds = self.seconds.encode + self.seconds.search + self.seconds.fetch
        return f"<Answer to {len(self.terms):,} terms: {len(self.hits):,}{total} hits in {1000 * seconds:.1f} ms>"


class Searcher:
    """Model and index kept open, until `close` or the end of a `with`. Threads may share it; a process that is forked
    from this one may not.

    path: the folder of an index, or its URI, of which a local copy is made first. searching: given as a record, or
    field by field as keywords: Searcher(path, device="cuda"). device: as Encoder's; a CPU answers one query sooner than
    a GPU starts. trust_remote_code: needed again for a model that needed it when it was indexed. beside: a searcher
    whose loaded models are used where they are those of this index, too.
    Raises SpartonError when the folder is missing, half-built, or its model is not the one it was made with.
    """

    @flat_keywords
    def __init__(
        self,
        path: str | Path = "sparton-index",
        *,
        searching: SearcherOptions,
        beside: "Searcher | None" = None,
    ) -> None:
        check_process()  # before a model is loaded, whose threads a fork left behind as well
        self._location, self._options = path, searching
        _refuse_idle(searching)
        self.path = folder = local_index(path, beside=beside_for(searching.search_with))
        self.manifest = load_complete(folder)
        self.name = _name(path)
        # Java starts while the model is loaded, and torch and transformers imported if it needs them.
        with ThreadPoolExecutor(max_workers=1) as pool:
            opening = pool.submit(_open_index, folder, self.manifest, searching, redacted(str(path)))
            try:
                self._shared: SharedEncoders = beside._shared if beside else _shared_encoders()
                self.encoder = self._open_encoder() if encodes_queries(searching.search_with) else None
            except BaseException:
                with suppress(SpartonError):  # the first error is the one to report
                    _, index, way = opening.result()
                    index.close()
                    way.close()
                raise
            found, self._index, self._way = opening.result()
        if found.settings != self.manifest.settings:
            self.close()
            raise SpartonError(f"the index {folder} was replaced while it was opened; open it again")
        self.manifest = found
        self._weights = self._weights_of_index()
        self._encoding = self._shared.encoding
        self._kept: OrderedDict[str, QueryTerms] = OrderedDict()  # of the last queries
        # What encodes documents, and of which settings, once it was asked for and is not what encodes queries.
        self._documents: tuple[object, QueryEncoder] | None = None

    def _open_encoder(self) -> "QueryEncoder | None":
        from ..pipeline.encoding.open_encoder import open_query_encoder

        settings, options = self.manifest.settings, self._options
        if settings.model:
            weighed = settings.model.for_queries.idf_power > 0  # and what is kept is known only then
            return open_query_encoder(
                settings.model,
                settings.scale_for_queries,
                index=local_path(self._location),
                model=options.model,
                query_model=options.query_model,
                device=options.device,
                trust_remote_code=options.trust_remote_code,
                top_terms=None if weighed else options.query_top_terms,
                prune_ratio=None if weighed else options.query_prune_ratio,
                shared=self._shared,
            )
        if options.model is not None or options.query_model is not None:
            raise self._no_model()  # there is nothing to compare it with
        return None

    def _weights_of_index(self) -> "QueryWeights | None":
        """What weighs queries by the generation that is open, where the model says so."""
        model, options = self.manifest.settings.model, self._options
        if self.encoder is None or model is None or not model.for_queries.idf_power:
            return None
        from .query_weights import QueryWeights

        pruning = Pruning(top_terms=options.query_top_terms, prune_ratio=options.query_prune_ratio or None)
        return QueryWeights(self.encoder, model.for_queries.idf_power, self._index, pruning)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self.manifest.settings
        what = "passages" if settings.chunk else "documents"
        model = f"model {settings.model.name}" if settings.model else "no model"
        closed = ", closed" if self._index.closed else ""
        return f"<Searcher of {self.path}: {len(self):,} {what}, {model}{closed}>"

    def __len__(self) -> int:
        """How many documents can be found; with passages, how many of those."""
        return len(self._index)

    def __contains__(self, name: object) -> bool:
        """Whether the index has a document with this id."""
        return isinstance(name, str) and is_stored(self._index, name, passages=self.manifest.settings.chunk)

    def get(self, name: str) -> Document | None:
        """The document with an id, None if there is none. Raises UsageError for an id that is no string."""
        name = checked("id", name, str)
        return stored_document(self._index, name, passages=self.manifest.settings.chunk)

    @property
    def searching(self) -> SearcherOptions:
        """With what it was opened."""
        return self._options

    @property
    def way(self) -> Way:
        """The way in which documents are found."""
        return self._way

    def terms(self, query: str) -> dict[str, Any]:
        """The query as {term: impact}, heaviest first, weighed by the collection where the model says so, and without
        what query_top_terms and query_prune_ratio drop of that; empty if it has no token that the model knows. By BM25
        it is {term: how often it has that}; where several searches are fused, the terms of each by its name, {"bm25":
        …, "sparse": …}.

        Those of the last queries are kept, as one may be asked again with other filters. Raises SpartonError if the
        index was made of vectors and no model was named.
        """
        return self.terms_each([query])[0]

    def terms_each(self, queries: Sequence[str]) -> list[dict[str, Any]]:
        """What `terms` gives for each query, sooner than one by one. Raises as `terms`."""
        return self._way.terms(queries, self._encoded_each)

    def _encoded_each(self, queries: Sequence[str]) -> list[QueryTerms]:
        """Queries as the model has them, heaviest first."""
        encoder = self._encoder()
        with self._encoding:
            found = {query: self._kept.pop(query) for query in dict.fromkeys(queries) if query in self._kept}
            new = [query for query in dict.fromkeys(queries) if query not in found]
            if new:
                found |= zip(new, self._heaviest_first(encoder, new), strict=True)
            self._kept |= {query: terms for query, terms in found.items() if len(query) <= _LONGEST_KEPT}
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return [found[query].copy() for query in queries]

    def _heaviest_first(self, encoder: "QueryEncoder", queries: Sequence[str]) -> Iterable[QueryTerms]:
        """Queries that are not kept, as _encoded_each has them."""
        if self._weights is None:
            return map(QueryTerms, _terms_each(encoder, queries), map(encoder.words, queries))
        impacts, words = self._query_impacts(encoder, queries)
        terms = each_heaviest_first(impacts, encoder.vocabulary.__getitem__)
        return map(QueryTerms, terms, *zip(*words, strict=True))

    def input_terms(self, query: str) -> frozenset[str]:
        """The terms that are in a query; the model has added the others. Raises as `terms`."""
        if not self._way.needs_model:
            return frozenset(self.terms(query))
        encoder = self._encoder()
        with self._encoding:
            return input_terms(encoder, query)

    def terms_of(self, queries: Sequence[str]) -> list[dict[str, Any]]:
        """Each query as {term: impact}, the impacts that `terms` gives; terms in order of vocabulary id. Raises as
        `terms`."""
        return self._way.terms(queries, self._encoded)

    def _encoded(self, queries: Sequence[str]) -> list[QueryTerms]:
        """Queries as the model has them, in order of vocabulary id."""
        encoder = self._encoder()
        vocabulary = encoder.vocabulary
        with self._encoding:
            every, words = self._query_impacts(encoder, queries)
            return [
                QueryTerms(zip((vocabulary[term] for term in terms.tolist()), impacts.tolist(), strict=True), *of_query)
                for (terms, impacts), of_query in zip(every, words, strict=True)
            ]

    def _query_impacts(
        self, encoder: "QueryEncoder", queries: Sequence[str]
    ) -> tuple[Impacts, list[tuple[Words, Words]]]:
        """The impacts of queries as they are searched for, and the words and synonyms of each."""
        texts = [query.encode(errors="replace").decode() for query in queries]
        impacts = encoder.encode_alone(texts)
        synonyms: list[Words] = [()] * len(texts)
        if self._weights is not None:
            impacts, synonyms = self._weights.weighed(impacts, texts)
        return impacts, list(zip(map(encoder.words, texts), synonyms, strict=True))

    def document_terms(self, text: str) -> dict[str, int]:
        """A text as {term: impact} as the index's documents are encoded, heaviest first; empty if it has no term.

        What encodes documents is opened when it is first asked for, unless it is what encodes queries. A text is cut at
        the length of a document, or of a passage. Raises SpartonError if it cannot be had, or if the index was made of
        vectors that another tool wrote.
        """
        return self.document_terms_each([checked("text", text, str)])[0]

    def document_terms_each(self, texts: Sequence[str]) -> list[dict[str, int]]:
        """What `document_terms` gives for each text, sooner than one by one. Raises as `document_terms`."""
        encoder = self._document_encoder()
        with self._encoding:
            return _terms_each(encoder, texts)

    def open_documents(self) -> None:
        """Open what `document_terms` needs, before it is asked for. Raises as `document_terms`."""
        self._document_encoder()

    def search(
        self, query: str, k: int = 10, *, filters: Texts = (), sort: str | None = None, offset: int = 0
    ) -> list[Hit]:
        """The k best documents for a query, best first, ties in order of id.

        filters: as docs/search.md has them, all of which a document must pass; scores are those without them. sort: a
        field to order hits by instead, smallest values first, or with - before its name largest first; documents
        without a value come last. offset: how many hits to pass over.
        Raises UsageError if k < 1, offset < 0, a filter cannot be read, or the index has no such field.
        """
        return self.answer(query, k, filters=filters, sort=sort, offset=offset).hits

    def search_many(
        self,
        queries: str | Iterable[str],
        k: int = 10,
        *,
        filters: Texts = (),
        sort: str | None = None,
        offset: int = 0,
    ) -> list[list[Hit]]:
        """What `search` finds for each query, in order, sooner than one by one. Raises UsageError as `search`, and for
        a query that is no string."""
        texts = [text.encode(errors="replace").decode() for text in several(Parameter("queries"), queries)]
        k, offset, selection = checked("k", k, _HITS), checked("offset", offset, _OFFSET), self.selection(filters, sort)

        def search(terms: Terms) -> list[Hit]:
            return self._hits(self._rank(terms, k, selection, offset), offset)

        return search_each(texts, self.terms_of, search)

    def answer(
        self,
        query: str,
        k: int = 10,
        *,
        filters: Texts = (),
        facets: Texts = (),
        sort: str | None = None,
        offset: int = 0,
        terms: Terms | None = None,
    ) -> Answer:
        """As `search`, with the query's terms and what the time went to. facets: fields whose values are counted among
        all documents that the query and its filters match. terms: the query's, where they are known."""
        query = checked("query", query, str)
        # Before a model is run: what cannot be meant costs nothing.
        selection = self.selection(filters, sort)
        fields = self._facet_fields(facets)
        begin = perf_counter()
        if terms is None:
            terms = self.terms(query)
        elif not isinstance(terms, QueryTerms):
            terms = dict(terms)
        encoded = perf_counter()
        ranked = self._rank(terms, k, selection, offset)
        found = self._way.facets(terms, fields, selection) if fields else None
        searched = perf_counter()
        hits = self._hits(ranked, offset)
        seconds = Seconds(encoded - begin, searched - encoded, perf_counter() - searched)
        reason = "" if hits else self._reason(query, terms, selection, offset)
        if found is None:
            return Answer(terms, hits, seconds, reason=reason)
        return Answer(terms, hits, seconds, found.total, found.counts, found.more, reason)

    def _reason(self, query: str, terms: Terms, selection: Selection, offset: int) -> str:
        filtered, by_model = bool(selection.filters), self._way.needs_model
        return reason_for_no_hits(query, terms, filtered=filtered, offset=offset, by_model=by_model)

    def search_terms(
        self,
        terms: Terms,
        k: int = 10,
        *,
        filters: Texts = (),
        sort: str | None = None,
        offset: int = 0,
    ) -> list[Hit]:
        """As `search`, for a query that is encoded already, as `terms` gives it. Another dict has no words: a document
        with any of its terms is found."""
        return self._hits(self._rank(terms, k, self.selection(filters, sort), offset), offset)

    def selection(self, filters: Texts = (), sort: str | None = None) -> Selection:
        """What filters and an order mean to this index, once for many queries. Raises as `search`."""
        self._way.refuse(order=sort is not None)
        return self._index.selection(several(Parameter("filters"), filters), sort)

    def check(self, filters: Texts = (), facets: Texts = (), sort: str | None = None, *, explain: bool = False) -> None:
        """Raise UsageError for filters, facets or an order that `answer` would refuse, or for explanations that there
        are none of."""
        self._way.refuse(explain=explain)
        self.selection(filters, sort)
        self._facet_fields(facets)

    def _facet_fields(self, facets: Texts) -> list[Field]:
        names = several(Parameter("facets"), facets)
        self._way.refuse(facets=bool(names))
        return self._index.facet_fields(names)

    def frequent_values(self, field: str, most: int = 10) -> list[str | int | float | bool]:
        """The most frequent values that a field has among all documents, at most 20, ties in order of value. Raises
        UsageError where there is no such field."""
        return self._index.frequent_values(checked("field", field, str), checked("most", most, _HITS))

    def rank_terms(self, terms: Terms, k: int, selection: Selection = EVERYTHING) -> list[tuple[str, float]]:
        """Ids and scores of what `search_terms` finds, without texts and so much sooner. Raises UsageError if k < 1."""
        ranked = self._rank(terms, k, selection)
        if self.manifest.settings.chunk:
            return [(document_of(found.id), found.score) for found in ranked]
        return list(map(_ID_AND_SCORE, ranked))

    def explain(self, terms: Terms, hits: Sequence[Hit]) -> list[list[Match]]:
        """For each hit, the query terms it holds and what each contributes, largest first; they sum to its score.

        Raises SpartonError for a hit that this index cannot have given.
        """
        ids = [hit.id if hit.passage is None else passage_id(hit.id, hit.passage) for hit in hits]
        try:
            return self._way.explain(terms, ids)
        except KeyError as error:
            raise SpartonError(
                f"the index {self.path} has no document {error.args[0]!r}; explain hits that it gave itself, or check "
                "it with `sparton info --check`"
            ) from error

    def renewed(self) -> "Searcher | None":
        """A searcher of the generation that the index has by now, None if it is this one's. The model is shared, unless
        the index was built again with another. Raises SpartonError as when a searcher is made."""
        searching = self._options
        folder = local_index(self._location, beside=beside_for(searching.search_with))
        manifest = load_complete(folder)
        if manifest == self.manifest:
            return None
        old, new = self.manifest.settings, manifest.settings
        if (old.model, old.scale_for_queries) != (new.model, new.scale_for_queries):
            return Searcher(self._location, searching=self._options, beside=self)
        newer = copy(self)
        newer.manifest, newer._index, newer._way = _open_index(
            folder, manifest, searching, redacted(str(self._location))
        )
        if newer.manifest.settings == new:
            newer._weights = newer._weights_of_index()
            if newer._weights is not None:
                newer._kept = OrderedDict()  # the collection is another
            return newer
        newer.close()  # it was built again while it was opened
        return Searcher(self._location, searching=self._options, beside=self)

    def warmed_like(self, older: "Searcher") -> Self:
        """This searcher, once it has read what the older one did for facets and filters, so that no query waits for it.
        Closes itself, and raises SpartonError, where the index cannot be read."""
        try:
            self._index.warm_like(older._index)
        except SpartonError:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Close the index, once the searches under way are done. Searching raises SpartonError from then on."""
        self._index.close()
        self._way.close()

    def _rank(self, terms: Terms, k: int, selection: Selection = EVERYTHING, offset: int = 0) -> list[ScoredDoc]:
        """The best documents, or of passages the best ones of the best documents; or those that are first in another
        order."""
        most = checked("k", k, _HITS) + checked("offset", offset, _OFFSET)
        return self._way.rank(terms, most, selection)[offset:]

    def _hits(self, ranked: Sequence[ScoredDoc], offset: int = 0) -> list[Hit]:
        here = ranked if self._way.numbered else self._index.located(ranked)
        every = enumerate(zip(ranked, self._index.stored(here), strict=True), start=offset + 1)
        if self.manifest.settings.chunk:
            return [
                Hit(rank, document_of(found.id), found.score, stored.text, passage_of(found.id), stored.fields)
                for rank, (found, stored) in every
            ]
        return [Hit(rank, found.id, found.score, stored.text, fields=stored.fields) for rank, (found, stored) in every]

    def _document_encoder(self) -> "QueryEncoder":
        """What encodes documents as those of the index were."""
        from ..pipeline.encoding.open_encoder import open_recorded_encoder
        from ..pipeline.encoding.pruning import pruning_for

        encoder, settings = self._encoder(), self.manifest.settings
        if settings.of_vectors or settings.model is None:
            raise SpartonError(
                f"the documents of the index {self.path} are vectors that another tool wrote, so no text can be "
                "encoded as they were; encode it as a query"
            )
        given = {one.name for one in fields(settings)} & {*names(EncoderOptions)} - {"model"}
        options = EncoderOptions(
            model=settings.model.name,
            device=self._options.device,
            trust_remote_code=self._options.trust_remote_code,
            **{name: getattr(settings, name) for name in given},
        )
        pruning = pruning_for(options, settings.model.documents)
        if settings.model.queries is None and (encoder.scale, encoder.pruning) == (options.scale, pruning):
            return encoder
        key = settings.model, options
        if self._documents is None or self._documents[0] != key:
            opened = open_recorded_encoder(
                settings.model,
                options,
                index=local_path(self._location),
                model=self._options.model,
                shared=self._shared,
                for_texts=True,
            )
            self._documents = key, opened
        return self._documents[1]

    def _encoder(self) -> "QueryEncoder":
        self._index.check()  # before a model is run whose threads a fork left behind
        if self.encoder is None and not self._way.needs_model:
            raise SpartonError(
                "this searcher was opened with ",
                Parameter("search_with", self._options.search_with),
                ", which has no model; open one without it to encode texts",
            )
        if self.encoder is None:
            raise self._no_model()
        return self.encoder

    def _no_model(self) -> SpartonError:
        return SpartonError(
            f"the index {self.path} was made of vectors without naming their model, so no text can be encoded for "
            "it; build it again with ",
            Parameter("from_collection"),
            " and ",
            Parameter("model"),
        )


def _refuse_idle(searching: SearcherOptions) -> None:
    """Raise UsageError for an option that concerns a model, where none is asked."""
    idle = ("model", "query_model", "query_top_terms", "query_prune_ratio", "device", "trust_remote_code")
    for name in () if encodes_queries(searching.search_with) else idle:
        if getattr(searching, name) != getattr(QueryOptions(), name):
            raise UsageError(
                Parameter(name),
                f" is {short(getattr(searching, name))}, which is for queries that a model encodes, and ",
                Parameter("search_with", searching.search_with),
                " asks none; leave out one of them",
            )


def _terms_each(encoder: "QueryEncoder", texts: Sequence[str]) -> list[dict[str, int]]:
    """Each text as {term: impact}, heaviest first, the impacts that it gets alone."""
    if len(texts) == 1:
        return [encoder.terms(texts[0])]
    impacts = encoder.encode_alone([text.encode(errors="replace").decode() for text in texts])
    return list(each_heaviest_first(impacts, encoder.vocabulary.__getitem__))


def _shared_encoders() -> "SharedEncoders":
    from ..pipeline.encoding.open_encoder import SharedEncoders

    return SharedEncoders()


def _name(path: str | Path) -> str:
    """What people call an index: the last part of its path, which may be . for short, or of its URI."""
    near = local_path(path)
    return redacted(str(path) if near is None else near.resolve().name).rstrip("/").rpartition("/")[2]


def _open_index(
    folder: Path, manifest: Manifest, searching: SearcherOptions, name: str
) -> tuple[Manifest, ImpactIndex, Way]:
    """The Lucene indexes of the generation that sparton.json names, and the way to search them: this generation, or a
    newer one if it was taken away meanwhile. name: of the index, as it may be printed."""
    while True:
        try:
            folders, settings = (folder / name for name in manifest.indexes), manifest.settings
            index = ImpactIndex(*folders, commits=manifest.commits, fields=settings.fields, passages=settings.chunk)
            try:
                way = open_way(searching.search_with, searching.fusion(), index, folder, manifest, name)
                return manifest, index, way
            except BaseException:
                index.close()
                raise
        except SpartonError:
            newer = load_complete(folder)
            if newer == manifest:
                raise
            manifest = newer
