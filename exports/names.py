"""Terms and ids as a format can take them: spelled so that no two become one."""

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b


class Spelled(dict[str, str]):
    """Terms by their spelling in a format, each of which is made once: `spelled[term]`."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        self._spell = spell

    def __missing__(self, term: str) -> str:
        spelling = self[term] = self._spell(term)
        return spelling


def free_name(names: Iterable[str], taken: Iterable[str]) -> str:
    """The first of endless names that is none of those taken, upper and lower case being the same."""
    lowered = {name.lower() for name in taken}
    return next(name for name in names if name.lower() not in lowered)


def percent_encoded(characters: str) -> Callable[[str], str]:
    """A spelling with some characters, and the percent sign, as URLs have them: "3.5" becomes "3%2E5".

    characters: those within the brackets of a regular expression.
    """
    odd = re.compile(f"[%{characters}]")

    def spell(text: str) -> str:
        return odd.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)

    return spell


def at_most(letters: int) -> Callable[[str], str]:
    """A spelling of at most so many characters: the end of what has more becomes # and a digest of all of it."""

    def spell(text: str) -> str:
        if len(text) <= letters:
            return text
        return f"{text[: letters - 17]}#{blake2b(text.encode(), digest_size=8).hexdigest()}"

    return spell
