"""Routes that encode: GET and POST /encode."""

import asyncio
import logging
from collections.abc import Sequence
from time import monotonic

import orjson
from fastapi import FastAPI, HTTPException, Request, Response

from ...errors import SpartonError, UsageError
from ..searcher import Searcher
from .indexes import ServedIndex
from .query_threads import QueryThreads
from .reading import read_body, read_parameters
from .routing import Described, Service, add_route, response_of
from .schemas import EncodeBatch, EncodedBatch, EncodedText, EncodeParameters

_AGAIN = 60.0  # seconds until an encoder that could not be opened is tried again
log = logging.getLogger("sparton")


def add_encode_routes(app: FastAPI, service: Service) -> None:
    """Add them, of the first index and of each by its name."""
    threads, sides = service.threads, _DocumentSides(service.threads)

    async def encoded(index: ServedIndex, searcher: Searcher, side: str, texts: Sequence[str]) -> list[bytes]:
        if side == "document":
            await sides.open(index, searcher)
        return await threads.encode(searcher, texts, as_documents=side == "document")

    async def encode(request: Request) -> Response:
        """A text as terms with their impacts, heaviest first: those that a query has which is searched for, or those
        that a document has when it is indexed."""
        index = service.index(request)
        asked = read_parameters(EncodeParameters, request, "GET /encode")
        with index.current.use() as searcher:
            (terms,) = await encoded(index, searcher, asked.side, [asked.text])
            return response_of(b'{"text":' + orjson.dumps(asked.text) + b',"terms":' + terms + b"}", searcher)

    async def encode_batch(request: Request) -> Response:
        """Several texts as terms with their impacts, in their order."""
        index = service.index(request)
        asked = await read_body(EncodeBatch, request, "POST /encode")
        with index.current.use() as searcher:
            every = await encoded(index, searcher, asked.side, asked.texts)
            results = b",".join(b'{"terms":' + terms + b"}" for terms in every)
            return response_of(b'{"results":[' + results + b"]}", searcher)

    add_route(
        app,
        "GET",
        "/encode",
        encode,
        Described(
            summary="Encode a text",
            response=EncodedText,
            parameters=EncodeParameters,
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
            has_generation=True,
        ),
        of_indexes=True,
    )


class _DocumentSides:
    """Opens what encodes documents, one at a time. What could not be opened is not tried again at once, for that takes
    its time."""

    def __init__(self, threads: QueryThreads) -> None:
        self._threads = threads
        self._opening = asyncio.Lock()
        self._failed: dict[str, float] = {}  # states of indexes, and when that was

    async def open(self, index: ServedIndex, searcher: Searcher) -> None:
        """Have a searcher encode documents. Raises UsageError where an index's documents are not encoded texts, and
        HTTPException where their encoder cannot be had: why is told to whoever runs the service, with its paths."""
        if searcher.manifest.settings.of_vectors:
            raise UsageError(
                f"as is document and the documents of {index.title} are vectors that another tool wrote, so no text "
                "can be encoded as they were; expected query"
            )
        async with self._opening:
            await self._open(index, searcher)

    async def _open(self, index: ServedIndex, searcher: Searcher) -> None:
        state = searcher.manifest.state
        why = f"what encodes the documents of {index.title} cannot be opened; the service's log says why"
        if monotonic() - self._failed.get(state, float("-inf")) < _AGAIN:
            raise HTTPException(503, why)
        try:
            await self._threads.run(searcher.open_documents)
        except SpartonError as error:
            self._failed = {state: monotonic()} | {
                other: when for other, when in self._failed.items() if monotonic() - when < _AGAIN
            }
            log.warning("what encodes the documents of %s cannot be opened: %s", index.title, error)
            raise HTTPException(503, why) from None
