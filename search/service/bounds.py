"""How many hits a query may ask for, whichever way it comes."""

from dataclasses import dataclass

from ...errors import UsageError, short

MOST_K, MOST_OFFSET = 1_000, 10_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """most_k: hits that a query may ask for. most_offset: hits that it may pass over."""

    most_k: int = MOST_K
    most_offset: int = MOST_OFFSET

    def check(self, k: int, offset: int) -> None:
        """Raise UsageError for more or fewer hits than a query may ask for, or pass over."""
        for name, value, least, most in (("k", k, 1, self.most_k), ("offset", offset, 0, self.most_offset)):
            if not least <= value <= most:
                raise UsageError(f"{name} is {short(value)}; expected {least} to {most}")
