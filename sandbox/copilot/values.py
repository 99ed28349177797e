"""Literals as the text of a file and as a part of a JSON document, and back. Pure.

What Flyte's copilot can't take as an output is read from JSON here: lists, maps and unions; an enumeration is
a word of its own.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from typing import Any

from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import json_format, struct_pb2, timestamp_pb2

from sandbox.copilot import durations
from sandbox.copilot.errors import Untransferable
from sandbox.idl import literals

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_TRIMMED = " \n\t\r"
_INT64 = range(-(2**63), 2**63)
_EXACT = 2**53
_MSGPACK = "msgpack"
SimpleType = types_pb2.SimpleType


def text_of(scalar: literals_pb2.Scalar) -> bytes:
    """What the file of a scalar holds; files and tables are not among them. Raises Untransferable."""
    match scalar.WhichOneof("value"):
        case "primitive":
            return _primitive_text(scalar.primitive).encode()
        case "binary":
            return bytes(scalar.binary.value)
        case "generic":
            return json.dumps(_struct_document(scalar.generic), sort_keys=True).encode()
        case "error":
            return str(scalar.error.message).encode()
        case "none_type":
            return b"null"
        case kind:
            raise Untransferable(f"a value of kind {kind or 'nothing'} can't be written to a file")


def document_of(scalar: literals_pb2.Scalar) -> Any:
    """The same as a part of a JSON document."""
    match scalar.WhichOneof("value"):
        case "primitive":
            return _primitive_document(scalar.primitive)
        case "binary":
            return _binary_document(scalar.binary)
        case "generic":
            return _struct_document(scalar.generic)
        case "error":
            return str(scalar.error.message)
        case _:
            return None


def read(literal_type: types_pb2.LiteralType, written: bytes) -> literals_pb2.Literal:
    """The literal of a type that a file holds. Raises Untransferable."""
    if literal_type.simple == SimpleType.BINARY and literal_type.WhichOneof("type") == "simple":
        return _binary(written)
    try:
        text = written.decode()
    except UnicodeDecodeError as exc:
        raise Untransferable(f"it is not text: {exc}") from exc
    match literal_type.WhichOneof("type"):
        case "simple":
            return _simple(literal_type.simple, text)
        case "enum_type":
            return _enumeration(literal_type.enum_type, text.strip(_TRIMMED))
        case "union_type":
            return _first_variant(literal_type, written)
        case "collection_type" | "map_value_type":
            return from_document(literal_type, _json(text))
        case kind:
            raise Untransferable(f"outputs of the type {kind or 'nothing'} can't be read from a file")


def from_document(literal_type: types_pb2.LiteralType, document: Any) -> literals_pb2.Literal:
    """The literal of a type that a part of a JSON document stands for. Raises Untransferable."""
    match literal_type.WhichOneof("type"), document:
        case "collection_type", list():
            return literals.collection(
                [from_document(literal_type.collection_type, item) for item in document]
            )
        case "map_value_type", dict():
            return literals.mapping(
                {key: from_document(literal_type.map_value_type, item) for key, item in document.items()}
            )
        case (("collection_type" | "map_value_type"), _):
            wanted = "list" if literal_type.WhichOneof("type") == "collection_type" else "object"
            raise Untransferable(f"a JSON {wanted} is expected, not {json.dumps(document)[:80]}")
        case "simple", None if literal_type.simple != SimpleType.NONE:
            raise Untransferable("null is a value of optional types only")
        case "simple", str() if literal_type.simple != SimpleType.STRUCT:
            return _simple(literal_type.simple, document, trim=False)
        case _:
            return read(literal_type, json.dumps(document).encode())


def has_none(literal_type: types_pb2.LiteralType) -> bool:
    """Whether a value may be missing: it is optional."""
    return any(_is_none(variant) for variant in literal_type.union_type.variants)


def _is_none(literal_type: types_pb2.LiteralType) -> bool:
    is_simple = literal_type.WhichOneof("type") == "simple"
    return is_simple and bool(literal_type.simple == SimpleType.NONE)


def _first_variant(literal_type: types_pb2.LiteralType, written: bytes) -> literals_pb2.Literal:
    variants = literal_type.union_type.variants
    if has_none(literal_type) and written.strip() in (b"", b"null"):
        nothing = next(variant for variant in variants if _is_none(variant))
        return literals.union(literals.none(), nothing)
    for variant in variants:
        if _is_none(variant):
            continue
        try:
            return literals.union(read(variant, written), variant)
        except Untransferable:
            continue
    raise Untransferable("it is a value of none of the union's types")


def _simple(kind: types_pb2.SimpleType, text: str, *, trim: bool = True) -> literals_pb2.Literal:
    text = text.strip(_TRIMMED) if trim else text
    try:
        match kind:
            case SimpleType.INTEGER:
                return literals.primitive(integer=_integer(text))
            case SimpleType.FLOAT:
                return literals.primitive(float_value=float(text))
            case SimpleType.STRING:
                return literals.primitive(string_value=text)
            case SimpleType.BOOLEAN:
                return literals.primitive(boolean=_boolean(text))
            case SimpleType.DATETIME:
                return literals.primitive(datetime=_moment(text))
            case SimpleType.DURATION:
                return _duration(text)
            case SimpleType.STRUCT:
                return _struct(text)
            case SimpleType.NONE:
                return literals.none()
            case SimpleType.ERROR:
                scalar = literals_pb2.Scalar(error=types_pb2.Error(message=text))
                return literals_pb2.Literal(scalar=scalar)
            case SimpleType.BINARY:
                return _binary(text.encode())
    except ValueError as exc:
        raise Untransferable(str(exc)) from exc
    raise Untransferable(f"outputs of the type {SimpleType.Name(kind)} can't be read from a file")


def _integer(text: str) -> int:
    value = int(text)
    if value not in _INT64:
        raise ValueError(f"{text} does not fit into 64 bits")
    return value


def _boolean(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text in _TRUE


def _moment(text: str) -> timestamp_pb2.Timestamp:
    """RFC 3339, or what Python's isoformat writes; without an offset it is UTC."""
    stamp = timestamp_pb2.Timestamp()
    try:
        stamp.FromJsonString(text)
    except ValueError:
        moment = dt.datetime.fromisoformat(text)
        stamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
    return stamp


def _duration(text: str) -> literals_pb2.Literal:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.duration.FromNanoseconds(durations.nanoseconds(text))
    return literal


def _struct(text: str) -> literals_pb2.Literal:
    literal = literals_pb2.Literal()
    try:
        json_format.Parse(text, literal.scalar.generic)
    except json_format.ParseError as exc:
        raise ValueError(f"it is not a JSON object: {exc}") from exc
    return literal


def _binary(written: bytes) -> literals_pb2.Literal:
    scalar = literals_pb2.Scalar(binary=literals_pb2.Binary(value=written, tag=_MSGPACK))
    return literals_pb2.Literal(scalar=scalar)


def _enumeration(enum_type: types_pb2.EnumType, word: str) -> literals_pb2.Literal:
    if word not in enum_type.values:
        raise Untransferable(f"{word!r} is none of {', '.join(enum_type.values)}")
    return literals.primitive(string_value=word)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise Untransferable(f"it is not JSON: {exc}") from exc


def _primitive_text(primitive: literals_pb2.Primitive) -> str:
    match primitive.WhichOneof("value"):
        case "integer":
            return str(primitive.integer)
        case "float_value":
            return _float_text(primitive.float_value)
        case "string_value":
            return str(primitive.string_value)
        case "boolean":
            return "true" if primitive.boolean else "false"
        case "datetime":
            return str(primitive.datetime.ToJsonString())
        case "duration":
            return durations.text(primitive.duration.ToNanoseconds())
        case _:
            return "null"


def _float_text(value: float) -> str:
    """As Go's `FormatFloat(v, 'f', -1, 64)`: the shortest digits that read back the same, no exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    return f"{Decimal(repr(value)).normalize():f}"


def _primitive_document(primitive: literals_pb2.Primitive) -> Any:
    match primitive.WhichOneof("value"):
        case "integer":
            return int(primitive.integer)
        case "float_value":
            return float(primitive.float_value)
        case "string_value":
            return str(primitive.string_value)
        case "boolean":
            return bool(primitive.boolean)
        case "datetime":
            return primitive.datetime.ToJsonString()
        case "duration":
            return primitive.duration.ToNanoseconds()
        case _:
            return None


def _struct_document(document: struct_pb2.Struct) -> Any:
    """A struct's numbers are all floats: those that are whole are written so."""
    return _whole(literals.read_struct(document))


def _whole(value: Any) -> Any:
    match value:
        case dict():
            return {key: _whole(item) for key, item in value.items()}
        case list():
            return [_whole(item) for item in value]
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case _:
            return value


def _binary_document(binary: literals_pb2.Binary) -> Any:
    """A data class as the object that it is; other bytes in base 64."""
    if binary.tag == _MSGPACK:
        try:
            return literals.read_binary(binary)
        except ValueError:
            pass
    return base64.b64encode(binary.value).decode()
