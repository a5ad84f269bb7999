"""What encodes queries: the documents' model or another, and which of its terms a query has."""

from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import Parameter, UsageError
from ...storage.manifest import ALL, ONES, OWN
from ..options import ModelOptions
from .files import ModelFiles, find_model, refuse_idle_revision
from .spec import EncoderFiles, with_terms


@dataclass(frozen=True, slots=True)
class QuerySide:
    """What encodes the queries of a model on the hub. model: a name there, None for the same one. terms: see
    EncoderSpec."""

    model: str | None = None
    terms: str | None = None


# By name on the hub, for those whose files do not say it: at revisions from before they had sentence-transformers'
# modules, or still. Where the files say how queries are encoded, they decide.
KNOWN = {
    # Their model cards: each is to be used with the query model of the same letters.
    "naver/efficient-splade-V-large-doc": QuerySide("naver/efficient-splade-V-large-query"),
    "naver/efficient-splade-VI-BT-large-doc": QuerySide("naver/efficient-splade-VI-BT-large-query"),
    # arXiv 2403.06789, section 4, and the model card: "no expansion on the query side - only term weighting".
    "naver/splade-v3-lexical": QuerySide(terms=OWN),
    # arXiv 2403.06789, section 4, and SpladeDoc in splade/hf/models.py of github.com/naver/splade: a bag of tokens.
    "naver/splade-v3-doc": QuerySide(terms=ONES),
}


def find_queries(files: ModelFiles, options: ModelOptions) -> ModelFiles:
    """The model whose `queries` encode queries: that of the documents, `files`, or another. The options go before what
    the files say, and these before what is known of a name.

    Raises SpartonError as find_model, and UsageError for a revision without a model.
    """
    name, terms = _asked(files, options)
    if name is None and options.query_revision is not None:
        raise UsageError(
            Parameter("query_revision"),
            f" is {options.query_revision} and there is no ",
            Parameter("query_model"),
            " that it could be for; name one",
        )
    if name is None:
        return replace(files, queries=with_terms(files.queries, terms))
    refuse_idle_revision(name, options.query_revision, "query_revision")
    found = find_model(
        name, options.query_revision, trust_remote_code=options.trust_remote_code, queries=True, terms=terms
    )
    is_same = found.folder.resolve() == files.folder.resolve()
    return replace(files, queries=with_terms(files.queries, terms)) if is_same else found


def are_queries_elsewhere(files: ModelFiles, options: ModelOptions) -> bool:
    """Whether another model than the documents' encodes queries, as find_queries would say. Looks for none: who encodes
    documents need not have it."""
    name, terms = _asked(files, options)
    is_named = name == files.name and options.query_revision == options.revision
    if name is None or is_named or Path(name).expanduser().resolve() == files.folder.resolve():
        return not with_terms(files.queries, terms).is_same_model(files.documents)
    return True


def _asked(files: ModelFiles, options: ModelOptions) -> tuple[str | None, str | None]:
    """The name of another model that is to encode queries, and which terms they are to have; None for what the files
    say."""
    known = _known(files)
    # What is known of a model's own queries is not so of those of another one.
    terms = options.query_terms or (known.terms if options.query_model is None else None)
    return options.query_model or known.model, terms


def _known(files: ModelFiles) -> QuerySide:
    encoder: EncoderFiles = files.queries
    silent = encoder.is_same_model(files.documents) and encoder.terms == ALL
    on_hub = files.revision is not None
    return KNOWN.get(files.name, QuerySide()) if silent and on_hub else QuerySide()
