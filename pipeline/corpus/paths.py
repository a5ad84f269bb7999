"""Columns within others, by names with dots; a column whose own name has a dot wins."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

DEEPEST = 16  # levels of objects in objects that are looked through


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """What an object has under a name with dots, None where it has not."""
    if name in row:
        return row[name]
    end = name.rfind(".")
    while end > 0:  # the longest name that it has of its own
        inner = row.get(name[:end])
        if isinstance(inner, dict):
            return value_at(inner, name[end + 1 :])
        end = name.rfind(".", 0, end)
    return None


def leaves(row: Mapping[str, Any], within: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """The names and values of an object and of all objects in it; one that is too deep is a value."""
    for name, value in row.items():
        full = f"{within}.{name}" if within else name
        if type(value) is dict and depth < DEEPEST:
            yield from leaves(value, full, depth + 1)
        else:
            yield full, value


def fields_within(field: pa.Field) -> Iterator[pa.Field]:
    """The fields within one of a struct, those in structs in it too, named with dots."""
    if pa.types.is_struct(field.type):
        for inner in field.type:
            named = inner.with_name(f"{field.name}.{inner.name}")
            yield named
            yield from fields_within(named)


def column_at(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column of a batch with a name, with dots where it is within others; None if there is none."""
    names = batch.schema.names
    if name in names:
        return batch.column(names.index(name))
    end = name.rfind(".")
    while end > 0:
        if name[:end] in names:
            column = batch.column(names.index(name[:end]))
            if pa.types.is_struct(column.type):
                # What is within a struct is null where that is.
                inner = pa.RecordBatch.from_arrays(column.flatten(), schema=pa.schema(list(column.type)))
                return column_at(inner, name[end + 1 :])
        end = name.rfind(".", 0, end)
    return None
