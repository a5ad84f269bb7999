"""Routes that encode: GET and POST /encode."""

import logging
from collections.abc import Sequence
from functools import partial
from time import monotonic

from fastapi import FastAPI, HTTPException, Request, Response

from ...errors import SpartonError, UsageError
from ..searcher import Searcher
from .indexes import ServedIndex
from .reading import read_body, read_parameters
from .routing import Described, Service, add_route, json_response
from .schemas import EncodeBatch, EncodedBatch, EncodedText, EncodeParameters

_AGAIN = 60.0  # seconds until an encoder that could not be opened is tried again
log = logging.getLogger("sparton")


def add_encode_routes(app: FastAPI, service: Service) -> None:
    """Add them, of the first index and of each by its name."""
    threads, sides = service.threads, _DocumentSides()

    def encoded(index: ServedIndex, searcher: Searcher, side: str, texts: Sequence[str]) -> list[dict[str, int]]:
        if side == "query":
            return searcher.terms_each(texts)
        return [sides.terms(index, searcher, text) for text in texts]

    async def encode(request: Request) -> Response:
        """A text as terms with their impacts, heaviest first: those that a query has which is searched for, or those
        that a document has when it is indexed."""
        index = service.index(request)
        asked = read_parameters(EncodeParameters, request, "GET /encode")
        with index.current.use() as searcher:
            (terms,) = await threads.run(partial(encoded, index, searcher, asked.side, [asked.text]))
            return json_response({"text": asked.text, "terms": terms}, searcher)

    async def encode_batch(request: Request) -> Response:
        """Several texts as terms with their impacts, in their order."""
        index = service.index(request)
        asked = await read_body(EncodeBatch, request, "POST /encode")
        with index.current.use() as searcher:
            every = await threads.run(partial(encoded, index, searcher, asked.side, asked.texts))
            return json_response({"results": [{"terms": terms} for terms in every]}, searcher)

    add_route(
        app,
        "GET",
        "/encode",
        encode,
        Described(
            summary="Encode a text",
            response=EncodedText,
            parameters=EncodeParameters,
            errors=(503,),
            has_generation=True,
        ),
        of_indexes=True,
    )
    add_route(
        app,
        "POST",
        "/encode",
        encode_batch,
        Described(
            summary="Encode several texts",
            response=EncodedBatch,
            body=EncodeBatch,
            errors=(413, 415, 503),
            has_generation=True,
        ),
        of_indexes=True,
    )


class _DocumentSides:
    """Encodes texts as documents. What could not be opened is not tried again at once, for that takes its time."""

    def __init__(self) -> None:
        self._failed: dict[str, float] = {}  # states of indexes, and when that was

    def terms(self, index: ServedIndex, searcher: Searcher, text: str) -> dict[str, int]:
        """A text as a document's terms. Raises UsageError where an index's documents are not encoded texts, and
        HTTPException where their encoder cannot be had: why is told to whoever runs the service, with its paths."""
        if searcher.manifest.settings.of_vectors:
            raise UsageError(
                f"as is document and the documents of {index.title} are vectors that another tool wrote, so no text "
                "can be encoded as they were; expected query"
            )
        state = searcher.manifest.state
        why = f"what encodes the documents of {index.title} cannot be opened; the service's log says why"
        if monotonic() - self._failed.get(state, float("-inf")) < _AGAIN:
            raise HTTPException(503, why)
        try:
            return searcher.document_terms(text)
        except SpartonError as error:
            self._failed = {state: monotonic()} | {
                other: when for other, when in self._failed.items() if monotonic() - when < _AGAIN
            }
            log.warning("what encodes the documents of %s cannot be opened: %s", index.title, error)
            raise HTTPException(503, why) from None
