"""What is said of an index and of runs, as lines or as JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import plural
from ..storage.index_folder import TITLES
from ..storage.manifest import ONES, OWN
from .screen import padded
from .streams import to_json
from .terms import plain

if TYPE_CHECKING:
    from ..search.check import Checked
    from ..search.evaluation.fuse import FuseReport
    from ..search.evaluation.run import RunReport
    from ..search.searcher import Seconds
    from ..search.stats import IndexStats, Spread
    from ..storage.fields import Field
    from ..storage.manifest import Manifest, ModelSettings, Settings

_TERMS = {OWN: "their own tokens alone", ONES: "each token weighs 1"}


def fields_line(fields: "Sequence[Field]") -> str:
    """The fields of an index and their kinds."""
    return ", ".join(f"{field.name} ({field.kind})" for field in fields)


def seconds_line(seconds: "Seconds") -> str:
    """What a query's time went to."""
    return ", ".join(f"{part} {1000 * spent:.1f} ms" for part, spent in asdict(seconds).items())


def model_line(model: "ModelSettings") -> str:
    """An index's model, and how it encodes documents."""
    spec = model.documents
    length = "any number of" if spec.max_length is None else spec.max_length
    counted = f"term frequency {spec.term_frequency:g}" if spec.term_frequency else None
    own = f"own words {spec.own_words:g}" if spec.own_words else None
    how = filter(None, (spec.dtype, f"{length} tokens", counted, own, spec.digest[:15]))
    return f"{model.name} ({', '.join(how)})"


def queries_line(model: "ModelSettings") -> str:
    """How queries are encoded, where it is not as documents."""
    from ..pipeline.model.kinds import KINDS

    spec, source = model.for_queries, model.query_model
    kind = KINDS.get(spec.kind)
    encoder = "" if model.shared or spec.terms == ONES else f"by {kind.title if kind else spec.kind}"
    if source:
        encoder = f"by {source.name} ({spec.digest[:15]})"
    prompt = spec.prompt and f"after the prompt {spec.prompt!r}"
    weighed = f"impacts × (idf in the index / the model's) ^ {spec.idf_power:g}" if spec.idf_power else None
    return ", ".join(filter(None, (encoder, _TERMS.get(spec.terms), prompt, weighed)))


def pruning_line(settings: "Settings") -> str:
    """Which terms of documents are kept: as the user asked, else as the model says."""
    spec = settings.model.documents if settings.model and not settings.of_vectors else None
    own = spec.prune_ratio if spec else None
    ratio = own if settings.prune_ratio is None else settings.prune_ratio
    rules = [f"top terms: {settings.top_terms or 'all'}"]
    if ratio:
        rules.append(f"from {ratio:g} × the heaviest on{' (the model)' if settings.prune_ratio is None else ''}")
    if settings.prune_mass is not None:
        rules.append(f"the heaviest with {settings.prune_mass:g} of the sum")
    if settings.min_impact is not None:
        rules.append(f"impacts from {settings.min_impact:,} on")
    return ", ".join(rules)


def beside_line(manifest: "Manifest", name: str) -> str:
    """Whether there is an index of that name beside the impact index, and of which generation."""
    found = manifest.beside.get(name)
    if found is None:
        return "none"
    number = found.number
    if name in manifest.current_beside:
        return f"of generation {number:,}"
    return f"of generation {number:,}, and the index of {manifest.number:,}: not searched until it is renewed"


def run_line(report: "RunReport") -> str:
    """What a run holds."""
    queries = f"{report.queries:,} {'query' if report.queries == 1 else 'queries'}"
    line = f"{plain(str(report.path))}: {queries}, {plural(report.hits, 'hit')}"
    none = "without a term that the model knows" if report.by_model else "without a word but stop words"
    unanswered = f"with no term or whole word that a document {'behind the filters ' if report.filtered else ''}holds"
    own = "whose own document is left out"
    for count, words in ((report.without_terms, none), (report.without_hits, unanswered), (report.own, own)):
        if count:
            line += f", {count:,} {words}"
    return line


def fused_line(report: "FuseReport") -> str:
    """What a fused run holds."""
    queries = f"{report.queries:,} {'query' if report.queries == 1 else 'queries'}"
    return f"{report.path}: {queries}, {plural(report.hits, 'hit')}"


def checked_line(checked: "Checked") -> str:
    """What of an index was found to be right."""
    parts = f", {plural(checked.parts, 'part')} of the collection" if checked.parts else ""
    beside = "".join(f", the {TITLES[name]} index" for name in checked.beside)
    unchecked = "; the collection is not on this machine and was not checked" if checked.unchecked else ""
    return (
        f"  checked     {plural(checked.documents, 'document')}, {plural(checked.postings, 'posting')}, their ids and "
        f"Lucene's checksums{parts}{beside}: as they were written{unchecked}"
    )


def stats_json(stats: "IndexStats") -> str:
    """What an index holds, as one JSON object."""
    return to_json(asdict(stats), indent=2)


def stats_lines(stats: "IndexStats") -> str:
    """The same in lines."""
    what = "passage" if stats.passages else "document"
    deleted = f" ({stats.deleted:,} deleted ones are still in its files)" if stats.deleted else ""
    lines = [
        f"{plain(stats.index)}: {stats.documents:,} {what}s{deleted}, {stats.terms:,} terms, {stats.postings:,} "
        "postings",
        f"  {f'terms a {what}':<18}{_spread(stats.terms_a_document)}",
    ]
    if queries := stats.queries:
        none = f", {queries.without_terms:,} without any" if queries.without_terms else ""
        lines.append(f"  {'terms a query':<18}{_spread(queries.terms_a_query)} ({queries.queries:,} queries{none})")
        lines.append(f"  {'FLOPS':<18}{queries.flops:,.2f} products a query and {what}")
    for number, one in enumerate(stats.longest):
        title = "" if number else "longest postings"
        lines.append(f"  {title:<18}{padded(plain(one.term), 20)}{one.documents:>12,}  {one.share:>6.1%}")
    beside = ((name, stats.beside.get(name)) for name in TITLES)
    sizes = (("collection", stats.collection), ("lucene", sum(stats.lucene.values())), *beside)
    lines += [f"  {f'bytes of {part}':<20}{size:>16,}" for part, size in sizes if size is not None]
    for kind, size in sorted(stats.lucene.items(), key=lambda item: -item[1]):
        if size:
            lines.append(f"    {kind:<18}{size:>16,}")
    return "\n".join(lines)


def _spread(spread: "Spread") -> str:
    return f"mean {spread.mean:,.1f}, p50 {spread.p50:,}, p99 {spread.p99:,}"
