"""The page that describes the service, written of its OpenAPI schema: no script, and nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from .page import style, template

_SHOWN = ("get", "post")  # methods
_DEEPEST = 12  # of schemas within schemas


def docs_page(schema: Mapping[str, Any]) -> str:
    """The page of a schema."""
    every = [
        (method, path, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in _SHOWN
    ]
    info = schema["info"]
    parts = {
        "title": escape(f"{info['title']}: the service"),
        "version": escape(f"version {info['version']}"),
        "description": escape(info.get("description", "")),
        "style": style(),
        "contents": "".join(
            f'<li><a href="#{escape(operation["operationId"])}">{escape(f"{method.upper()} {path}")}</a></li>'
            for method, path, operation in every
        ),
        "sections": "\n".join("".join(_section(schema, *one)) for one in every),
    }
    return re.sub("{{([a-z]+)}}", lambda found: parts[found[1]], template("docs.html"))


def _section(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name, heading = escape(operation["operationId"]), escape(f"{method.upper()} {path}")
    yield f'<section id="{name}" aria-labelledby="{name}-title">'
    yield f'<h2 id="{name}-title">{escape(operation["summary"])} <code>{heading}</code></h2>'
    if operation.get("description"):
        yield f"<p>{escape(operation['description'])}</p>"
    if parameters := operation.get("parameters"):
        yield from _table(
            "Parameters",
            [(one["name"], _kind(one["schema"], one["required"]), one.get("description", "")) for one in parameters],
        )
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]["schema"]
        rows = [
            (name, _kind(entry, name in content.get("required", ())), entry.get("description", ""))
            for name, entry in content["properties"].items()
        ]
        yield from _table("Body, in JSON", rows)
        yield from _example("For example", _sample(schema, content))
    responses = operation["responses"]
    found = next(iter(responses["200"].get("content", {}).items()), None)
    if found and "$ref" in found[1].get("schema", {}):
        yield from _example("Response", _sample(schema, found[1]["schema"]))
    elif found:
        yield f'<h3>Response</h3><p class="quiet">{escape(found[0])}</p>'
    refused = [(status, one["description"]) for status, one in responses.items() if status != "200"]
    yield "<h3>Refused, each with a sentence</h3><ul>"
    yield "".join(f"<li>{escape(status)}: {escape(words)}</li>" for status, words in refused)
    yield "</ul></section>"


def _table(title: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    yield f"<table><caption>{escape(title)}</caption><thead><tr>"
    yield "".join(f'<th scope="col">{word}</th>' for word in ("Name", "Kind", "Meaning"))
    yield "</tr></thead><tbody>"
    for name, kind, words in rows:
        yield f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        yield f"<td>{escape(kind)}</td><td>{escape(words)}</td></tr>"
    yield "</tbody></table>"


def _example(title: str, content: Any) -> Iterator[str]:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    yield f"<h3>{escape(title)}</h3><pre><code>{escape(text)}</code></pre>"


def _kind(entry: Mapping[str, Any], required: bool) -> str:
    """What a value may be, in words."""
    choices = [one.get("type") for one in entry.get("anyOf", ()) if one.get("type") != "null"]
    kind = " or ".join(entry.get("enum", ())) or entry.get("type") or " or ".join(choices)
    words = {"array": "several texts", "string": "text", "integer": "whole number", "boolean": "true or false"}
    told = words.get(kind, kind)
    if required:
        return f"{told}, needed"
    default = entry.get("default")
    if default is None or default == []:
        return told
    return f"{told}, else {default if isinstance(default, str) else json.dumps(default)}"


def _sample(schema: Mapping[str, Any], entry: Mapping[str, Any], depth: int = 0) -> Any:
    """An example of what a schema describes."""
    if reference := entry.get("$ref"):
        return _sample(schema, schema["components"]["schemas"][reference.rpartition("/")[2]], depth)
    if examples := entry.get("examples"):
        return examples[0]
    if "anyOf" in entry:
        return _sample(schema, entry["anyOf"][0], depth)
    if "enum" in entry:
        return entry["enum"][0]
    if depth > _DEEPEST:
        return None
    match entry.get("type"):
        case "object":
            if named := entry.get("properties"):
                return {name: _sample(schema, one, depth + 1) for name, one in named.items()}
            return {"brand": _sample(schema, entry.get("additionalProperties") or {}, depth + 1)}
        case "array":
            return [_sample(schema, entry["items"], depth + 1)]
        case kind:
            return {"integer": 0, "number": 0.5, "boolean": False}.get(str(kind), "…")
