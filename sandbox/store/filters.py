"""Flyte's filter language and sort keys, as SQL conditions.

A filter is `function(field,value)`; several are joined by `+`, values of `value_in`/`value_not_in` by `;`:

    eq(phase,RUNNING)+gte(created_at,2024-01-31T10:00:00Z)+value_in(workflow.name,a;b)

A field is a column of the listed aggregate, or `entity.column` of one that it is joined with. Columns are
found in Flyte's spelling (`execution_name`, `created_at`), in its aliases (`name` of an execution) and in
CamelCase (`CreatedAt`). Values are converted to the column's type: times are RFC 3339 in both spellings,
durations are seconds or Go's form (`1m30s`), the rest is text or numbers.

Where Flyte's own parser gets in the user's way this one does better: a `+` inside a value (`+02:00`) is no
separator, `contains` takes `%` and `_` literally, snake_case times are times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sandbox.store.errors import FilterError, SortError

Column = sa.ColumnElement[Any]

_SEPARATOR = re.compile(r"\+(?=\s*[A-Za-z_]+\()")
_EXPRESSION = re.compile(r"\s*([A-Za-z_]+)\(\s*([^,()]+?)\s*,\s?(.+)\)\s*", re.DOTALL)
_GO_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Related:
    """An aggregate that filters may reach from the listed one."""

    columns: Mapping[str, Column]
    exists: Callable[[Sequence[Column]], Column] | None = None
    """None: joined, one row. Otherwise a to-many relation: makes one EXISTS of all conditions on it."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a list may be filtered and sorted by."""

    entity: str
    """The listed aggregate in Flyte's word: `execution`, `launch_plan`."""
    columns: Mapping[str, Column]
    """Its own columns by name, aliases included."""
    related: Mapping[str, Related] = field(default_factory=dict)
    """The others, by their prefix."""

    def sort_column(self, key: str) -> Column:
        """The column of a sort key: one of the listed aggregate's own."""
        name = key.removeprefix(f"{self.entity}.")
        column = self.columns.get(name)
        if column is None:
            column = self.columns.get(_snake(name))
        if column is None:
            raise SortError(
                f"Invalid sort key {key!r} for a {self.entity}: use one of {_names(self.columns)}."
            )
        return column


def conditions(text: str, fields: Fields) -> list[Column]:
    """The SQL conditions of a filter string; `FilterError` names what is wrong and what is allowed."""
    if not text.strip():
        return []
    own: list[Column] = []
    to_many: dict[str, list[Column]] = {}
    for expression in _SEPARATOR.split(text):
        match = _EXPRESSION.fullmatch(expression)
        if match is None:
            raise FilterError(
                f"Invalid filter {expression!r}: expected function(field,value), like eq(name,my_workflow)."
            )
        function, name, value = match.groups()
        prefix, column = _find(name, fields)
        condition = _condition(function, name, column, value)
        if prefix and fields.related[prefix].exists is not None:
            to_many.setdefault(prefix, []).append(condition)
        else:
            own.append(condition)
    for prefix, group in to_many.items():
        exists = fields.related[prefix].exists
        if exists is not None:
            own.append(exists(group))
    return own


def mentions(text: str, field_name: str) -> bool:
    """Whether a filter string says anything about a field, under whatever prefix."""
    for expression in _SEPARATOR.split(text):
        match = _EXPRESSION.fullmatch(expression)
        if match is not None and _snake(match.group(2).rpartition(".")[2]) == field_name:
            return True
    return False


def columns_of(table: sa.Table, **aliases: Column) -> dict[str, Column]:
    """A table's columns that may be filtered by (bytes are not), with aliases added."""
    named: dict[str, Column] = {
        column.name: column for column in table.columns if not isinstance(column.type, sa.LargeBinary)
    }
    return named | aliases


def _find(name: str, fields: Fields) -> tuple[str, Column]:
    """The prefix ("" for the listed aggregate's own) and the column that a field name means."""
    prefix, _, bare = name.rpartition(".")
    if prefix in ("", fields.entity):
        found = fields.columns.get(bare)
        found = fields.columns.get(_snake(bare)) if found is None else found
        if found is None:
            raise FilterError(
                f"Invalid filter field {name!r} for a {fields.entity}: use one of {_names(fields.columns)}"
                + (f", or a field of {_names(fields.related)} (prefix.field)." if fields.related else ".")
            )
        return "", found
    related = fields.related.get(prefix)
    if related is None:
        allowed = _names({fields.entity: 0, **dict.fromkeys(fields.related, 0)})
        raise FilterError(
            f"Invalid filter field {name!r}: a {fields.entity} can be filtered by fields of {allowed}."
        )
    found = related.columns.get(bare)
    found = related.columns.get(_snake(bare)) if found is None else found
    if found is None:
        raise FilterError(f"Invalid filter field {name!r}: {prefix} has {_names(related.columns)}.")
    return prefix, found


_COMPARISONS: Mapping[str, Callable[[Column, Any], Column]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
}
_PATTERNS: Mapping[str, Callable[[Column, str], Column]] = {
    "contains": lambda column, value: column.contains(value, autoescape=True),
    "not_like": lambda column, value: column.not_like(value),
}
_SETS: Mapping[str, Callable[[Column, list[Any]], Column]] = {
    "value_in": lambda column, values: column.in_(values),
    "value_not_in": lambda column, values: column.not_in(values),
}
FUNCTIONS = (*_COMPARISONS, *_PATTERNS, *_SETS)


def _condition(function: str, name: str, column: Column, text: str) -> Column:
    if function in _COMPARISONS:
        return _COMPARISONS[function](column, _value(name, column, text))
    if function in _SETS:
        return _SETS[function](column, [_value(name, column, each) for each in text.split(";")])
    if function in _PATTERNS:
        if not isinstance(column.type, sa.Text):
            raise FilterError(
                f"Invalid filter {function}({name},{text}): {name} is not a text; use eq, gt, lt …"
            )
        return _PATTERNS[function](column, text)
    raise FilterError(f"Invalid filter function {function!r}: use one of {', '.join(FUNCTIONS)}.")


def _value(name: str, column: Column, text: str) -> Any:
    """A filter's value in the type of its column."""
    if isinstance(column.type, sa.DateTime):
        return timestamp(name, text)
    if isinstance(column.type, sa.Float):
        return seconds(name, text)
    if isinstance(column.type, sa.Boolean):
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise FilterError(f"Invalid value {text!r} for the filter field {name!r}: use true or false.")
    if isinstance(column.type, sa.Integer):
        return _integer(name, text)
    return text


def _integer(name: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise FilterError(
            f"Invalid value {text!r} for the filter field {name!r}: use a whole number."
        ) from error
    if abs(number) >= 2**31:
        raise FilterError(f"Invalid value {text!r} for the filter field {name!r}: the number is too large.")
    return number


def timestamp(name: str, text: str) -> datetime:
    """An RFC 3339 time (nanoseconds are cut to microseconds); UTC where no zone is given."""
    try:
        parsed = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
    except ValueError as error:
        raise FilterError(
            f"Invalid time {text!r} for the filter field {name!r}: use RFC 3339, like 2024-01-31T10:00:00Z."
        ) from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def seconds(name: str, text: str) -> float:
    """A duration in seconds: a number of them, or Go's form `1h2m3.5s`."""
    try:
        return float(text)
    except ValueError:
        parts = _GO_DURATION.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("-+"):
            raise FilterError(
                f"Invalid duration {text!r} for the filter field {name!r}: use seconds (90) or 1m30s."
            ) from None
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        return -total if text.startswith("-") else total


def _snake(name: str) -> str:
    """`CreatedAt` → `created_at`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _names(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names))
