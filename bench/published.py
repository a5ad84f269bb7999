"""Published figures of well-known collections, and of where they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What a system is published to reach. measures: {name of ir-measures: value}."""

    system: str
    source: str
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of a collection. remark: what to know of them; of one that is called as a known one and is another, why
    there are no figures."""

    figures: tuple[Figure, ...] = ()
    remark: str = ""


def published(name: str, documents: int, queries: int, *, remove_query: bool) -> Published:
    """The figures of the collection that is called so, if it has as many documents and judged queries as that.

    remove_query: whether a query's own document is left out here.
    """
    table = json.loads((files(__package__) / "published.json").read_text(encoding="utf-8"))
    known: dict[str, Any] | None = next((one for one in table["collections"] if name in one["ids"]), None)
    if known is None:
        return Published()
    if (documents, queries) != (known["documents"], known["queries"]):
        return Published(
            remark=f"published figures of {known['name']} are of {known['documents']:,} documents and "
            f"{known['queries']:,} judged queries, and here are {documents:,} and {queries:,}: they are not shown"
        )
    figures = tuple(Figure(one["system"], table["sources"][one["source"]], one["measures"]) for one in known["figures"])
    alike = known["remove_query"] == remove_query
    remark = (
        ""
        if alike
        else f"published figures are {'without' if known['remove_query'] else 'with'} a hit that is the query itself"
    )
    return Published(figures, remark)
