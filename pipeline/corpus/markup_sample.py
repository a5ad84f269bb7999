"""Looks for HTML in some of the texts, so that it can be told before they are encoded."""

import logging

from .markup import markup_in
from .rows import Rows

log = logging.getLogger("sparton")
_A_BATCH = 4  # rows that are looked at
_SHARE = 100  # one text of so many is told


class MarkupSample:
    """Takes rows with texts as strings, and looks at a few of each batch."""

    def __init__(self) -> None:
        self._texts, self._found = 0, 0
        self._first: tuple[str, str] | None = None

    def add(self, rows: Rows, most: int = _A_BATCH) -> None:
        """Look at some rows, the first column of which is that of ids."""
        for column in rows.columns[1:]:
            for offset, text in enumerate(column[:most]):
                if not text:
                    continue
                self._texts += 1
                if (found := markup_in(text)) is not None:
                    self._found += 1
                    self._first = self._first or (found, rows.where(offset))

    def tell(self) -> None:
        """Log what was found, if that is more than a few texts that happen to have it."""
        if self._first is not None and self._found * _SHARE >= self._texts:
            example, where = self._first
            shown = example if len(example) <= 40 else f"{example[:39]}…"
            log.info(
                "HTML in %s of %s texts that were looked at, as %r at %s; --strip-html takes it out",
                f"{self._found:,}",
                f"{self._texts:,}",
                shown,
                where,
            )
