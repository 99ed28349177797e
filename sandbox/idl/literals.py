"""Literals: what type a value has, whether it fits a type, and the way to Python values and back.

The control plane reads literals for pages, tables and the command line, and writes a few. Task code's own
conversions are flytekit's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import struct_pb2

from sandbox.idl import types

MESSAGEPACK = "msgpack"
"""The tag of a binary that is a MessagePack document: how flytekit ≥ 1.14 passes data classes."""

_PRIMITIVE_TYPES = {
    "integer": types_pb2.INTEGER,
    "float_value": types_pb2.FLOAT,
    "string_value": types_pb2.STRING,
    "boolean": types_pb2.BOOLEAN,
    "datetime": types_pb2.DATETIME,
    "duration": types_pb2.DURATION,
}


class UnsupportedValue(ValueError):
    """The Python value has no literal, or the literal no Python value."""


# Making literals.


def primitive(**value: Any) -> literals_pb2.Literal:
    """A primitive by its field: `primitive(integer=3)`, `primitive(string_value="x")`."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**value)))


def none() -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))


def collection(items: Iterable[literals_pb2.Literal]) -> literals_pb2.Literal:
    return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))


def mapping(items: Mapping[str, literals_pb2.Literal]) -> literals_pb2.Literal:
    return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=items))


def generic(value: Mapping[str, Any]) -> literals_pb2.Literal:
    """A struct: JSON's objects, whose numbers are all floats."""
    document = struct_pb2.Struct()
    document.update(dict(value))
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(generic=document))


def messagepack(value: Any) -> literals_pb2.Literal:
    """The value as a MessagePack binary."""
    binary = literals_pb2.Binary(value=msgpack.packb(value), tag=MESSAGEPACK)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))


def blob(uri: str, blob_type: types_pb2.BlobType) -> literals_pb2.Literal:
    """A file or a directory that lies at `uri`."""
    metadata = literals_pb2.BlobMetadata(type=blob_type)
    return literals_pb2.Literal(
        scalar=literals_pb2.Scalar(blob=literals_pb2.Blob(metadata=metadata, uri=uri))
    )


def union(value: literals_pb2.Literal, variant: types_pb2.LiteralType) -> literals_pb2.Literal:
    """The value as a union's `variant`."""
    return literals_pb2.Literal(
        scalar=literals_pb2.Scalar(union=literals_pb2.Union(value=value, type=variant))
    )


def from_python(value: Any) -> literals_pb2.Literal:
    """The literal of a plain Python value: primitives, times, None, lists; a `dict` becomes a struct.

    Naive times are taken as UTC. Raises UnsupportedValue.
    """
    match value:
        case None:
            return none()
        case bool():
            return primitive(boolean=value)
        case int():
            if not -(2**63) <= value < 2**63:
                raise UnsupportedValue(f"the integer {value} does not fit into 64 bits")
            return primitive(integer=value)
        case float():
            return primitive(float_value=value)
        case str():
            return primitive(string_value=value)
        case dt.datetime():
            return _from_datetime(value)
        case dt.timedelta():
            literal = literals_pb2.Literal()
            literal.scalar.primitive.duration.FromTimedelta(value)
            return literal
        case list() | tuple():
            return collection(from_python(item) for item in value)
        case Mapping():
            return _from_mapping(value)
        case _:
            raise UnsupportedValue(f"a value of Python type {type(value).__name__} has no literal")


def _from_mapping(value: Mapping[Any, Any]) -> literals_pb2.Literal:
    try:
        return generic(value)
    except (TypeError, ValueError) as exc:
        raise UnsupportedValue(f"a struct has names and JSON values only: {exc}") from exc


def _from_datetime(value: dt.datetime) -> literals_pb2.Literal:
    literal = literals_pb2.Literal()
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    literal.scalar.primitive.datetime.FromDatetime(aware)
    return literal


# Reading literals.


def is_none(literal: literals_pb2.Literal) -> bool:
    """Whether the value is None, be it inside a union."""
    return bool(unwrap(literal).scalar.WhichOneof("value") == "none_type")


def unwrap(literal: literals_pb2.Literal) -> literals_pb2.Literal:
    """The value inside of unions; the literal itself if it is none."""
    while literal.scalar.WhichOneof("value") == "union":
        literal = literal.scalar.union.value
    return literal


def to_python(literal: literals_pb2.Literal) -> Any:
    """A plain Python value to show: files, directories and tables as their URI, an error as its message.

    Anything that JSON cannot say stays a Python value (times, bytes). Raises UnsupportedValue for a broken
    document.
    """
    match literal.WhichOneof("value"):
        case "scalar":
            return _scalar_to_python(literal.scalar)
        case "collection":
            return [to_python(item) for item in literal.collection.literals]
        case "map":
            return {key: to_python(literal.map.literals[key]) for key in sorted(literal.map.literals)}
        case "offloaded_metadata":
            return literal.offloaded_metadata.uri
        case _:
            return None


def map_to_python(literals: literals_pb2.LiteralMap) -> dict[str, Any]:
    """Every value by its name, sorted by name."""
    return {name: to_python(literals.literals[name]) for name in sorted(literals.literals)}


def _scalar_to_python(scalar: literals_pb2.Scalar) -> Any:
    match scalar.WhichOneof("value"):
        case "primitive":
            return _primitive_to_python(scalar.primitive)
        case "blob":
            return scalar.blob.uri
        case "schema":
            return scalar.schema.uri
        case "structured_dataset":
            return scalar.structured_dataset.uri
        case "generic":
            return read_struct(scalar.generic)
        case "binary":
            return read_binary(scalar.binary)
        case "union":
            return to_python(scalar.union.value)
        case "error":
            return scalar.error.message
        case _:
            return None


def _primitive_to_python(value: literals_pb2.Primitive) -> Any:
    kind = value.WhichOneof("value")
    if kind in ("datetime", "duration"):
        return _time_to_python(value)
    return getattr(value, kind) if kind else None


def _time_to_python(value: literals_pb2.Primitive) -> dt.datetime | dt.timedelta | float:
    """A time or a span of it; one that Python cannot hold is shown as its seconds."""
    try:
        if value.WhichOneof("value") == "datetime":
            moment: dt.datetime = value.datetime.ToDatetime(tzinfo=dt.UTC)
            return moment
        span: dt.timedelta = value.duration.ToTimedelta()
        return span
    except (ValueError, OverflowError):
        beyond = getattr(value, value.WhichOneof("value") or "datetime")
        return float(beyond.seconds + beyond.nanos / 1e9)


def read_struct(document: struct_pb2.Struct) -> dict[str, Any]:
    """The struct as plain values; its numbers are floats, and may be NaN, which JSON cannot say."""
    return {key: _struct_value(document.fields[key]) for key in document.fields}


def _struct_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return read_struct(value.struct_value)
        case "list_value":
            return [_struct_value(item) for item in value.list_value.values]
        case None | "null_value":
            return None
        case kind:
            return getattr(value, kind)


def read_binary(binary: literals_pb2.Binary) -> Any:
    """What a MessagePack document says; bytes of any other kind as they are. Raises UnsupportedValue."""
    if binary.tag != MESSAGEPACK:
        return binary.value
    try:
        return msgpack.unpackb(binary.value, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as exc:
        raise UnsupportedValue(f"the value is no MessagePack document: {exc}") from exc


# Types of literals.


def literal_type_of(literal: literals_pb2.Literal) -> types_pb2.LiteralType:
    """The type that a value shows by itself.

    A collection of several types has the union of them; an empty one has items of type none. A literal that
    holds nothing has a type that says nothing.
    """
    match literal.WhichOneof("value"):
        case "scalar":
            return scalar_type(literal.scalar)
        case "collection":
            return types_pb2.LiteralType(collection_type=_common_type(literal.collection.literals))
        case "map":
            return types_pb2.LiteralType(map_value_type=_common_type(literal.map.literals.values()))
        case "offloaded_metadata":
            return literal.offloaded_metadata.inferred_type
        case _:
            return types_pb2.LiteralType()


def scalar_type(scalar: literals_pb2.Scalar) -> types_pb2.LiteralType:
    """The type of a scalar; one that holds nothing has a type that says nothing."""
    match scalar.WhichOneof("value"):
        case "primitive":
            return primitive_type(scalar.primitive)
        case "blob":
            return types_pb2.LiteralType(blob=scalar.blob.metadata.type)
        case "schema":
            return types_pb2.LiteralType(schema=scalar.schema.type)
        case "structured_dataset":
            dataset = scalar.structured_dataset.metadata.structured_dataset_type
            return types_pb2.LiteralType(structured_dataset_type=dataset)
        case "binary":
            tagged = scalar.binary.tag == MESSAGEPACK
            return types.simple(types_pb2.STRUCT if tagged else types_pb2.BINARY)
        case "generic":
            return types.simple(types_pb2.STRUCT)
        case "error":
            return types.simple(types_pb2.ERROR)
        case "none_type":
            return types.simple(types_pb2.NONE)
        case "union":
            return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[scalar.union.type]))
        case _:
            return types_pb2.LiteralType()


def primitive_type(value: literals_pb2.Primitive) -> types_pb2.LiteralType:
    """The type of a primitive; one that holds nothing is None."""
    kind = value.WhichOneof("value")
    return types.simple(_PRIMITIVE_TYPES[kind] if kind else types_pb2.NONE)


def _common_type(items: Iterable[literals_pb2.Literal]) -> types_pb2.LiteralType:
    distinct: dict[bytes, types_pb2.LiteralType] = {}
    empty: types_pb2.LiteralType | None = None
    for item in items:
        kind = literal_type_of(item)
        if item.WhichOneof("value") == "collection" and not item.collection.literals:
            empty = kind  # an empty list says nothing about its items: it counts only if all are empty
        else:
            distinct.setdefault(kind.SerializeToString(deterministic=True), kind)
    if not distinct:
        return empty if empty is not None else types.simple(types_pb2.NONE)
    kinds = [distinct[key] for key in sorted(distinct)]
    if len(kinds) > 1 and all(kind.WhichOneof("type") == "collection_type" for kind in kinds):
        # Lists of different items: one kind of list, whose items are any of them.
        items_of = [variant for kind in kinds for variant in _variants(kind.collection_type)]
        return types_pb2.LiteralType(collection_type=_union_of(items_of))
    return _union_of(kinds)


def _variants(kind: types_pb2.LiteralType) -> Sequence[types_pb2.LiteralType]:
    return list(kind.union_type.variants) or [kind]


def _union_of(kinds: Sequence[types_pb2.LiteralType]) -> types_pb2.LiteralType:
    """The union of the distinct ones; a single one stays itself."""
    distinct = {kind.SerializeToString(deterministic=True): kind for kind in kinds}
    if len(distinct) == 1:
        return kinds[0]
    return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=distinct.values()))


def literal_matches_type(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> bool:
    """Whether the value may be bound where the type is expected.

    As `castable` of its type, but item by item; and the value of an enum must be one of its names.
    """
    kind = literal.WhichOneof("value")
    wanted = literal_type.WhichOneof("type")
    if kind == "collection" and wanted == "collection_type":
        items = literal.collection.literals
        return all(literal_matches_type(item, literal_type.collection_type) for item in items)
    if kind == "map" and wanted == "map_value_type":
        values = literal.map.literals.values()
        return all(literal_matches_type(value, literal_type.map_value_type) for value in values)
    if wanted == "enum_type" and not is_enum_value(literal, literal_type.enum_type):
        return False
    return types.castable(literal_type_of(literal), literal_type)


def is_enum_value(literal: literals_pb2.Literal, enum_type: types_pb2.EnumType) -> bool:
    """Whether the literal is a string that the enum knows."""
    return literal.scalar.primitive.string_value in enum_type.values


# A string where a file is expected.


def coerce(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> literals_pb2.Literal:
    """The literal as the type wants it: a string becomes a blob with this URI, anything else stays.

    Goes into collections, maps and unions. Returns the same object where nothing is to be done.
    """
    match literal_type.WhichOneof("type"):
        case "blob":
            text = unwrap(literal)
            if text.scalar.primitive.WhichOneof("value") == "string_value":
                return blob(text.scalar.primitive.string_value, literal_type.blob)
        case "collection_type" if literal.WhichOneof("value") == "collection" and has_blob(literal_type):
            return collection(
                coerce(item, literal_type.collection_type) for item in literal.collection.literals
            )
        case "map_value_type" if literal.WhichOneof("value") == "map" and has_blob(literal_type):
            items = literal.map.literals
            return mapping({key: coerce(items[key], literal_type.map_value_type) for key in items})
        case "union_type":
            return _coerce_to_union(literal, literal_type)
    return literal


def has_blob(literal_type: types_pb2.LiteralType) -> bool:
    """Whether a blob is somewhere in the type, so that a value bound to it may need `coerce`."""
    match literal_type.WhichOneof("type"):
        case "blob":
            return True
        case "collection_type":
            return has_blob(literal_type.collection_type)
        case "map_value_type":
            return has_blob(literal_type.map_value_type)
        case "union_type":
            return any(has_blob(variant) for variant in literal_type.union_type.variants)
        case _:
            return False


def _coerce_to_union(
    literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType
) -> literals_pb2.Literal:
    if not has_blob(literal_type):
        return literal
    kind = literal_type_of(literal)
    if types.castable_in_flyte(kind, literal_type):
        return literal
    fitting = [variant for variant in literal_type.union_type.variants if types.castable(kind, variant)]
    return union(coerce(literal, fitting[0]), fitting[0]) if len(fitting) == 1 else literal
