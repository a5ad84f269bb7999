"""What OpenAPI says of a service that requests need keys for."""

from collections.abc import Mapping
from typing import Any

from .paths import counted_path, is_open

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_REFUSED = {
    "description": "The request has none of the keys.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
}


def with_keys(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A description with how keys are sent, and 401 wherever one is needed."""
    return {
        **schema,
        "components": {**schema["components"], "securitySchemes": _SCHEMES},
        "security": [{name: []} for name in _SCHEMES],
        "paths": {
            path: {method: _operation(path, one) for method, one in operations.items()}
            for path, operations in schema["paths"].items()
        },
    }


def _operation(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    if is_open(counted_path(path)):
        return {**operation, "security": []}
    return {**operation, "responses": dict(sorted({**operation["responses"], "401": _REFUSED}.items()))}
