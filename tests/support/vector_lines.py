"""Lines of a JsonVectorCollection, good ones and damaged ones."""

import json

from sparton.indexer.read_vectors import BEFORE_IMPACT, BETWEEN_TERMS

AWKWARD = ["a", ", ", ": ", '": ', ', "', ",", ":", "{", "}}", "1", " 1, ", "\\", '"', "é", "\t", "x: ", ": x", "|"]


def line(vector, **more):
    return json.dumps({"id": "d", **more, "vector": vector}, ensure_ascii=False).encode() + b"\n"


def decoded(vector):
    """{term: impact} of a Vector."""
    return {
        term: int(impact)
        for term, impact in (posting.split(BEFORE_IMPACT) for posting in vector.postings.split(BETWEEN_TERMS))
    }


def mutated(content, chance):
    """A line with one thing or a few done to it that a damaged or hostile file may have."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(max(1, len(content)))
        stop = min(len(content), start + chance.randint(1, 8))
        match chance.randrange(5):
            case 0:
                content[start : start + 1] = bytes([chance.randrange(256)])
            case 1:
                del content[start:stop]
            case 2:
                content[start:start] = content[start:stop]
            case 3:
                odd = [b'"', b"{}", b"[" * 5_000, b"1e999", b"-0", b"\\ud83d", b"\xff", b"null", b"9" * 5_000, b"NaN"]
                content[start:stop] = chance.choice(odd)
            case 4:
                del content[start:]
                content += b"\n"
    return bytes(content).replace(b"\n", b" ") + b"\n"
