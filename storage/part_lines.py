"""Lines of a collection's parts as bytes: what an update has to know of them, without reading them as JSON.

A line is laid out as {"id": …, "contents": …, "digest": …, "fields": {…}, "vector": {…}}, of which contents, digest and
fields may be missing. A string in JSON has no quote that is not escaped, so these names are where they seem to be.
"""

import json
import re
from hashlib import blake2b, sha256
from pathlib import Path

_ID = re.compile(rb'\{"id": ("(?:[^"\\]|\\.)*")')
_CONTENTS, _FIELDS, _VECTOR = b', "contents": ', b', "fields": ', b', "vector": {'
_DIGEST = re.compile(rb', "digest": "([0-9a-f]{32})"\Z')


def text_digest(text: str) -> str:
    """What a text is known by again: a digest of it as JSON."""
    return content_digest(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))


def id_of(line: bytes) -> str:
    """The id of a line. Raises ValueError for a line that is not laid out so."""
    found = _ID.match(line)
    if found is None:
        raise ValueError("no id")
    quoted = found[1]
    return str(json.loads(quoted)) if b"\\" in quoted else quoted[1:-1].decode()


def split_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """A line in three: id and text, fields as a JSON object or nothing, and the vector with all that is around it.

    Raises ValueError for a line that is not laid out so.
    """
    offset = line.index(_VECTOR)
    text, _, fields = line[:offset].partition(_FIELDS)
    return text, fields, line[offset:]


def with_fields(text: bytes, fields: bytes, vector: bytes) -> bytes:
    """The line of these three."""
    return b"".join((text, _FIELDS if fields else b"", fields, vector))


def digest_of(text: bytes) -> str:
    """The digest of the text of a document, of the first part of one of its lines; nothing where none is kept."""
    if found := _DIGEST.search(text):
        return found[1].decode()
    _, contents, value = text.partition(_CONTENTS)
    return content_digest(value) if contents else ""


def postings_in(vector: bytes) -> int:
    """How many terms the last part of a line has."""
    body = vector[len(_VECTOR) - 1 :].rstrip()[:-1]
    return len(json.loads(body)) if b"\\" in body else body.count(b'": ')


def digest_and_ids(part: Path) -> tuple[str, list[str]]:
    """The digest of a part's bytes, as markers have it, and the ids of its lines. Raises OSError and ValueError."""
    digest, ids = sha256(), []
    with part.open("rb") as lines:
        for line in lines:
            digest.update(line)
            ids.append(id_of(line))
    return f"sha256:{digest.hexdigest()}", ids


def content_digest(content: bytes) -> str:
    """What the text or the fields of a line are known by again, as the line has them."""
    return blake2b(content, digest_size=16).hexdigest()
