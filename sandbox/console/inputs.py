"""The launch form: which field each input gets, and the literal that its text becomes.

Everything is plain text on the way here. Lists, maps and structs are written as JSON; a field left blank
means that the input is not given, so that the launch plan's default holds.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from sandbox.console import values
from sandbox.idl import interfaces, literals, types

Type: TypeAlias = types_pb2.LiteralType


class InvalidInput(ValueError):
    """The text is no value of the input's type; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Field:
    """One input in the form."""

    name: str
    type: str
    """In words."""
    control: str
    """number, text, lines, boolean, choice or json."""
    required: bool
    description: str
    default: str
    """The text that the field shows at first."""
    choices: tuple[str, ...] = ()
    hint: str = ""
    error: str = ""


_HINTS = {
    types_pb2.DATETIME: "2026-03-01T12:30:00Z; without a zone it is UTC",
    types_pb2.DURATION: "90s, 1h30m or 1:30:00",
    types_pb2.STRUCT: 'JSON: {"depth": 4}',
}


def fields(
    parameters: interface_pb2.ParameterMap, given: Mapping[str, literals_pb2.Literal] | None = None
) -> list[Field]:
    """The form for what a launch plan expects; `given` values take the place of the defaults."""
    names = sorted(parameters.parameters, key=lambda name: (not _required(parameters, name), name))
    return [_field(name, parameters.parameters[name], (given or {}).get(name)) for name in names]


def _required(parameters: interface_pb2.ParameterMap, name: str) -> bool:
    return _is_needed(parameters.parameters[name])


def _is_needed(parameter: interface_pb2.Parameter) -> bool:
    """Whether the field can't be left blank: for an optional one, blank is none."""
    return interfaces.is_required(parameter) and not interfaces.is_optional(parameter.var.type)


def _field(name: str, parameter: interface_pb2.Parameter, given: literals_pb2.Literal | None) -> Field:
    kind = parameter.var.type
    literal = given
    if literal is None and parameter.WhichOneof("behavior") == "default":
        literal = parameter.default
    control, choices, hint = _control(_without_none(kind))
    description = parameter.var.description
    return Field(
        name=name,
        type=types.describe(kind),
        control=control,
        required=_is_needed(parameter),
        description="" if description == name else description,
        default="" if literal is None else values.brief(literal),
        choices=choices,
        hint=hint,
    )


def _without_none(kind: Type) -> Type:
    """An optional's own type; any other type as it is."""
    if kind.WhichOneof("type") != "union_type":
        return kind
    rest = [variant for variant in kind.union_type.variants if not types.is_none(variant)]
    return rest[0] if len(rest) == 1 else kind


def _control(kind: Type) -> tuple[str, tuple[str, ...], str]:
    match kind.WhichOneof("type"):
        case "simple":
            return _simple_control(kind.simple)
        case "enum_type":
            return "choice", tuple(kind.enum_type.values), ""
        case "collection_type":
            return "json", (), "JSON: a list"
        case "map_value_type":
            return "json", (), "JSON: an object"
        case "blob" | "schema" | "structured_dataset_type":
            return "text", (), "s3://… or another address that the tasks can read"
        case _:
            return "text", (), "a value of one of the types"


def _simple_control(simple: int) -> tuple[str, tuple[str, ...], str]:
    hint = _HINTS.get(simple, "")
    if simple == types_pb2.INTEGER or simple == types_pb2.FLOAT:
        return "number", (), hint
    if simple == types_pb2.BOOLEAN:
        return "boolean", ("true", "false"), hint
    if simple == types_pb2.STRUCT:
        return "json", (), hint
    return ("lines" if simple == types_pb2.STRING else "text"), (), hint


def read(
    parameters: interface_pb2.ParameterMap, texts: Mapping[str, str]
) -> tuple[literals_pb2.LiteralMap, dict[str, str]]:
    """The literals of a filled form, and for each input that can't be read the reason."""
    read_values: dict[str, literals_pb2.Literal] = {}
    errors: dict[str, str] = {}
    for name, parameter in parameters.parameters.items():
        text = texts.get(name, "")
        if not text.strip() and not _blank_counts(parameter, name, texts):
            if _is_needed(parameter):
                errors[name] = "A value is needed."
                continue
            if not interfaces.is_required(parameter):
                continue
        try:
            read_values[name] = literal(text, parameter.var.type)
        except InvalidInput as exc:
            errors[name] = str(exc)
    return literals_pb2.LiteralMap(literals=read_values), errors


def _blank_counts(parameter: interface_pb2.Parameter, name: str, texts: Mapping[str, str]) -> bool:
    """A string may be empty on purpose: when the form had the field, and its default was another."""
    is_string = types.is_simple(parameter.var.type, types_pb2.STRING)
    return is_string and name in texts and parameter.WhichOneof("behavior") == "default"


def literal(text: str, kind: Type) -> literals_pb2.Literal:
    """The literal of a field's text. Raises InvalidInput."""
    match kind.WhichOneof("type"):
        case "collection_type" | "map_value_type":
            return from_json(_json(text), kind)
        case "union_type":
            return _union(kind, lambda variant: literal(text, variant), blank=not text.strip())
        case _:
            return _leaf(text, kind)


def _leaf(text: str, kind: Type) -> literals_pb2.Literal:
    match kind.WhichOneof("type"):
        case "simple":
            return _simple(text, kind.simple)
        case "enum_type":
            return _enum(text, kind)
        case "blob":
            return literals.blob(_uri(text), kind.blob)
        case "schema":
            schema = literals_pb2.Schema(uri=_uri(text), type=kind.schema)
            return literals_pb2.Literal(scalar=literals_pb2.Scalar(schema=schema))
        case "structured_dataset_type":
            metadata = literals_pb2.StructuredDatasetMetadata(
                structured_dataset_type=kind.structured_dataset_type
            )
            dataset = literals_pb2.StructuredDataset(uri=_uri(text), metadata=metadata)
            return literals_pb2.Literal(scalar=literals_pb2.Scalar(structured_dataset=dataset))
        case _:
            raise InvalidInput("A value of this type can't be written in a form; launch it with the SDK.")


def _union(
    kind: Type, convert: Callable[[Type], literals_pb2.Literal], *, blank: bool
) -> literals_pb2.Literal:
    """The first variant that the value fits, strings last, because any text is a string."""
    variants = sorted(kind.union_type.variants, key=lambda v: types.is_simple(v, types_pb2.STRING))
    for variant in variants:
        if types.is_none(variant):
            if blank:
                return literals.union(literals.none(), variant)
            continue
        try:
            return literals.union(convert(variant), variant)
        except InvalidInput:
            continue
    raise InvalidInput(f"This is none of {types.describe(kind)}.")


def _enum(text: str, kind: Type) -> literals_pb2.Literal:
    if text not in kind.enum_type.values:
        raise InvalidInput(f"Choose one of {', '.join(kind.enum_type.values)}.")
    return literals.primitive(string_value=text)


def _uri(text: str) -> str:
    if not text.strip():
        raise InvalidInput("An address is needed.")
    return text.strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise InvalidInput(f"This is no JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}.") from exc


def _simple(text: str, simple: int) -> literals_pb2.Literal:
    stripped = text.strip()
    match simple:
        case types_pb2.STRING:
            return literals.primitive(string_value=text)
        case types_pb2.INTEGER:
            return _made(lambda: int(stripped), "An integer is needed: 42.")
        case types_pb2.FLOAT:
            return _made(lambda: float(stripped), "A number is needed: 0.5.")
        case types_pb2.BOOLEAN:
            return literals.from_python(_boolean(stripped))
        case types_pb2.DATETIME:
            return literals.from_python(_datetime(stripped))
        case types_pb2.DURATION:
            return literals.from_python(_duration(stripped))
        case types_pb2.STRUCT:
            return _struct(_json(text))
        case types_pb2.NONE:
            return literals.none()
        case _:
            raise InvalidInput("A value of this type can't be written in a form; launch it with the SDK.")


def _made(convert: Callable[[], Any], otherwise: str) -> literals_pb2.Literal:
    try:
        return literals.from_python(convert())
    except (ValueError, OverflowError) as exc:
        too_big = isinstance(exc, literals.UnsupportedValue)
        raise InvalidInput(f"{exc}." if too_big else otherwise) from exc


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "yes", "on", "1"):
        return True
    if lowered in ("false", "no", "off", "0"):
        return False
    raise InvalidInput("true or false is needed.")


def _datetime(text: str) -> dt.datetime:
    try:
        value = dt.datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput("A date and time is needed: 2026-03-01T12:30:00Z.") from exc
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "ms": 0.001}
_UNIT = r"(\d+(?:\.\d+)?)\s*(ms|min|d|h|m|s)\s*"
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


def _duration(text: str) -> dt.timedelta:
    """`1h30m`, `90s`, `1:30:00`, `12.5` (seconds)."""
    if re.fullmatch(f"(?:{_UNIT})+", text):
        parts = re.findall(_UNIT, text)
        return dt.timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return dt.timedelta(hours=int(hours or 0), minutes=int(minutes), seconds=float(seconds))
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return dt.timedelta(seconds=float(text))
    raise InvalidInput("A duration is needed: 90s, 1h30m or 1:30:00.")


def _struct(value: Any) -> literals_pb2.Literal:
    if not isinstance(value, dict):
        raise InvalidInput('A JSON object is needed: {"depth": 4}.')
    return literals.generic(value)


def from_json(value: Any, kind: Type) -> literals_pb2.Literal:
    """The literal of a JSON value inside a list or map. Raises InvalidInput naming the place."""
    match kind.WhichOneof("type"):
        case "collection_type":
            if not isinstance(value, list):
                raise InvalidInput("A JSON list is needed: [1, 2].")
            return literals.collection(
                _at(f"item {i}", item, kind.collection_type) for i, item in enumerate(value)
            )
        case "map_value_type":
            if not isinstance(value, dict):
                raise InvalidInput('A JSON object is needed: {"a": 1}.')
            return literals.mapping(
                {key: _at(repr(key), item, kind.map_value_type) for key, item in value.items()}
            )
        case "union_type":
            return _union(kind, lambda variant: from_json(value, variant), blank=value is None)
        case _:
            return _leaf_from_json(value, kind)


def _at(place: str, value: Any, kind: Type) -> literals_pb2.Literal:
    try:
        return from_json(value, kind)
    except InvalidInput as exc:
        raise InvalidInput(f"At {place}: {exc}") from exc


def _leaf_from_json(value: Any, kind: Type) -> literals_pb2.Literal:
    if types.is_simple(kind, types_pb2.STRUCT):
        return _struct(value)
    if types.is_simple(kind, types_pb2.INTEGER) and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidInput("An integer is needed: 42.")
    if types.is_simple(kind, types_pb2.FLOAT) and (
        isinstance(value, bool) or not isinstance(value, int | float)
    ):
        raise InvalidInput("A number is needed: 0.5.")
    if types.is_simple(kind, types_pb2.BOOLEAN) and not isinstance(value, bool):
        raise InvalidInput("true or false is needed.")
    if value is None or isinstance(value, list | dict):
        raise InvalidInput(f"A value of type {types.describe(kind)} is needed.")
    if types.is_simple(kind, types_pb2.STRING) and not isinstance(value, str):
        raise InvalidInput('A text in quotes is needed: "a".')
    return _leaf(value if isinstance(value, str) else json.dumps(value), kind)
