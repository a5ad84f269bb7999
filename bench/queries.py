"""The topics and judgments of a benchmark, written as `run` and `score` read them."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpartonError, short
from ..search.evaluation.trec_files import Qrels
from ..search.text_lines import is_word
from ..storage.atomic import output_file
from .collections.collection import Collection

_LEFT_OUT = "topics without judgments"


@dataclass(frozen=True, slots=True)
class Queries:
    """What is asked. topics, qrels: the files. judged: documents with a judgment. count: of judged queries. asked: of
    those, how many have a text; the others have no results and count 0."""

    topics: Path
    qrels: Path
    judged: frozenset[str]
    count: int
    asked: int


def write_queries(collection: Collection, topics: Path, qrels: Path) -> Queries:
    """Write the topics that are judged, as JSON lines in order, and all judgments, as TREC's, to two files.

    What is left out is counted in the collection's left_out. Raises SpartonError where either cannot be read, an id
    could not stand in a run, or no topic is judged.
    """
    judgments, asked = collection.qrels(), 0
    _check_ids(judgments, collection.name)
    seen: set[str] = set()
    example: str | None = None
    with output_file(topics) as stream:
        for topic in collection.topics():
            if topic.id not in judgments:
                collection.left_out[_LEFT_OUT] += 1
                example = topic.id
                continue
            if topic.id in seen:
                raise SpartonError(f"{collection.name} has the topic {short(topic.id)} twice; expected each once")
            seen.add(topic.id)
            stream.write(json.dumps({"_id": topic.id, "text": topic.text}, ensure_ascii=False).encode() + b"\n")
            asked += 1
        if not asked:
            found = "there are no topics" if example is None else f"a topic is {short(example)}"
            raise SpartonError(
                f"no topic of {collection.name} is judged: {found}, and judgments are of "
                f"{short(next(iter(judgments)))}; see that both call a topic the same"
            )
    with output_file(qrels) as stream:
        for query, grades in judgments.items():
            stream.write("".join(f"{query} 0 {name} {grade}\n" for name, grade in grades.items()).encode())
    if asked < len(judgments):
        collection.left_out["judged queries without a topic, which count as 0"] += len(judgments) - asked
    if pointless := sum(max(grades.values(), default=0) <= 0 for grades in judgments.values()):
        collection.left_out["judged queries without a relevant document, which count as 0"] += pointless
    judged = frozenset(name for grades in judgments.values() for name in grades)
    return Queries(topics, qrels, judged, len(judgments), asked)


def _check_ids(judgments: Qrels, name: str) -> None:
    for query, grades in judgments.items():
        wrong = next((one for one in (query, *grades) if not is_word(one)), None)
        if wrong is not None:
            raise SpartonError(
                f"{name} has the id {short(wrong)} in its judgments, which a run cannot hold; expected one word"
            )
