"""What differs between a registered entity and the one that should take its place, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

MAX_LINES = 12
MAX_VALUE_LENGTH = 120


def describe(old: Message, new: Message) -> str:
    """One entry for each place that differs, as `path:` and the old and new value; cut after a dozen.

    The messages are of the same type.
    """
    places = list(_differences("", _plain(old), _plain(new)))
    lines = [
        f"{path}:\n\t- {_short(before)}\n\t+ {_short(after)}" for path, before, after in places[:MAX_LINES]
    ]
    if len(places) > MAX_LINES:
        lines.append(f"… and {len(places) - MAX_LINES} more differences")
    return "\n".join(lines)


def _plain(message: Message) -> Any:
    return MessageToDict(message, preserving_proto_field_name=True)


class _Absent:
    def __str__(self) -> str:
        return "(absent)"


_ABSENT = _Absent()


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}/{key}", old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _ABSENT
            after = new[index] if index < len(new) else _ABSENT
            yield from _differences(f"{path}/{index}", before, after)
    elif old != new:
        yield path or "/", old, new


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
