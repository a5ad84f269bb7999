"""A corpus as a job is given it: paths, or rows, which are kept in a file until the job's end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..pipeline.corpus.spooled import GivenCorpus
from ..storage.index_location import IndexLocation
from ..storage.scratch import scratch_folder
from ..terminal.progress_bar import waiting

if TYPE_CHECKING:
    from ..pipeline.corpus.files import DataFile


@contextmanager
def given_files(
    corpus: GivenCorpus, location: IndexLocation, *, shared: bool, progress: bool
) -> Iterator["Sequence[str | DataFile]"]:
    """What `Corpus` takes for a corpus; of rows it is there until the end.

    location: of the index. shared: whether other machines read the corpus.
    Raises UsageError and SpartonError as corpus_files and scratch_folder.
    """
    from ..pipeline.corpus.given import corpus_files

    with ExitStack() as opened:
        with waiting("reading the corpus", shown=progress):
            files = opened.enter_context(corpus_files(corpus, scratch_folder(location, shared=shared)))
        yield files
