"""Numbers as people write them: with a point or a comma before the decimals, digits in groups, and a unit."""

import re
from dataclasses import dataclass

POINT, COMMA = ".", ","  # before decimals
UNDECIDED = ""  # where either may stand there
_BLANKS = " \u00a0\u2007\u2009\u202f"
_CODES = str.split("""
    AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KWD MAD MXN MYR NGN
    NOK NZD PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR
""")
_SIGNS = "$€£¥₹₽₺₩₪₫₴₦₱₲₵₸₼₾฿¢₡"
_CURRENCY = rf"(?:US|AU|CA|NZ|HK|A|C|S|R)\$|[{_SIGNS}]|{'|'.join(_CODES)}|kr\.?|zł|Kč|Ft|lei|S?Fr\.?|Rs\.?"
_WRITTEN = re.compile(
    rf"(?P<minus>[-−])?[{_BLANKS}]?(?P<before>{_CURRENCY})?[{_BLANKS}]?(?P<after_unit>[-−])?"
    rf"(?P<digits>\d(?:[\d.,'’{_BLANKS}]*\d)?(?:,[-–—]{{1,2}})?)"
    rf"[{_BLANKS}]?(?P<behind>{_CURRENCY}|%)?",
    re.ASCII,
)
_WHOLE = re.compile(r"0|[1-9]\d*", re.ASCII)
_BY_A_PROGRAM = re.compile(r"-?\d(?:\.\d+)?e[+-](?:[12]\d)?\d\d", re.ASCII)
_PATTERNS = {
    decimal: re.compile(
        rf"((?:0|[1-9]\d*)|[1-9]\d{{0,2}}([{group}'’{_BLANKS}])\d{{3}}(?:\2\d{{3}})*)(?:{end})?", re.ASCII
    )
    for decimal, group, end in ((POINT, ",", r"\.(\d+)"), (COMMA, ".", ",(?:(\\d+)|[-–—]{1,2})"))
}
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class NumberText:
    """A number as it was written: as JSON has it by each way of reading decimals that it may mean, and its unit.

    is_plain: whether it is digits and nothing else, as a code could be.
    """

    readings: dict[str, str]
    unit: str = ""
    is_plain: bool = False

    @property
    def is_unclear(self) -> bool:
        """Whether it is one number or another, as "1.299" is."""
        return len(set(self.readings.values())) > 1


def read_number(text: str) -> NumberText | None:
    """The number that a text is; None if it is none, as where it begins with zeros, which a code does.

    A plus before it, which telephone numbers have, makes it none, too.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if text.isdigit() and text.isascii():
        return NumberText({POINT: text, COMMA: text}, is_plain=True) if _WHOLE.fullmatch(text) else None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return NumberText({POINT: text}) if _BY_A_PROGRAM.fullmatch(text) else None
    if (found["minus"] and found["after_unit"]) or (found["before"] and found["behind"]):
        return None
    minus = "-" if found["minus"] or found["after_unit"] else ""
    readings = {}
    for decimal, pattern in _PATTERNS.items():
        if one := pattern.fullmatch(found["digits"]):
            whole = re.sub(r"\D", "", one[1])
            readings[decimal] = f"{minus}{whole}.{one[3]}" if one[3] else f"{minus}{whole}"
    return NumberText(readings, found["before"] or found["behind"] or "") if readings else None


def numbers_in(text: str, decimal: str) -> list[str]:
    """The numbers that a text may be where decimals stand behind a point or a comma, as JSON has them: more than one
    only where that is undecided."""
    found = read_number(text)
    if found is None:
        return []
    readings = found.readings
    if decimal == UNDECIDED:
        return list(dict.fromkeys(readings.values()))
    return [readings[decimal]] if decimal in readings else []
