"""The command line: parse, call one function, print. Results go to stdout, everything else to stderr."""

import ctypes
import gc
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .errors import Parameter, SpartonError, UsageError, short, times
from .indexer.options import AlsoOptions, LuceneOptions
from .options import MOST_THREADS, at_least, names, values_for
from .pipeline.options import ONE_DEVICE, SCALE, SCALES, EncoderOptions, EncodingOptions, UpdateOptions, VectorOptions
from .search.evaluation.hits import HitOptions, ScoringOptions
from .search.options import QueryOptions, SearcherOptions, WayOptions
from .search.service.options import ServeOptions
from .storage.index_folder import BESIDE
from .storage.manifest import COMPLETE, ENCODING
from .storage.redaction import is_uri, redacted
from .storage.store_calls import SECONDS, VARIABLE, waiting_at_most
from .terminal.build_report import counts_line
from .terminal.flags import Command, Location, record_options, sentence, too_many_arguments
from .terminal.help_page import write_help
from .terminal.hits import facets_json, facets_lines, hit_json, hit_lines
from .terminal.interrupt import EXIT_CODE, InterruptWatch
from .terminal.missing import missing_package
from .terminal.progress_bar import announce, clear, counted, waiting
from .terminal.results import (
    beside_line,
    checked_line,
    fields_line,
    fused_line,
    model_line,
    pruning_line,
    queries_line,
    run_line,
    seconds_line,
    stats_json,
    stats_lines,
)
from .terminal.scores import correction_line, coverage_line, per_query_table, scores_json, scores_table
from .terminal.screen import columns, is_terminal, wrapped
from .terminal.streams import (
    check_stdin,
    check_stdout,
    decode,
    flush,
    know_all_letters,
    lines,
    not_written,
    open_closed,
    printable,
    printing,
    put,
    tell,
    tell_error,
    to_json,
)
from .terminal.terms import terms_json, terms_lines
from .terminal.usage import unknown_command, usage_sentence
from .version import __version__

if TYPE_CHECKING:
    from .search.searcher import Searcher
    from .storage.manifest import Manifest
    from .terminal.build_report import BuildReport
    from .terminal.update_report import UpdateReport


class _Commands(TyperGroup):
    """The commands. What is wrong with arguments is said as all else is: in one sentence, without keys."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run a command. Typer calls this. What does not parse is told as any other error is."""
        _arguments[:] = sys.argv[1:] if args is None else args
        run: Any = partial(super().main, args, *rest, **{**options, "standalone_mode": False})
        if not standalone_mode:
            return run()
        try:
            code = run()
        except typer.Abort as error:
            if isinstance(error.__cause__, EOFError):  # which Typer takes for the end of what somebody types
                raise error.__cause__ from None
            sys.exit(1)
        except SpartonError as error:
            _fail(sentence(error, _parameters))
            sys.exit(error.exit_code)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            if getattr(error, "message", "") or type(error).__name__ != "NoArgsIsHelpError":
                _fail(usage_sentence(error))
            sys.exit(getattr(error, "exit_code", 2))
        sys.exit(code if isinstance(code, int) else 0)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help. Typer calls this."""
        write_help(self, ctx, formatter, super().format_help)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments before the command's name, and print what they ask for. Typer calls this."""
        with printing():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command to run. Typer calls this."""
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise unknown_command(args[0], self.commands)
        name, command, rest = super().resolve_command(ctx, args)
        _parameters.clear()
        _parameters.update({parameter.name: parameter for parameter in command.params} if command else {})
        return name, command, rest


class _Command(Command):
    """A command whose help says what is wrong with the standard output where it cannot be printed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, and print the help where they ask for it. Typer calls this."""
        with _one_sentence(), printing():
            ctx.allow_extra_args = True
            try:
                rest = super().parse_args(ctx, args)
            except Exception as error:
                if getattr(error, "ctx", ctx) is None:  # which the parser of options knows nothing of
                    error.ctx = ctx  # type: ignore[attr-defined]
                raise
            if ctx.args and not ctx.resilient_parsing:
                raise too_many_arguments(self, ctx.args[0])
            return rest


app = typer.Typer(
    name="sparton",
    cls=_Commands,
    help="From a Parquet file to a searchable learned-sparse index.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_command = partial(app.command, cls=_Command)

Corpus = typer.Argument(help="Parquet files, folders or globs (also JSON lines, CSV, TSV, Arrow).")
Index = Annotated[
    str, typer.Option("--index", rich_help_panel="Index", help="The index folder, or its URI."), Location()
]
ChangedIndex = Annotated[str, typer.Argument(help="The index folder, or its URI."), Location()]
IndexQueryModel = Annotated[
    str | None,
    typer.Option(
        "--query-model",
        rich_help_panel="Model",
        help="The same for an index whose queries have a model of their own.",
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        rich_help_panel="Fields",
        help="What hits must pass, as 'price < 100', 'brand in (Adele, Odile)' or in_stock; repeat it for several.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", rich_help_panel="Model", help="auto, cpu, cuda, cuda:1, …"), ONE_DEVICE
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="How many search. [default: one a core]"), at_least(1, MOST_THREADS)
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite/--resume",
        rich_help_panel="Index",
        help="Replace an index made with other settings, or go on with it.",
    ),
]
FromCollection = Annotated[
    Path | None,
    typer.Option(
        "--from-collection",
        rich_help_panel="Corpus",
        help="Index JsonVectorCollection files that any tool wrote, instead of CORPUS.",
    ),
]
QueryScale = Annotated[
    float,
    typer.Option(
        "--query-scale",
        rich_help_panel="Impacts",
        help="With --from-collection: the scale at which --model encodes queries.",
    ),
]
Pretokenized = Annotated[
    bool | None,
    typer.Option(
        "--pretokenized/--no-pretokenized",
        rich_help_panel="Topics",
        help="Whether the topics' texts are a model's tokens, each as often as its impact says. [default: refuse "
        "what looks like it]",
    ),
]
TopicScale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        rich_help_panel="Topics",
        help="For topics that are vectors: an impact is round(weight × scale).",
    ),
    SCALES,
]
ReportJson = Annotated[bool, typer.Option("--json", help="Print counts and times as JSON.")]
StoreTimeout = Annotated[
    float,
    typer.Option(
        "--store-timeout",
        rich_help_panel="Cluster and stores",
        envvar=VARIABLE,
        help="Seconds that a store may take to respond.",
    ),
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", rich_help_panel="Model", help="Run code that the model brings along.")
]


_watch = InterruptWatch()
_arguments: list[str] = []  # of the command that runs
_parameters: dict[str, Any] = {}  # and what it takes
_M_MMAP_THRESHOLD = -3  # of malloc.h


@contextmanager
def _one_sentence(builds: bool = False) -> Iterator[None]:
    """Turn what a user can mend into one line on stderr and an exit code. builds: whether the line says what is kept
    of a build when work is interrupted."""
    _watch.will_say(lambda: f"sparton: stopped{_kept(builds)}")
    try:
        yield
    except SpartonError as error:
        _fail(sentence(error, _parameters))
        raise typer.Exit(error.exit_code) from None
    except ModuleNotFoundError as error:
        if (lacking := missing_package(error)) is None:
            raise
        _fail(f"{lacking}{_kept(builds)}")
        raise typer.Exit(1) from None
    except BrokenPipeError:
        raise typer.Exit(1) from None  # who read our output, `head` say, has gone: nothing to tell
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _fail(f"{name}{error.strerror or error}{_kept(builds)}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if last := _watch.take_sentence():
            _say(last)
        raise typer.Exit(EXIT_CODE) from None


def _say(text: str) -> None:
    """Print a sentence on one line, without keys."""
    clear()
    tell(printable(_without_keys(text)))


def _fail(text: str) -> None:
    """Print what is wrong, as `_say` prints."""
    clear()
    tell_error(printable(_without_keys(text)))


def _tell_times(line: str) -> None:
    """Print what the time went to, on a terminal in lines that end where it ends."""
    tell(wrapped(line, columns() if is_terminal(sys.stderr) else None, 2))


def _without_keys(text: str) -> str:
    """A text in which the arguments of the command may be: URIs among them as they may be printed."""
    for argument in _arguments:
        location = argument.partition("=")[2] if re.match("--[a-z-]+=", argument) else argument
        if is_uri(location):
            for form in {location, str(Path(location))}:
                text = text.replace(form, redacted(form)).replace(repr(form)[1:-1], redacted(form))
    return text


def _stdout_for(path: Path) -> Path:
    """A path to write to, where `-` means what it does to other commands."""
    return Path("/dev/stdout") if path == Path("-") else path


def _check_paths(**options: "Path | Sequence[Path] | None") -> None:
    """Raise UsageError for a URI where a path is expected; it would be taken for one, keys and all."""
    for name, value in options.items():
        for path in [value] if isinstance(value, Path) else value or ():
            if is_uri(str(path)) and not path.exists():
                raise UsageError(Parameter(name), f" is {redacted(str(path))}; expected a path, not a URI")


def _kept(builds: bool) -> str:
    if not builds:
        return ""
    from .terminal.kept import kept_words

    return kept_words()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Importing torch and transformers makes a million objects and no garbage: a second less without collecting."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor is there any among them later
        gc.enable()


def _steady_memory() -> None:
    """Have glibc give blocks of a MiB and more back to the system as soon as they are free.

    Otherwise it learns to keep them, the small results of each batch settle between them, and memory grows with the
    shard: 963 MiB where it takes 733.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 2**20)


def run() -> None:
    """The console script. Ends without taking torch and the JVM down piece by piece, which costs another second."""
    code: int | str | None = 0
    know_all_letters()
    open_closed()
    _watch.start()
    try:
        with _one_sentence():
            check_stdout()
            app()
    except SystemExit as done:
        code = done.code
    except typer.Exit as done:
        code = done.exit_code
    if (error := flush()) and not code:
        _fail(str(not_written(error)))
        code = 1
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """From a Parquet file to a searchable learned-sparse index."""
    if version:
        put(__version__)
        raise typer.Exit
    decode()  # names and queries may hold bytes that are no text
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_on_a_line_of_its_own)
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("sparton").setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    """A message as it may be printed: names of columns and files may be in it. An error in it names flags."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, on one line."""
        if isinstance(given := record.args, tuple):
            record = copy(record)
            record.args = tuple(sentence(one, _parameters) if isinstance(one, SpartonError) else one for one in given)
        return printable(super().format(record))


def _on_a_line_of_its_own(record: logging.LogRecord) -> bool:
    clear()
    return True


@_command()
@_one_sentence(builds=True)
@record_options
def index(
    context: typer.Context,
    corpus: Annotated[list[str] | None, Corpus, Location()] = None,
    index: Index = "sparton-index",
    *,
    encoding: EncodingOptions,
    overwrite: Overwrite = False,
    from_collection: FromCollection = None,
    query_scale: QueryScale = SCALE,
    indexing: LuceneOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Encode a corpus and build a searchable index of it; or, with --from-collection, index vectors that exist.

    With --from-collection, --scale is for float weights (integers are taken as they are without it), and --model is
    what encodes queries (none without it), at --query-scale.
    """
    given = _given(context)
    if from_collection is not None:
        if corpus or (idle := given & (set(names(EncodingOptions)) - set(names(VectorOptions)))):
            what = "a corpus" if corpus else Parameter(min(idle))
            raise UsageError(
                what,
                " was given with ",
                Parameter("from_collection"),
                ", which encodes nothing; leave out one of them",
            )
        _check_paths(from_collection=from_collection)
        asked = values_for(VectorOptions, encoding)
        asked.update({name: None for name in ("model", "scale") if name not in given})
        queries = VectorOptions(**asked, query_scale=query_scale)
        _index_vectors(from_collection, index, queries, indexing, overwrite, store_timeout, as_json)
        return
    if "query_scale" in given:
        raise UsageError(
            Parameter("query_scale"),
            " is for vectors that exist, and a corpus is encoded; use ",
            Parameter("scale"),
            " for documents and queries",
        )
    with waiting_at_most(store_timeout):
        announce("looking at what there is to index")
        from .jobs.corpus import build_index

        _steady_memory()
        report = build_index(
            corpus or (), index, encoding=encoding, indexing=indexing, overwrite=overwrite, progress=True
        )
        _print_report(report, as_json)
        _prepare_searches(report.index)


@_command("index-vectors")
@_one_sentence(builds=True)
@record_options
def index_vectors(
    collection: Annotated[Path, typer.Argument(help="A folder of JsonVectorCollection files, or one such file.")],
    index: Index = "sparton-index",
    *,
    queries: VectorOptions,
    overwrite: Overwrite = False,
    indexing: LuceneOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Build a searchable index of JsonVectorCollection files that any tool wrote.

    --scale is for float weights (integers are taken as they are without it), and --model is what encodes queries (none
    without it), at --query-scale.
    """
    _index_vectors(collection, index, queries, indexing, overwrite, store_timeout, as_json)


@_command()
@_one_sentence()
@record_options
def update(
    index: ChangedIndex,
    rows: Annotated[
        list[str], typer.Argument(help="Parquet files, folders or globs (also JSON lines, CSV, …)."), Location()
    ],
    *,
    updating: UpdateOptions,
    others: AlsoOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Put rows into an index: one whose id it has replaces that document, any other is added.

    Rows are read and encoded as the index's corpus was, and encoded only if their text is another than before. One
    without text takes its document out. Searches find all of it or nothing of it.
    """
    with waiting_at_most(store_timeout):
        announce("looking at what is to be changed")
        from .jobs.update import update_index

        _steady_memory()
        _print_change(update_index(rows, index, updating=updating, others=others, progress=True), as_json)


@_command()
@_one_sentence()
@record_options
def delete(
    index: ChangedIndex,
    ids: Annotated[
        Path | None, typer.Option("--ids", help="A file with the id of a document a line; - is the standard input.")
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Take out what passes it, as 'in_stock = false'; all of several must hold."),
    ] = None,
    *,
    others: AlsoOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Take documents out of an index, with all of their passages."""
    with waiting_at_most(store_timeout):
        _check_paths(ids=ids)
        names = None if ids is None else _read_ids(ids)
        announce("looking at what is to be deleted")
        from .jobs.update import delete_documents

        report = delete_documents(index, names, filters=filters or (), others=others, progress=True)
        if names == []:
            clear()
            source = "the standard input" if str(ids) == "-" else printable(str(ids))
            tell(f"nothing to delete: {source} has no ids")
        _print_change(report, as_json)


@_command()
@_one_sentence()
@record_options
def compact(
    index: ChangedIndex, *, others: AlsoOptions, store_timeout: StoreTimeout = SECONDS, as_json: ReportJson = False
) -> None:
    """Merge away what updates and deletions have left dead in an index; it finds the same afterwards."""
    with waiting_at_most(store_timeout):
        announce("looking at what is to be merged")
        from .jobs.update import compact_index

        _print_change(compact_index(index, others=others, progress=True), as_json)


@_command()
@_one_sentence(builds=True)
@record_options
def encode(
    corpus: Annotated[list[str], Corpus, Location()],
    index: Annotated[
        str, typer.Option("--output", rich_help_panel="Index", help="The folder to write, or its URI."), Location()
    ],
    *,
    encoding: EncodingOptions,
    overwrite: Overwrite = False,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Encode a corpus into JsonVectorCollection files and stop there: no Java, no Lucene."""
    with waiting_at_most(store_timeout):
        announce("looking at what there is to encode")
        from .jobs.corpus import build_index

        _steady_memory()
        report = build_index(corpus, index, encoding=encoding, overwrite=overwrite, lucene=False, progress=True)
        _print_report(report, as_json)


@_command()
@_one_sentence()
@record_options
def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(help="What to search for, in one word or several; left out or -, lines are read and answered."),
    ] = None,
    index: Index = "sparton-index",
    k: Annotated[int, typer.Option("-k", help="How many hits."), at_least(1)] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Show which terms matched and what each added.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a hit.")] = False,
    filters: Filters = None,
    facets: Annotated[
        list[str] | None,
        typer.Option(
            "--facet",
            rich_help_panel="Fields",
            help="Field whose values are counted in all that match; repeat it for several.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", rich_help_panel="Fields", help="Field to order hits by, as price; -price: largest first."
        ),
    ] = None,
    offset: Annotated[int, typer.Option("--offset", help="How many hits to pass over."), at_least(0)] = 0,
    *,
    searching: SearcherOptions,
    store_timeout: StoreTimeout = SECONDS,
) -> None:
    """Search an index. A score is the sum over terms of query impact × document impact; with --with bm25 it is BM25's.

    Without QUERY a terminal gets a prompt, and of a pipe each line is a query: JSON lines come out.
    """
    words = None if not query or query == ["-"] else " ".join(query)
    with waiting_at_most(store_timeout):
        if words is None:
            check_stdin()
        from .search.searcher import Searcher

        with _collector_paused():
            searcher = Searcher(index, searching=searching)
        searcher.check(filters or (), facets or (), sort, explain=explain)  # said before a line is read
        asked: dict[str, Any] = {"filters": filters or (), "facets": facets or (), "sort": sort, "offset": offset}
        if words is not None:
            _print_hits(searcher, words, k, explain, as_json, asked)
        elif sys.stdin.isatty():
            for line in _typed("query> "):
                _print_hits(searcher, line, k, explain, as_json, asked)
        else:
            for line in lines():
                _print_hits(searcher, line, k, explain, True, asked, named=True)


@_command()
@_one_sentence()
@record_options
def serve(
    index: Annotated[
        list[str] | None,
        typer.Option(
            "--index",
            rich_help_panel="Index",
            help="The index folder, or its URI; several as name=PLACE. [default: sparton-index]",
        ),
        Location(),
    ] = None,
    *,
    serving: ServeOptions,
    searching: WayOptions,
    store_timeout: StoreTimeout = SECONDS,
) -> None:
    """Answer queries over HTTP: /search, /encode, /doc, /index, /health, /metrics, /docs, and a page to search from."""
    with waiting_at_most(store_timeout):
        from .search.service.indexes import named_places, place_text
        from .search.service.server import serve_index

        asked = index or ["sparton-index"]
        told = place_text(named_places(asked))
        serve_index(
            asked,
            serving=serving,
            searching=searching,
            on_ready=lambda address: _ready(told, address),
            said=lambda error: sentence(error, _parameters),
        )


@_command("run")
@_one_sentence()
@record_options
def run_topics(
    topics: Annotated[
        list[Path],
        typer.Argument(help="Id, tab, text a line; JSON lines with texts or vectors; TREC's <top>; .gz too."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The TREC run; a folder for the runs of several TOPICS.")
    ],
    index: Index = "sparton-index",
    k: Annotated[int, typer.Option("-k", help="How many hits a query."), at_least(1)] = 1000,
    threads: Threads = None,
    tag: Annotated[str, typer.Option("--tag", help="The run's name, its last column.")] = "sparton",
    pretokenized: Pretokenized = None,
    filters: Filters = None,
    scale: TopicScale = None,
    *,
    searching: SearcherOptions,
    hits: HitOptions,
    store_timeout: StoreTimeout = SECONDS,
) -> None:
    """Search for all queries of TOPICS and write a TREC run, best first, ties in order of id."""
    with waiting_at_most(store_timeout):
        output = _stdout_for(output)
        _check_paths(topics=topics, output=output)
        from .search.evaluation.run import plan_runs, write_runs
        from .search.evaluation.topics import TopicOptions
        from .storage.atomic import is_stdout
        from .storage.remote import local_path

        reading = TopicOptions(pretokenized, scale)
        plan = plan_runs(
            topics,
            output,
            k=k,
            threads=threads,
            tag=tag,
            index=local_path(index),
            reading=reading,
            filters=filters or (),
            hits=hits,
        )
        from .search.searcher import Searcher

        with _collector_paused():
            searcher = Searcher(index, searching=searching)
        for report in write_runs(searcher, plan, counting=partial(counted, unit="queries", shown=True)):
            say = tell if is_stdout(report.path) else put
            say(run_line(report))
            speed = report.queries / report.seconds
            tell(f"{report.seconds:.1f} s ({speed:,.0f} queries/s)")


@_command()
@_one_sentence()
@record_options
def fuse(
    runs: Annotated[list[Path], typer.Argument(help="TREC runs of the same topics, two or more.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The TREC run to write.")],
    k: Annotated[int, typer.Option("-k", help="How many hits a query."), at_least(1)] = 1000,
    rank_constant: Annotated[
        int | None,
        typer.Option("--rrf-k", help="The k of reciprocal rank fusion, 1 / (k + rank). [default: 60]"),
        at_least(0),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help="Sum up scores instead, normalized from 0 to 1 for each query, with these weights: a number a run, as "
            "0.3,0.7.",
        ),
    ] = None,
    tag: Annotated[str, typer.Option("--tag", help="The run's name, its last column.")] = "sparton",
) -> None:
    """Fuse runs to one: by reciprocal ranks, or by a weighted sum of scores. Ties are in order of id."""
    output = _stdout_for(output)
    _check_paths(runs=runs, output=output)
    from .search.evaluation.fuse import fuse_runs
    from .search.fusion.register import read_weights
    from .storage.atomic import is_stdout

    given = None if weights is None else read_weights(weights)
    report = fuse_runs(runs, output, k=k, tag=tag, rank_constant=rank_constant, weights=given)
    say = tell if is_stdout(report.path) else put
    say(printable(fused_line(report)))
    for path, lacking in report.lacking.items():
        tell(printable(f"{path} has no hits for {lacking:,} of the {report.queries:,} queries"))


@_command()
@_one_sentence()
@record_options
def export(
    index: Annotated[str, typer.Argument(help="The index: a folder or a URI."), Location()],
    to: Annotated[
        str, typer.Option("--to", help="seismic, ciff, opensearch, elasticsearch, qdrant, vespa or parquet.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write, or to go on with.")],
    topics: Annotated[
        Path | None,
        typer.Option("--topics", rich_help_panel="Topics", help="Queries to write too, as `run` reads them."),
    ] = None,
    pretokenized: Pretokenized = None,
    scale: TopicScale = None,
    *,
    searching: QueryOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: ReportJson = False,
) -> None:
    """Write an index, and queries encoded for it, as another engine or tool loads them.

    What was killed goes on when it is run again. docs/exports.md has the command that loads each format.
    """
    with waiting_at_most(store_timeout):
        _check_paths(topics=topics, output=output)
        announce("looking at what there is to export")
        from .exports.export import export_index

        report = export_index(
            index,
            to,
            output,
            topics=topics,
            pretokenized=pretokenized,
            scale=scale,
            searching=WayOptions(**values_for(WayOptions, searching)),
            progress=True,
        )
        clear()
        put(report.as_json() if as_json else report.summary())
        for line in report.remarks():
            tell(line)
        _tell_times(report.times())


@_command()
@_one_sentence()
@record_options
def score(
    runs: Annotated[list[Path], typer.Argument(help="TREC runs; the first is what the others are compared with.")],
    qrels: Annotated[Path, typer.Option("--qrels", help="TREC's relevance judgments.")],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--measure",
            help="As ir-measures names it, or trec_eval (ndcg_cut_10). [default: nDCG@10, RR@10, R@1000, AP]",
        ),
    ] = None,
    per_query: Annotated[bool, typer.Option("--per-query", help="Show the values of each query.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw differences per query to this file.")] = None,
    *,
    hits: ScoringOptions,
) -> None:
    """Score runs. Means are over all judged queries (trec_eval -c); p is of a two-sided paired t-test, after Holm."""
    _check_paths(runs=runs, qrels=qrels, plot=plot)
    from .search.evaluation.score import MEASURES, score_runs

    if plot is not None:
        from .search.evaluation.plot import check_plot, plot_differences

        check_plot(plot, runs, qrels)
    scores = score_runs(runs, qrels, measure or MEASURES, hits)
    for line in (*(coverage_line(scored, scores.queries) for scored in scores.runs), correction_line(scores)):
        if line:
            tell(line)
    if as_json:
        put(scores_json(scores, per_query))
    else:
        put(per_query_table(scores) if per_query else scores_table(scores))
    if plot is not None:
        plot_differences(scores, plot)


@_command()
@_one_sentence(builds=True)
@record_options
def bench(
    name: Annotated[
        str,
        typer.Argument(help="A folder of BEIR, TREC or MS MARCO, or an id of ir_datasets, as beir/scifact."),
        Location(),
    ],
    index: Annotated[
        Path | None,
        typer.Option("--index", rich_help_panel="Index", help="The index folder. [default: index, in that of --out]"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder of the report. [default: NAME-bench]")] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Which judgments. [default: test, or dev.small of MS MARCO]")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--measure",
            "--measures",
            help="As ir-measures names it, or trec_eval. [default: nDCG@10, RR@10, R@100, R@1000, AP]",
        ),
    ] = None,
    search_with: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="As of `run`, as bm25+sparse; repeat it to compare with the first. [default: lucene]"
        ),
    ] = None,
    rank_constant: Annotated[
        int | None,
        typer.Option("--rrf-k", help="With bm25+sparse: the k of reciprocal rank fusion. [default: 60]"),
        at_least(0),
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="With bm25+sparse: weights of a sum of scores instead, as 0.3,0.7.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many hits a query."), at_least(1)] = 1000,
    *,
    hits: ScoringOptions,
    encoding: EncoderOptions,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Index a judged collection, search for its topics, score the runs, and write a report of all that.

    The folder of the report also has the topics, judgments and runs, as `run` and `score` take them.
    """
    _check_paths(index=index, out=out)
    announce("looking at the collection")
    from .bench.benchmark import MEASURES, Benchmark, run_benchmark
    from .bench.ways import ways_of

    given = Benchmark(
        encoding,
        split,
        out,
        index,
        measure or MEASURES,
        ways_of(search_with, encoding, rank_constant, weights),
        k,
        hits,
        overwrite,
    )
    _steady_memory()
    finished = run_benchmark(name, given, progress=True)
    clear()
    report = finished.report
    put(to_json(report.content(), indent=2) if as_json else "\n".join(report.table()))
    for run in finished.runs:
        tell(run_line(run))
    for scored in report.scores.runs:
        if line := coverage_line(scored, report.scores.queries):
            tell(line)
    if report.split is not None and split is None:
        tell(f"topics and judgments of the split {report.split}; --split names another")
    for what, count in report.left_out.items():
        tell(f"left out, {what}: {count:,}")
    if report.published.remark:
        tell(report.published.remark)
    reused = ", with the index that was there" if report.reused else ""
    tell(f"{printable(str(finished.markdown))}: {report.seconds['all']:.1f} s{reused}")


@_command("encode-text")
@_one_sentence()
@record_options
def encode_text(
    text: Annotated[str, typer.Argument(help="The text.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            rich_help_panel="Model",
            help="Encode it as a document of this model; with --index, where its model is. [default: small]",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option("--index", rich_help_panel="Index", help="Encode it as a query for this index instead."),
        Location(),
    ] = None,
    query_model: IndexQueryModel = None,
    device: Device = "cpu",
    trust_remote_code: TrustRemoteCode = False,
    store_timeout: StoreTimeout = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what a text becomes: its terms and their impacts, heaviest first; + marks those that it does not hold."""
    with waiting_at_most(store_timeout):
        from .search.explain import encoded_text

        with _collector_paused():
            terms, own = encoded_text(
                text, index, model, query_model, device=device, trust_remote_code=trust_remote_code
            )
        if as_json:
            put(terms_json(text, terms, own))
        elif terms:
            put(terms_lines(terms, own))
        else:
            tell(f"sparton: {text!r} has no term that the model knows")


@_command()
@_one_sentence()
@record_options
def info(
    context: typer.Context,
    location: Annotated[
        str | None, typer.Argument(metavar="[INDEX]", help="The index folder, or its URI."), Location()
    ] = None,
    index: Index = "sparton-index",
    store_timeout: StoreTimeout = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest as JSON.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read all of it: checksums, ids, counts; exit code 1 if anything is wrong.")
    ] = False,
) -> None:
    """Show what is in an index and how it was made, and with --check whether it still is what was written."""
    if location is not None and "index" in _given(context) and location != index:
        found = f" is {short(redacted(index))} and INDEX is {short(redacted(location))}; name one of them"
        raise UsageError(Parameter("index"), found)
    index = index if location is None else location
    with waiting_at_most(store_timeout):
        from .storage.local_copy import local_index
        from .storage.manifest import load_complete, load_manifest

        folder = local_index(index, lucene=check, beside=BESIDE if check else ())
        manifest = load_complete(folder) if check else load_manifest(folder)
        if as_json:
            put(to_json(asdict(manifest), indent=2))
        else:
            for line in _info_lines(index, manifest):
                put(wrapped(printable(line), columns(), 14))
        if check:
            from .search.check import check_index

            with waiting("checking", shown=True):
                checked = check_index(folder, manifest, redacted(index))
            if as_json:
                tell(checked_line(checked))
            else:
                put(wrapped(checked_line(checked), columns(), 14))


@_command()
@_one_sentence()
@record_options
def stats(
    context: typer.Context,
    index: ChangedIndex = "sparton-index",
    topics: Annotated[
        Path | None, typer.Option("--topics", help="Queries, as `sparton run` takes them, to say what they cost.")
    ] = None,
    pretokenized: Pretokenized = None,
    scale: TopicScale = None,
    *,
    searching: QueryOptions,
    store_timeout: StoreTimeout = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show how many terms documents and queries have, the longest postings, and bytes by what they are for.

    FLOPS, with --topics: products of a query's impact and a document's, on average over all pairs of them.
    """
    with waiting_at_most(store_timeout):
        of_queries = {*names(QueryOptions), "pretokenized", "scale"}
        if topics is None and (idle := _given(context) & of_queries):
            raise UsageError(Parameter(min(idle)), " is for queries; name some with ", Parameter("topics"))
        _check_paths(topics=topics)
        from .search.evaluation.topic_terms import topic_terms
        from .search.evaluation.topics import TopicOptions
        from .search.searcher import Searcher
        from .search.stats import index_stats

        queries = None
        if topics is not None:
            reading = TopicOptions(pretokenized, scale)
            opened_with = SearcherOptions(**values_for(SearcherOptions, searching))
            queries = topic_terms(topics, reading, lambda: Searcher(index, searching=opened_with))
        with waiting("counting postings", shown=True):
            found = index_stats(index, queries)
        put(stats_json(found) if as_json else stats_lines(found))


@_command()
@_one_sentence()
def doctor() -> None:
    """Show what this machine has of what Sparton can use, and what to do about the rest."""
    from .terminal.doctor import examine

    checks = examine()
    for check in checks:
        put(f"{'ok  ' if check.ok else 'no  '}{check.what:<16}{check.found}")
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _ready(indexes: str, address: str) -> None:
    _watch.stop()  # what stops the service also finishes what is under way
    tell(f"serving {indexes} at {address} (Ctrl-C stops)")


def _info_lines(index: str, manifest: "Manifest") -> Iterator[str]:
    settings, model = manifest.settings, manifest.settings.model
    yield f"{redacted(index)}: {manifest.stage}"
    if model:
        yield f"  model       {model_line(model)}"
        if queries := queries_line(model):
            yield f"  queries     {queries}"
    yield f"  columns     id = {settings.id_column}, text = {' + '.join(settings.text_columns)}"
    if settings.fields:
        yield f"  fields      {fields_line(settings.fields)}"
    impacts = "as given" if settings.scale is None else f"round(weight × {settings.scale:g})"
    queries = "" if settings.query_scale is None else f", of queries round(weight × {settings.query_scale:g})"
    yield f"  impacts     {impacts}{queries}, {pruning_line(settings)}"
    if manifest.stage != ENCODING:
        yield f"  documents   {counts_line(manifest.counts)}"
    if manifest.number:
        yield f"  generation  {manifest.number:,} (updated {times(manifest.number)} since it was built)"
    if manifest.stage == COMPLETE:
        for name in BESIDE:
            yield f"  {name:<12}{beside_line(manifest, name)}"
    yield f"  made with   {', '.join(f'{name} {value}' for name, value in manifest.versions.items())}"


def _typed(prompt: str) -> Iterator[str]:
    """Lines typed at a prompt, with a history, until Ctrl-D."""
    import readline  # noqa: F401  # its import gives input() a history

    while True:
        try:
            yield input(prompt)
        except EOFError:
            put()
            return


def _print_hits(
    searcher: "Searcher",
    query: str,
    k: int,
    explain: bool,
    as_json: bool,
    asked: Mapping[str, Any],
    named: bool = False,
) -> None:
    """asked: what else Searcher.answer takes. named: each hit says of which query it is."""
    answer = searcher.answer(query, k, **asked)
    if answer.reason:
        tell(f"sparton: no hits for {query!r}: {answer.reason}")
    matches = searcher.explain(answer.terms, answer.hits) if explain else [None] * len(answer.hits)
    own = searcher.input_terms(query) if explain else ()
    for hit, matched in zip(answer.hits, matches, strict=True):
        put(hit_json(hit, matched, own, query if named else None) if as_json else hit_lines(hit, matched, own))
    if answer.total is not None:
        put(facets_json(answer, query if named else None) if as_json else facets_lines(answer))
    if answer.hits and sys.stderr.isatty():
        _tell_times(seconds_line(answer.seconds))


def _given(context: typer.Context) -> set[str]:
    """The parameters that are on the command line, rather than having their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _index_vectors(
    collection: Path,
    index: str,
    queries: VectorOptions,
    indexing: LuceneOptions,
    overwrite: bool,
    store_timeout: float,
    as_json: bool,
) -> None:
    with waiting_at_most(store_timeout):
        announce("looking at what there is to index")
        _check_paths(collection=collection)
        from .jobs.vectors import index_vectors as build

        report = build(collection, index, queries=queries, indexing=indexing, overwrite=overwrite, progress=True)
        _print_report(report, as_json)
        _prepare_searches(report.index)


def _prepare_searches(index: Path | str) -> None:
    """Have searches of this installation start quicker, if this is its first index."""
    from .search.quick_start import make_archive, missing_archive

    if isinstance(index, Path) and (archive := missing_archive()):
        announce("preparing Java for quick searches, once")
        from .storage.manifest import load_complete

        make_archive(archive, index / load_complete(index).indexes[0])
        clear()


def _read_ids(path: Path) -> list[str]:
    """The ids that stand in a file, each once. Raises SpartonError where it cannot be read, or holds no text."""
    from .search.text_lines import numbered_lines

    if str(path) != "-":
        return list(dict.fromkeys(line for _, line in numbered_lines(path)))
    if sys.stdin is None:
        raise SpartonError("standard input is closed, and ids were to come from it; name a file of them")
    return list(dict.fromkeys(name for line in lines() if (name := line.rstrip("\r")) and not name.isspace()))


def _print_change(report: "UpdateReport", as_json: bool) -> None:
    clear()
    put(report.as_json() if as_json else report.summary())
    for line in report.remarks():
        tell(line)
    _tell_times(report.times())


def _print_report(report: "BuildReport", as_json: bool) -> None:
    clear()
    put(report.as_json() if as_json else f"{report.index}: {counts_line(report.counts)}")
    for line in report.left_out():
        tell(line)
    _tell_times(report.times())
