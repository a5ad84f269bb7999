"""Points in time: ISO 8601 as people write it, and as fields have it, in UTC."""

import re
from datetime import UTC, date, datetime, timedelta

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)\s?(?:([Zz]|UTC)|([+-]\d\d)(?::?(\d\d))?)?)?"
)
_BEGIN = datetime(1970, 1, 1)
_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_A_DAY = 86_400


def instant(count: int, unit: str) -> datetime:
    """The time that is so many units behind the beginning of 1970. Raises OverflowError beyond the years 1 to 9999."""
    microseconds = count * _A_DAY * 10**6 if unit == "days" else count * 10**6 // _A_SECOND[unit]
    return _BEGIN + timedelta(microseconds=microseconds)


def read_iso(text: str) -> datetime | None:
    """What ISO 8601 says, in UTC, which it is where no zone is named; None of another text.

    A blank may stand for the T and before the zone, and a date alone is its first moment.
    """
    found = _ISO.fullmatch(text.strip()) if len(text) < 64 and text.isascii() else None
    if found is None:
        return None
    day, time, _, hours, minutes = found.groups()
    zone = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{(time or '00:00').replace(',', '.')}{zone}")
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def iso(moment: date) -> str:
    """A time in UTC, or the first moment of a day, as fields have it: with microseconds only if there are any."""
    if not isinstance(moment, datetime):
        return f"{moment.isoformat()}T00:00:00Z"
    return f"{moment.isoformat()}Z"
