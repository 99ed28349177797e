"""Moments of an execution, told to people: what an event says, how the nodes stand, what differs.

Everything here is made from a state or an event, for reading; nothing decides anything by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sandbox.propeller.core import events
from sandbox.propeller.core.failures import Failure
from sandbox.propeller.core.state import Node, State

_SHOWN = 80
"""How many characters of a text are shown in a line."""
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class NodeMoment:
    """How one node stands."""

    node: str
    """Its unique id; inside of others it names them too."""
    kind: str
    phase: str
    attempts: str
    """`0 FAILED, 1 RUNNING`"""
    began: float | None
    """Seconds since the execution began; None: not yet."""
    started: float | None
    ended: float | None
    note: str
    """Its failure, or why it is being ended."""


def iso_time(at: int) -> str:
    """Microseconds since the epoch as people write a time."""
    seconds, micros = divmod(at, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def micros(text: str) -> int:
    """The other way round; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1_000_000)


def in_words(event: events.Event, state: State | None = None) -> str:
    """What an event says, with the node's name if the state is at hand: `AttemptFinished n0 attempt=1`."""
    words = [type(event).__name__]
    for one in fields(event):
        value = getattr(event, one.name)
        if one.name == "at" or value == one.default:
            continue
        if one.name == "node":
            words.append(_name(state, value))
        elif isinstance(value, Failure):
            words.append(f"{one.name}={value.kind} {value.code}: {_brief(value.message)}")
        else:
            words.append(f"{one.name}={_brief(value)}")
    return " ".join(words)


def nodes(state: State) -> list[NodeMoment]:
    """The nodes that began or were skipped, in the order of their numbers."""
    return [_moment(state, node) for node in state.nodes if node.created_at or node.unique_id]


def differences(before: Any, after: Any) -> list[str]:
    """What differs between two `picture`s of a state: `node n0: phase PREPARING → QUEUED`."""
    return [f"{place}: {_brief(old)} → {_brief(new)}" for place, old, new in _differing("", before, after)]


def _differing(place: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    match before, after:
        case dict(), dict():
            for name in sorted(before.keys() | after.keys()):
                inner = name if not place else f"{place} {name}"
                yield from _differing(inner, before.get(name, _MISSING), after.get(name, _MISSING))
        case list(), list() if before and after:
            for index in range(max(len(before), len(after))):
                old = before[index] if index < len(before) else _MISSING
                new = after[index] if index < len(after) else _MISSING
                yield from _differing(f"{place} {_called(index, new, old)}", old, new)
        case _, dict() if before is _MISSING and after:
            for name, value in sorted(after.items()):
                yield f"{place} {name}", _MISSING, value
        case _:
            yield place, before, after


class _Missing:
    def __repr__(self) -> str:
        return _NOTHING


_MISSING = _Missing()


def _called(index: int, *items: Any) -> str:
    """An item of a list by its name, where it has one, else by its place."""
    for item in items:
        if isinstance(item, dict) and "unique_id" in item:
            return str(item["unique_id"])
    return f"[{index}]"


def _moment(state: State, node: Node) -> NodeMoment:
    note = "" if node.failure is None else f"{node.failure.code}: {node.failure.message}"
    if not note and node.aborting is not None:
        note = f"being ended: {node.aborting}"
    return NodeMoment(
        node=node.unique_id,
        kind=("DYNAMIC" if node.is_dynamic else node.spec.kind.name).lower(),
        phase=node.phase.name,
        attempts=", ".join(f"{attempt.number} {attempt.phase}" for attempt in node.attempts),
        began=_since(state, node.created_at),
        started=_since(state, node.started_at),
        ended=_since(state, node.ended_at),
        note=_brief(note),
    )


def _since(state: State, at: int) -> float | None:
    return (at - state.started_at) / 1e6 if at else None


def _name(state: State | None, number: int) -> str:
    if state is None or not 0 <= number < len(state.nodes):
        return f"node #{number}"
    node = state.nodes[number]
    return node.unique_id or node.spec.node_id


def _brief(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
