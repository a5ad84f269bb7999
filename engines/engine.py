"""What an engine is: it decides which processes encode a corpus, and which index what was encoded."""

from collections.abc import Callable, Generator
from typing import Protocol

from ..pipeline.parts.collection import Part
from ..pipeline.parts.job import Job
from ..pipeline.progress import Progress
from ..processes import Worker
from ..storage.index_location import IndexLocation
from ..storage.manifest import ModelSettings


class Engine(Protocol):
    """Where the work of a build is done.

    settings: of the model; the same for every process.
    local: whether parts are written to this machine's folder of the index. If not, the engine's processes get the parts
    that are finished from the index's location, and put new ones there.
    """

    settings: ModelSettings
    local: bool

    def encode(self, job: Job, progress: Progress) -> Generator[Part, None, None]:
        """The parts of a job, as they are finished. Raises as write_collection."""

    def indexer(self, location: IndexLocation) -> Callable[[], Worker]:
        """What starts a process that indexes parts into the Lucene index at a location, as LuceneBuild needs it."""

    def close(self) -> None:
        """End what runs in the background."""
