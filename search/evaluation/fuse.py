"""Several runs of the same topics to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...errors import Parameter, UsageError
from ...options import at_least, checked
from ...storage.atomic import check_output, make_folder, output_file, refuse_inputs
from ..fusion.fusion import by_score
from ..fusion.register import open_fusion
from ..text_lines import is_word
from .run import TAG, K
from .run_lines import as_close, run_lines
from .trec_files import Run, read_run

_OUTPUT = Parameter("output")
_HITS = Annotated[int, at_least(1)]


@dataclass(frozen=True, slots=True)
class FuseReport:
    """What a fused run holds. lacking: of each run that lacks some, how many of the queries."""

    path: Path
    queries: int
    hits: int
    lacking: Mapping[Path, int]


def fuse_runs(
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    k: int = K,
    tag: str = TAG,
    rank_constant: int | None = None,
    weights: Sequence[float] | None = None,
) -> FuseReport:
    """Fuse TREC runs to one: by reciprocal ranks, or with weights by a weighted sum of scores, normalized for each
    query.

    runs: files, read as `score` reads them: scores say the order, ties in order of id. output: the fused run; its
    queries are in the order in which they come first. k: most hits of a query. tag: the run's last column.
    rank_constant, weights: as open_fusion's. Raises UsageError for an argument that cannot be meant, and SpartonError
    as read_run.
    """
    paths = [Path(checked("run", run, str)) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    output, k = Path(checked(_OUTPUT, output, str)), checked("k", k, _HITS)
    weights = checked(Parameter("weights"), weights, Sequence[float] | None)
    if len(paths) < 2:
        raise UsageError(f"there is {len(paths)} run to fuse; expected two or more")
    if not is_word(checked(Parameter("tag"), tag, str)):
        raise UsageError(Parameter("tag"), f" is {tag!r}; expected one word")
    fusion = open_fusion(len(paths), rank_constant=rank_constant, weights=weights)
    check_output(_OUTPUT, output, make_folders=True)
    refuse_inputs(_OUTPUT, [output], {run: f"the run {run}" for run in paths})
    read: list[Run] = [read_run(run) for run in paths]
    queries = list(dict.fromkeys(query for run in read for query in run))
    hits = 0
    make_folder(output.parent)
    with output_file(output) as stream:
        for query in queries:
            fused = fusion.fuse([by_score(run.get(query, {})) for run in read])[:k]
            hits += len(fused)
            stream.write(run_lines(query, fused, tag, as_close).encode())
    lacking = {path: len(queries) - len(run) for path, run in zip(paths, read, strict=True) if len(run) < len(queries)}
    return FuseReport(output, len(queries), hits, lacking)
