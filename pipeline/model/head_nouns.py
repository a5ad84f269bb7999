"""The nouns of a model's folder that weigh more where a query names a thing by them."""

from dataclasses import dataclass

import orjson

from ...errors import SpartonError, shortened
from .lexical import Lexical

_MOST_LETTERS = 40


@dataclass(frozen=True, slots=True)
class HeadNouns:
    """nouns: singulars, in lower case. weight: what the impact of one is multiplied by."""

    nouns: frozenset[str]
    weight: float


def read_head_nouns(lexical: Lexical) -> HeadNouns | None:
    """The head nouns of a model, None where its folder has none. Raises SpartonError for a file that does not hold what
    it should."""
    if (path := lexical.head_nouns) is None:
        return None
    try:
        content = orjson.loads(path.read_bytes())  # in a fifth of the time that load_json takes
    except (OSError, ValueError) as error:
        raise SpartonError(f"{path} cannot be read ({error}); mend the file or its rights, or save it again") from error
    if not isinstance(content, list):
        raise SpartonError(f"{path} holds {shortened(str(content))}; expected an array of words, so save it again")
    for noun in content:
        if not (isinstance(noun, str) and noun.isalpha() and noun == noun.lower() and len(noun) <= _MOST_LETTERS):
            raise SpartonError(
                f"{path} has {shortened(str(noun))}; expected words in lower case, of letters alone and of at most "
                f"{_MOST_LETTERS}"
            )
    return HeadNouns(frozenset(content), lexical.head_weight)
