"""How results look on a terminal, or as JSON for programs."""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import plural
from ..search.hit_content import facets_content, hit_content
from ..storage.index_folder import TITLES
from ..storage.manifest import ONES, OWN
from .streams import printable, to_json

if TYPE_CHECKING:
    from ..search.check import Checked
    from ..search.evaluation.fuse import FuseReport
    from ..search.evaluation.run import RunReport
    from ..search.evaluation.score import RunScores, Scores
    from ..search.explain import Match
    from ..search.searcher import Answer, Hit, Seconds
    from ..search.stats import IndexStats, Spread
    from ..storage.fields import Field, FieldValue
    from ..storage.manifest import Manifest, ModelSettings, Settings

_TERMS = {OWN: "their own tokens alone", ONES: "each token weighs 1"}
_LONGEST_VALUE = 40  # characters of a field's value, on the line of a hit's fields
_EXPANDED = "+"  # before a term that the model added


def hit_json(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str], query: str | None = None) -> str:
    """A hit as one JSON object, with its query where there are several. input_terms: the query's."""
    content = hit_content(hit, matches, input_terms)
    return to_json(content if query is None else {"query": query, **content})


def hit_lines(hit: "Hit", matches: "list[Match] | None", input_terms: Collection[str]) -> str:
    """A hit as a line, its fields as another, and a bar for each match. input_terms: the query's."""
    width = shutil.get_terminal_size().columns
    head = f"{hit.rank:>3}  {_score(hit.score):>8}  {_plain(hit.id)}  "
    lines = [_cut(head + _plain(hit.text or ""), width)]
    if fields := _fields_line(hit.fields):
        lines.append(_cut(f"     {fields}", width))
    for match in matches or ():
        share = match.contribution / hit.score
        lines.append(
            f"     {_score(match.contribution):>8}  {_term(match.term, input_terms)} "
            f"{match.query_impact:>4} × {_score(match.document_impact):<4} {share:>4.0%} {_bar(share)}"
        )
    return "\n".join(lines)


def facets_lines(answer: "Answer") -> str:
    """How many documents match, and a line for each field that was counted."""
    lines = [f"{plural(answer.total or 0, 'document')} {'matches' if answer.total == 1 else 'match'}"]
    width = shutil.get_terminal_size().columns
    for name, counts in answer.facets.items():
        values = " · ".join(f"{_cut(_plain(_value(one.value)), _LONGEST_VALUE)} {one.count:,}" for one in counts)
        lines.append(_cut(f"  {_plain(name)}: {values or 'none'}", width))
    return "\n".join(lines)


def facets_json(answer: "Answer", query: str | None = None) -> str:
    """The same as one JSON object, with its query where there are several."""
    content = facets_content(answer)
    return to_json(content if query is None else {"query": query, **content})


def fields_line(fields: "Sequence[Field]") -> str:
    """The fields of an index and their kinds."""
    return ", ".join(f"{field.name} ({field.kind})" for field in fields)


def seconds_line(seconds: "Seconds") -> str:
    """What a query's time went to."""
    return ", ".join(f"{part} {1000 * spent:.1f} ms" for part, spent in asdict(seconds).items())


def terms_json(text: str, terms: Mapping[str, int], input_terms: Collection[str]) -> str:
    """An encoded text as one JSON object."""
    weights = [{"term": term, "impact": impact, "expanded": term not in input_terms} for term, impact in terms.items()]
    return to_json({"text": text, "terms": weights})


def terms_lines(terms: Mapping[str, int], input_terms: Collection[str]) -> str:
    """An encoded text as a bar for each term, as long as its share of the heaviest."""
    heaviest = max(terms.values(), default=1)
    return "\n".join(
        f"{impact:>6}  {_term(term, input_terms)} {_bar(impact / heaviest)}" for term, impact in terms.items()
    )


def model_line(model: "ModelSettings") -> str:
    """An index's model, and how it encodes documents."""
    spec = model.documents
    length = "any number of" if spec.max_length is None else spec.max_length
    how = filter(None, (spec.dtype, f"{length} tokens", spec.digest[:15]))
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
    return ", ".join(filter(None, (encoder, _TERMS.get(spec.terms), prompt)))


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
    line = f"{report.path}: {queries}, {plural(report.hits, 'hit')}"
    none = "without a term that the model knows" if report.by_model else "without a word but stop words"
    unanswered = f"with no term or whole word that a document {'behind the filters ' if report.filtered else ''}holds"
    for count, words in ((report.without_terms, none), (report.without_hits, unanswered)):
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
        f"{_plain(stats.index)}: {stats.documents:,} {what}s{deleted}, {stats.terms:,} terms, {stats.postings:,} "
        "postings",
        f"  {f'terms a {what}':<18}{_spread(stats.terms_a_document)}",
    ]
    if queries := stats.queries:
        none = f", {queries.without_terms:,} without any" if queries.without_terms else ""
        lines.append(f"  {'terms a query':<18}{_spread(queries.terms_a_query)} ({queries.queries:,} queries{none})")
        lines.append(f"  {'FLOPS':<18}{queries.flops:,.2f} products a query and {what}")
    for number, one in enumerate(stats.longest):
        title = "" if number else "longest postings"
        lines.append(f"  {title:<18}{_plain(one.term):<20}{one.documents:>12,}  {one.share:>6.1%}")
    beside = ((name, stats.beside.get(name)) for name in TITLES)
    sizes = (("collection", stats.collection), ("lucene", sum(stats.lucene.values())), *beside)
    lines += [f"  {f'bytes of {part}':<20}{size:>16,}" for part, size in sizes if size is not None]
    for kind, size in sorted(stats.lucene.items(), key=lambda item: -item[1]):
        if size:
            lines.append(f"    {kind:<18}{size:>16,}")
    return "\n".join(lines)


def _spread(spread: "Spread") -> str:
    return f"mean {spread.mean:,.1f}, p50 {spread.p50:,}, p99 {spread.p99:,}"


def scores_table(scores: "Scores") -> str:
    """A line a run, a column a measure; p against the first run follows a value."""
    names = [str(run.path) for run in scores.runs]
    width = max(map(len, names))
    lines = [" ".join([" " * width, *(f" {measure:<18}" for measure in scores.measures)])]
    for name, run in zip(names, scores.runs, strict=True):
        cells = (
            f" {mean:<8.4f}" + (" " * 10 if p is None else f"p {p:<8.3g}")
            for mean, p in zip(run.means, run.p, strict=True)
        )
        lines.append(" ".join([f"{name:<{width}}", *cells]))
    return "\n".join(line.rstrip() for line in lines)


def per_query_table(scores: "Scores") -> str:
    """Tab-separated: measure, query, and a value for each run; the mean is the query `all`."""
    lines = ["\t".join(["measure", "query", *(str(run.path) for run in scores.runs)])]
    for column, measure in enumerate(scores.measures):
        for query in scores.runs[0].per_query[column]:
            lines.append("\t".join([measure, query, *(f"{run.per_query[column][query]:.4f}" for run in scores.runs)]))
        lines.append("\t".join([measure, "all", *(f"{run.means[column]:.4f}" for run in scores.runs)]))
    return "\n".join(lines)


def scores_json(scores: "Scores", per_query: bool) -> str:
    """Everything, as one JSON object."""

    def measured(run: "RunScores", column: int) -> dict[str, object]:
        values = {"per_query": run.per_query[column]} if per_query else {}
        return {"mean": run.means[column], "p": run.p[column], **values}

    content = {
        "judged": scores.queries,
        "runs": [
            {
                "run": str(run.path),
                "measures": {measure: measured(run, column) for column, measure in enumerate(scores.measures)},
                "without_results": run.without_results,
                "unjudged": run.unjudged,
            }
            for run in scores.runs
        ],
    }
    return to_json(content)


def coverage_line(run: "RunScores", queries: int) -> str:
    """What to say of queries that are judged and have no results, or the other way round; empty if there are none."""
    parts = []
    if run.without_results:
        parts.append(f"{run.without_results:,} of {queries:,} judged queries have no results and count as 0")
    if run.unjudged:
        parts.append(f"{run.unjudged:,} queries have results and no judgments, and do not count")
    return f"{run.path}: {'; '.join(parts)}" if parts else ""


def _fields_line(fields: "Mapping[str, FieldValue]") -> str:
    """Fields and their values, without those that are empty."""
    values = {name: _cut(_plain(_value(value)), _LONGEST_VALUE) for name, value in fields.items()}
    return " · ".join(f"{_plain(name)}: {value}" for name, value in values.items() if value)


def _value(value: "FieldValue") -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _score(score: float) -> str:
    """A score: whole numbers as such, others with some digits behind the point, more of them below 1."""
    return f"{score:.0f}" if score == int(score) else f"{score:.4f}" if score >= 1 else f"{score:.6f}"


def _term(term: str, input_terms: Collection[str]) -> str:
    return f"{'' if term in input_terms else _EXPANDED}{term}".ljust(16)


def _bar(share: float) -> str:
    return "█" * max(1, round(20 * share))


def _plain(text: str) -> str:
    """On one line, and with nothing in it that a terminal would obey."""
    return " ".join(printable(text).split())


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(1, width - 1)] + "…"
