"""JSON that is nested too deep is refused before Python's reader meets it; brackets in strings do not count."""

import json

import pytest

from sparton.storage.nesting import MOST, not_too_deep


def nested(depth, inner="1"):
    return "[" * depth + inner + "]" * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(MOST),
        json.dumps(["["] * 2 * MOST),
        json.dumps("[{" * 2 * MOST + '\\"' + "["),
        json.dumps([[]] * 2 * MOST),
        json.dumps({"a": ["x]", '"[', "\\"] * MOST}),
    ],
)
def test_what_is_not_too_deep_comes_back(text):
    assert not_too_deep(text) == text
    assert json.loads(not_too_deep(text)) == json.loads(text)


@pytest.mark.parametrize("text", [nested(MOST + 1), "[" * 100_000, '{"a": ' * (MOST + 1), '["]", ' * (MOST + 1)])
def test_what_is_too_deep_is_refused(text):
    with pytest.raises(RecursionError):
        not_too_deep(text)
