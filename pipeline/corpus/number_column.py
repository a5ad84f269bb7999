"""How the numbers of a column are written, where it has them as strings: all in one way, or they are none."""

from .names import words
from .numbers import COMMA, POINT, UNDECIDED, NumberText, read_number

_CODES = set(
    str.split("sku ean gtin upc isbn issn asin mpn barcode zip zipcode plz phone telephone telefon fax handle")
)
_CODES_AT_THE_END = set(
    str.split("""
    id ids code codes nr no number nummer postcode postalcode postleitzahl tel mobile artikelnummer artikelnr
    bestellnummer bestellnr
    """)
)
_GTINS = {8, 12, 13, 14}  # digits
_EXACT = 15  # digits that a number keeps


class NumberColumn:
    """Takes the strings of a column, one after the other, as long as all can be numbers written in one way.

    name: of the column, which may be that of codes.
    """

    def __init__(self, name: str) -> None:
        self._decimals = {POINT, COMMA}
        self._units: set[str] = set()
        self._unclear: str | None = None
        self._telling: str | None = None  # the first that says what stands before decimals
        self._codes, self._lengths, self._longest = True, set[int](), 0
        self._is_code = _is_of_codes(name)

    def take(self, text: str) -> bool:
        """Take one more; False, and nothing is changed, if it is no number as the others are."""
        number = read_number(text)
        if number is None or not self._decimals & number.readings.keys():
            return False
        if number.unit and self._units and number.unit not in self._units:
            return False
        self._look(text, number)
        return True

    def _look(self, text: str, number: NumberText) -> None:
        if number.unit:
            self._units.add(number.unit)
        if len(number.readings) == 1 and self._telling is None:
            self._telling = text
        self._decimals &= number.readings.keys()
        if number.is_unclear:
            self._unclear = self._unclear or text
        digits = text.strip()
        if number.is_plain:
            self._longest = max(self._longest, len(digits))
            self._lengths.add(len(digits))
        self._codes = self._codes and number.is_plain and len(digits) in _GTINS and _is_gtin(digits)

    @property
    def decimal(self) -> str:
        """What stands before decimals."""
        return UNDECIDED if len(self._decimals) > 1 else next(iter(self._decimals))

    @property
    def unfit(self) -> str:
        """Why they are rather strings, in words, where they are."""
        if self._unclear and len(self._decimals) > 1:
            one = read_number(self._unclear)
            meant = " or ".join(dict.fromkeys(one.readings.values())) if one else ""
            return f"{self._unclear.strip()!r} may be {meant}, and no other value says which"
        if self._is_code or (self._codes and len(self._lengths) == 1) or self._longest > _EXACT:
            return "they are codes"
        return ""

    @property
    def notes(self) -> list[str]:
        """What is to be told of how they are written: an example, where they are not as JSON has them."""
        if self._telling and (self._units or self._unclear or self.decimal == COMMA):
            return [f"written as {self._telling.strip()!r}"]
        return [f"in {unit}" for unit in self._units]


def _is_of_codes(name: str) -> bool:
    """Whether a column's name is one of codes: their digits are not counted with."""
    every = [word for word in words(name) if not word.isdigit()]
    return not _CODES.isdisjoint(every) or (bool(every) and every[-1] in _CODES_AT_THE_END)


def _is_gtin(digits: str) -> bool:
    """Whether the last of some digits is the check digit of the others, as in EAN, UPC and GTIN."""
    weighed = sum(int(digit) * (1 if offset % 2 else 3) for offset, digit in enumerate(reversed(digits[:-1])))
    return (weighed + int(digits[-1])) % 10 == 0
