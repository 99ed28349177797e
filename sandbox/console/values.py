"""Literals as trees that a page can draw: text, links to objects, lists, maps; cut to a bearable size."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyteidl.core import interface_pb2, literals_pb2

from sandbox.console import memory, times, urls
from sandbox.idl import literals, types

MAX_ITEMS = 100
MAX_TEXT = 20_000
MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Value:
    """One value: a text, or a list or map of further values."""

    kind: str
    """text, code, number, none, link, time, error, list or map."""
    text: str = ""
    href: str = ""
    """Where the object behind a link can be downloaded."""
    note: str = ""
    """A format, a size: said beside the value."""
    items: tuple[tuple[str, Value], ...] = ()
    """Children with their key or index."""
    left_out: int = 0
    """How many further children are not shown."""

    @property
    def is_nested(self) -> bool:
        return bool(self.items)


@dataclass(frozen=True, slots=True)
class NamedValue:
    """An input or output: its name, its type in words, its value where it has one."""

    name: str
    type: str
    description: str
    value: Value | None


def of_map(
    values: literals_pb2.LiteralMap, variables: Mapping[str, interface_pb2.Variable]
) -> list[NamedValue]:
    """The values with their declared types; declared ones without a value come as well."""
    names = sorted({*variables, *values.literals})
    return [_named(name, values, variables.get(name)) for name in names]


def _named(name: str, values: literals_pb2.LiteralMap, variable: interface_pb2.Variable | None) -> NamedValue:
    literal = values.literals.get(name)
    if variable is not None:
        kind = types.describe(variable.type)
    elif literal is not None:
        kind = types.describe(literals.literal_type_of(literal))
    else:
        kind = ""
    description = variable.description if variable is not None else ""
    return NamedValue(
        name, kind, "" if description == name else description, of(literal) if literal is not None else None
    )


def of(literal: literals_pb2.Literal, depth: int = 0) -> Value:
    """The literal as a tree."""
    if depth >= MAX_DEPTH:
        return Value("text", "…", note="nested too deeply to show")
    match literal.WhichOneof("value"):
        case "scalar":
            return _scalar(literal.scalar, depth)
        case "collection":
            items = literal.collection.literals
            shown = tuple((str(i), of(item, depth + 1)) for i, item in enumerate(items[:MAX_ITEMS]))
            return _nested("list", shown, len(items))
        case "map":
            keys = sorted(literal.map.literals)
            shown = tuple((key, of(literal.map.literals[key], depth + 1)) for key in keys[:MAX_ITEMS])
            return _nested("map", shown, len(keys))
        case "offloaded_metadata":
            offloaded = literal.offloaded_metadata
            return _link(offloaded.uri, f"stored apart, {memory.size(offloaded.size_bytes)}")
        case _:
            return Value("none", "none")


def _nested(kind: str, shown: tuple[tuple[str, Value], ...], total: int) -> Value:
    if not total:
        return Value("text", "[]" if kind == "list" else "{}", note="empty")
    noun = "item" if total == 1 else "items"
    return Value(kind, note=f"{total} {noun}", items=shown, left_out=total - len(shown))


def _scalar(scalar: literals_pb2.Scalar, depth: int) -> Value:
    match scalar.WhichOneof("value"):
        case "blob":
            kind = scalar.blob.metadata.type
            return _link(scalar.blob.uri, kind.format, downloadable=kind.dimensionality == kind.SINGLE)
        case "schema":
            return _link(scalar.schema.uri, "schema", downloadable=False)
        case "structured_dataset":
            dataset = scalar.structured_dataset
            return _link(dataset.uri, dataset.metadata.structured_dataset_type.format, downloadable=False)
        case "union":
            return of(scalar.union.value, depth)
        case "error":
            return Value("error", scalar.error.message, note=scalar.error.failed_node_id)
        case _:
            return _plain(scalar, depth)


def _plain(scalar: literals_pb2.Scalar, depth: int) -> Value:
    try:
        return _python(literals.to_python(literals_pb2.Literal(scalar=scalar)), depth)
    except literals.UnsupportedValue as exc:
        return Value("error", str(exc), note=f"{len(scalar.binary.value)} bytes, tag {scalar.binary.tag!r}")


def _python(value: Any, depth: int) -> Value:
    if depth >= MAX_DEPTH:
        return Value("text", "…", note="nested too deeply to show")
    match value:
        case None:
            return Value("none", "none")
        case bool():
            return Value("code", "true" if value else "false")
        case int() | float():
            return Value("number", _number(value))
        case str():
            return _text(value)
        case dt.datetime():
            return Value("time", times.iso(value))
        case dt.timedelta():
            return Value("text", times.words(value), note=f"{value.total_seconds():g} s")
        case bytes():
            return Value("text", memory.size(len(value)), note="binary")
        case Mapping():
            keys = list(value)
            shown = tuple((str(key), _python(value[key], depth + 1)) for key in keys[:MAX_ITEMS])
            return _nested("map", shown, len(keys))
        case Sequence():
            shown = tuple((str(i), _python(item, depth + 1)) for i, item in enumerate(value[:MAX_ITEMS]))
            return _nested("list", shown, len(value))
        case _:
            return _text(str(value))


def _number(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def _text(text: str) -> Value:
    if len(text) > MAX_TEXT:
        return Value(
            "text", text[:MAX_TEXT] + "…", note=f"the first {MAX_TEXT:,} of {len(text):,} characters"
        )
    if text.startswith("s3://"):
        return _link(text, "")
    return Value("text", text)


def _link(uri: str, note: str, *, downloadable: bool = True) -> Value:
    href = urls.download(uri) if downloadable and uri.startswith("s3://") else ""
    if not href and uri.startswith(("https://", "http://")):
        href = uri
    return Value("link", uri, href=href, note=note)


def brief(literal: literals_pb2.Literal) -> str:
    """The value in one line of JSON-like text, to prefill a form field or to stand in a table."""
    try:
        value = literals.to_python(literal)
    except literals.UnsupportedValue as exc:
        return str(exc)
    return text_of(value)


def text_of(value: Any) -> str:
    """A Python value as a form field shows it: what `inputs` reads back."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return times.iso(value)
        case dt.timedelta():
            return f"{value.total_seconds():g}s"
        case bytes():
            return f"{len(value)} bytes"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=text_of)
        case _:
            return str(value)
