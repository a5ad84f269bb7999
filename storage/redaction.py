"""URIs as they may be printed and recorded: without user info, keys and options. What is in doubt is hidden."""

import re
from urllib.parse import unquote

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)(.*)", re.DOTALL)
_OPTION = re.compile(r"\?[A-Za-z0-9_.-]+=")
_KEYS_ALONE = re.compile(r"[^/]*:.*@", re.DOTALL)
_WITH_PORTS = ("hdfs", "viewfs", "http", "https")  # elsewhere a colon means a key and its secret
# Options of a URI whose values are no secrets, so that what a store says of them may be repeated.
_HARMLESS = ("region", "scheme", "endpoint_override")
_HIDDEN = "…"
_FRAGMENT = 4  # letters of a secret that are as good as the whole


def is_uri(location: str) -> bool:
    """Whether a location looks like a URI, or like what was meant to be one: then it may hold keys."""
    return _URI.match(location) is not None or _KEYS_ALONE.match(location) is not None


def redacted(location: str) -> str:
    """A URI as it may be printed and recorded; a path as it is.

    All up to the last @ goes, and all from the first ? or # on: keys may hold these. Where neither can be told from
    the rest, nothing but the scheme is left.
    """
    return _split(location)[0]


def masked(text: str, location: str) -> str:
    """A text, of a library say, without what `redacted` hides of a URI and without any fragment of it."""
    text = text.replace(location, redacted(location))
    fragments = {
        hidden[start : start + _FRAGMENT]
        for hidden in _readings(_split(location)[1])
        for start in range(len(hidden) - _FRAGMENT + 1)
    }
    lowered = _lower(text)
    covered = [False] * len(text)
    for start in range(len(text) - _FRAGMENT + 1):
        if lowered[start : start + _FRAGMENT] in fragments:
            covered[start : start + _FRAGMENT] = [True] * _FRAGMENT
    marked = "".join("\0" if hides else letter for letter, hides in zip(text, covered, strict=True))
    return re.sub("\0+", _HIDDEN, marked)


def _split(location: str) -> tuple[str, str]:
    """What may be seen, and what may not."""
    found = _URI.fullmatch(location)
    if found is None:
        return (_HIDDEN, location) if _KEYS_ALONE.match(location) else (location, "")
    scheme, slashes, rest = found[1].lower(), found[2], found[3]
    if scheme == "file":
        return location, ""
    start = f"{found[1]}:{slashes}"
    path, options = _cut(rest, "?#")
    authority = _decoded(_cut(path, "/")[0])
    if "@" in options:  # of an option's value, or the end of keys with a ? or # in them
        doubtful = ":" in _decoded(path) or not _OPTION.match(options) or _has_keys(scheme, authority)
    else:
        doubtful = "@" not in path and _has_keys(scheme, authority)
    if doubtful:
        return f"{start}{_HIDDEN}", rest
    keys, at, visible = path.rpartition("@")
    more = f"{_HIDDEN}@" if re.search("[/@]", keys) else ""
    return f"{start}{more}{visible}", f"{keys}{at}{_secret_options(options)}"


def _has_keys(scheme: str, authority: str) -> bool:
    """Whether there may be keys before the first slash, ? or #."""
    if scheme in _WITH_PORTS:
        authority = re.sub(r":\d{1,5}$", "", authority)
    return ":" in authority or "@" in authority


def _secret_options(options: str) -> str:
    """The values of options, but for those that are no secrets; an option without a value is one itself."""
    values = []
    for option in re.split("[?#&;]", options):
        name, equals, value = option.partition("=")
        if name not in _HARMLESS or "@" in _decoded(value):
            values.append(value if equals else name)
    return " ".join(values)


def _cut(text: str, signs: str) -> tuple[str, str]:
    """A text up to the first of some signs, and the rest."""
    found = re.search(f"[{signs}]", text)
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def _readings(text: str) -> set[str]:
    """A text as it is and percent-decoded, once and more often, in small letters."""
    readings = {text}
    while (text := unquote(text)) not in readings:
        readings.add(text)
    return {_lower(reading) for reading in readings}


def _decoded(text: str) -> str:
    while (decoded := unquote(text)) != text:
        text = decoded
    return text


def _lower(text: str) -> str:
    """In small letters, letter by letter."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
