"""Literal types: may a value of this type go where that one is expected?

The rules are those of Flyte's compiler (`flytepropeller/pkg/compiler/validators/typing.go`), so that what
compiles here compiles there. One is added: a string may be bound to a blob, as the blob's URI. It only
counts where Flyte's own rules find no match, so it never makes an unambiguous union ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flyteidl.core import types_pb2
from flyteidl.core.types_pb2 import LiteralType
from google.protobuf import json_format

from sandbox.idl import jsonschema

_COLUMN_TYPES = {
    types_pb2.SchemaType.SchemaColumn.INTEGER: types_pb2.INTEGER,
    types_pb2.SchemaType.SchemaColumn.FLOAT: types_pb2.FLOAT,
    types_pb2.SchemaType.SchemaColumn.STRING: types_pb2.STRING,
    types_pb2.SchemaType.SchemaColumn.BOOLEAN: types_pb2.BOOLEAN,
    types_pb2.SchemaType.SchemaColumn.DATETIME: types_pb2.DATETIME,
    types_pb2.SchemaType.SchemaColumn.DURATION: types_pb2.DURATION,
}
"""A schema's column type → the simple type of a structured dataset's column."""


def simple(kind: types_pb2.SimpleType) -> LiteralType:
    """The literal type of a simple kind: `simple(types_pb2.INTEGER)`."""
    return types_pb2.LiteralType(simple=kind)


def is_simple(literal_type: LiteralType, kind: types_pb2.SimpleType) -> bool:
    """Whether the type is exactly this simple kind; a type that says nothing is none of them."""
    return bool(literal_type.WhichOneof("type") == "simple" and literal_type.simple == kind)


def is_none(literal_type: LiteralType) -> bool:
    """Whether None is the only value of the type."""
    return is_simple(literal_type, types_pb2.NONE)


def is_unknown(literal_type: LiteralType) -> bool:
    """Whether the type says nothing."""
    return literal_type.WhichOneof("type") is None


def without_none(literal_type: LiteralType) -> LiteralType:
    """What an optional type holds when it is not None; any other type as it is."""
    variants = [variant for variant in literal_type.union_type.variants if not is_none(variant)]
    is_optional = len(variants) == 1 and len(literal_type.union_type.variants) == 2
    return variants[0] if is_optional else literal_type


def castable(upstream: LiteralType, downstream: LiteralType) -> bool:
    """Whether every value of `upstream` may be bound where `downstream` is expected."""
    return _castable(upstream, downstream, False) or _castable(upstream, downstream, True)


def castable_in_flyte(upstream: LiteralType, downstream: LiteralType) -> bool:
    """The same by Flyte's own rules alone, without our string → blob."""
    return _castable(upstream, downstream, False)


def _castable(upstream: LiteralType, downstream: LiteralType, lenient: bool) -> bool:
    variants = upstream.union_type.variants
    if len(variants) == 1 and _casts(variants[0], downstream, lenient):
        return True
    return _casts(upstream, downstream, lenient)


def _casts(upstream: LiteralType, downstream: LiteralType, lenient: bool) -> bool:
    match downstream.WhichOneof("type"):
        case "collection_type":
            return _items_cast("collection_type", upstream, downstream, lenient)
        case "map_value_type":
            return _items_cast("map_value_type", upstream, downstream, lenient)
        case "blob":
            return _blob_casts(upstream, downstream) or (lenient and is_simple(upstream, types_pb2.STRING))
        case "schema":
            return _schema_casts(upstream, downstream.schema)
        case "structured_dataset_type":
            return _dataset_casts(upstream, downstream.structured_dataset_type, lenient)
        case "union_type":
            return _union_casts(upstream, downstream, lenient)
        case _:
            return is_none(upstream) if is_none(downstream) else _trivially_casts(upstream, downstream)


def _items_cast(field: str, upstream: LiteralType, downstream: LiteralType, lenient: bool) -> bool:
    """Collections and maps: by the type of their items. An empty one, whose items are None, fits any."""
    if upstream.WhichOneof("type") != field:
        return False
    items: LiteralType = getattr(upstream, field)
    return is_none(items) or _casts(items, getattr(downstream, field), lenient)


def _blob_casts(upstream: LiteralType, downstream: LiteralType) -> bool:
    if upstream.WhichOneof("type") != "blob":
        return False
    return upstream.blob.format in ("", downstream.blob.format) or downstream.blob.format == ""


def _union_casts(upstream: LiteralType, downstream: LiteralType, lenient: bool) -> bool:
    variants = downstream.union_type.variants
    if upstream.WhichOneof("type") == "union_type":
        return all(any(_castable(u, d, lenient) for d in variants) for u in upstream.union_type.variants)
    return sum(_castable(upstream, variant, lenient) for variant in variants) == 1


def _trivially_casts(upstream: LiteralType, downstream: LiteralType) -> bool:
    kind = upstream.WhichOneof("type")
    wanted = downstream.WhichOneof("type")
    if kind == "enum_type" and is_simple(downstream, types_pb2.STRING):
        return True
    if wanted == "enum_type" and is_simple(upstream, types_pb2.STRING):
        return True
    if upstream.structure.tag and upstream.structure.tag != downstream.structure.tag:
        return False
    if is_simple(upstream, types_pb2.STRUCT) and is_simple(downstream, types_pb2.STRUCT):
        return _struct_casts(upstream, downstream)
    if kind != wanted:
        return False
    return kind is None or bool(getattr(upstream, kind) == getattr(downstream, kind))


def _struct_casts(upstream: LiteralType, downstream: LiteralType) -> bool:
    """Data classes carry their JSON schema as metadata; where one is missing, anything goes."""
    if not (upstream.HasField("metadata") and downstream.HasField("metadata")):
        return True
    if upstream.metadata == downstream.metadata:
        return True
    try:
        source = json_format.MessageToDict(upstream.metadata)
        wanted = json_format.MessageToDict(downstream.metadata)
    except (json_format.Error, ValueError):
        return False  # metadata that is no JSON (NaN) compares with nothing
    return jsonschema.is_supertype(wanted, source)


# Tables: one fits when the consumer names no columns, or only such as the producer has, of the same type.


def _schema_casts(upstream: LiteralType, wanted: types_pb2.SchemaType) -> bool:
    match upstream.WhichOneof("type"):
        case "schema":
            have = {column.name: column.type for column in upstream.schema.columns}
            return _has_columns(have, ((c.name, c.type) for c in wanted.columns))
        case "structured_dataset_type":
            dataset = upstream.structured_dataset_type
            simples = {column.name: column.literal_type.simple for column in dataset.columns}
            return _is_parquet(dataset.format) and _has_columns(
                simples, ((c.name, _COLUMN_TYPES.get(c.type)) for c in wanted.columns)
            )
        case _:
            return False


def _dataset_casts(upstream: LiteralType, wanted: types_pb2.StructuredDatasetType, lenient: bool) -> bool:
    if is_none(upstream):
        return True  # structured datasets are nullable
    match upstream.WhichOneof("type"):
        case "schema":
            have = {column.name: _COLUMN_TYPES.get(column.type) for column in upstream.schema.columns}
            return _is_parquet(wanted.format) and _has_columns(
                have, ((c.name, c.literal_type.simple) for c in wanted.columns)
            )
        case "structured_dataset_type":
            return _dataset_casts_from_dataset(upstream.structured_dataset_type, wanted, lenient)
        case _:
            return False


def _dataset_casts_from_dataset(
    have: types_pb2.StructuredDatasetType, wanted: types_pb2.StructuredDatasetType, lenient: bool
) -> bool:
    if have.format and wanted.format and have.format.lower() != wanted.format.lower():
        return False
    if not have.columns or not wanted.columns:
        return True
    types = {column.name: column.literal_type for column in have.columns}
    return all(
        column.name in types and _casts(types[column.name], column.literal_type, lenient)
        for column in wanted.columns
    )


def _has_columns(have: Mapping[str, Any], wanted: Iterator[tuple[str, Any]]) -> bool:
    columns = list(wanted)
    if not have or not columns:
        return True
    return all(name in have and have[name] == kind for name, kind in columns)


def _is_parquet(format: str) -> bool:
    """The old `FlyteSchema` knows parquet only."""
    return format.lower() in ("", "parquet")


# Words for people.

_SIMPLE_NAMES = {
    types_pb2.NONE: "none",
    types_pb2.INTEGER: "integer",
    types_pb2.FLOAT: "float",
    types_pb2.STRING: "string",
    types_pb2.BOOLEAN: "boolean",
    types_pb2.DATETIME: "datetime",
    types_pb2.DURATION: "duration",
    types_pb2.BINARY: "binary",
    types_pb2.ERROR: "error",
    types_pb2.STRUCT: "struct",
}


def describe(literal_type: LiteralType) -> str:
    """The type as a person would write it: `list[integer]`, `string | none`, `directory (csv)`."""
    match literal_type.WhichOneof("type"):
        case "simple":
            return _describe_simple(literal_type)
        case "collection_type":
            return f"list[{describe(literal_type.collection_type)}]"
        case "map_value_type":
            return f"map[string, {describe(literal_type.map_value_type)}]"
        case "blob":
            return _describe_blob(literal_type.blob)
        case "schema":
            columns = ((c.name, _describe_column(c.type)) for c in literal_type.schema.columns)
            return "schema" + _describe_columns(columns)
        case "structured_dataset_type":
            dataset = literal_type.structured_dataset_type
            suffix = f" ({dataset.format})" if dataset.format else ""
            columns = ((c.name, describe(c.literal_type)) for c in dataset.columns)
            return "structured dataset" + _describe_columns(columns) + suffix
        case "enum_type":
            return "enum(" + ", ".join(literal_type.enum_type.values) + ")"
        case "union_type":
            return (
                " | ".join(describe(variant) for variant in literal_type.union_type.variants) or "empty union"
            )
        case _:
            return "unknown type"


def _describe_simple(literal_type: LiteralType) -> str:
    name = _SIMPLE_NAMES.get(literal_type.simple, f"simple type {literal_type.simple}")
    fields = literal_type.structure.dataclass_type
    if fields:
        return f"{name}{_describe_columns((key, describe(fields[key])) for key in sorted(fields))}"
    if literal_type.simple == types_pb2.STRUCT and "title" in literal_type.metadata.fields:
        return f"{name} {literal_type.metadata.fields['title'].string_value}"
    return name


def _describe_blob(blob: types_pb2.BlobType) -> str:
    name = "directory" if blob.dimensionality == types_pb2.BlobType.MULTIPART else "file"
    return f"{name} ({blob.format})" if blob.format else name


def _describe_column(kind: types_pb2.SchemaType.SchemaColumn.SchemaColumnType) -> str:
    return _SIMPLE_NAMES.get(_COLUMN_TYPES.get(kind), f"column type {kind}")


def _describe_columns(columns: Iterable[tuple[str, str]]) -> str:
    text = ", ".join(f"{name}: {kind}" for name, kind in columns)
    return f"({text})" if text else ""
