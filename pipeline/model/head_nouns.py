"""The nouns of a model's folder that weigh more where a query names a thing by them."""

from dataclasses import dataclass

from ...errors import SpartonError, shortened
from .lexical import Lexical, load_words

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
    content = load_words(path, list, "an array")
    for noun in content:
        if not (isinstance(noun, str) and noun.isalpha() and noun == noun.lower() and len(noun) <= _MOST_LETTERS):
            raise SpartonError(
                f"{path} has {shortened(str(noun))}; expected words in lower case, of letters alone and of at most "
                f"{_MOST_LETTERS}"
            )
    return HeadNouns(frozenset(content), lexical.head_weight)
