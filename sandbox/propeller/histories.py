"""Histories: all that decided how an execution went, in one document that can be replayed anywhere.

A state is nothing but the fold of the events over the compiled workflow. So the workflow (and the workflows
that dynamic tasks made), the parameters and the events are enough to have the engine's state again at any
moment of an execution, on another machine and years later, byte for byte. The document also keeps the
state as it was folded when it was written: a core that folds the same events into another state no longer
understands its own past, and `verify` says in what.

The document is JSON that people can read: one event a line, in the storage format of `core.events`, with its
time and what it says beside it (for readers only; never read back).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from flyteidl.core import compiler_pb2
from google.protobuf import message

import sandbox
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller.core import events, graph, machine
from sandbox.propeller.core.state import Parameters, State, picture, snapshot
from sandbox.propeller.moments import differences, in_words, iso_time

FORMAT = 1
"""Of the document; a change that older code can't read raises it."""


class BadHistory(ValueError):
    """The document is no history, or one that this version can't read; the message says why."""


@dataclass(frozen=True, slots=True)
class History:
    """An execution's whole past."""

    parameters: Parameters
    closure: bytes
    """`core.CompiledWorkflowClosure`."""
    dynamic: Mapping[str, bytes]
    """The same of the workflows that dynamic tasks made, by URI."""
    events: tuple[bytes, ...]
    """In the storage format."""
    state: Any = None
    """The `picture` of the state at the end, as it was when the history was written."""
    version: str = sandbox.__version__
    """Of the appliance that wrote it."""

    @property
    def digest(self) -> str:
        """SHA-256 of the recorded state's `snapshot`, in hex."""
        return digest(_canonical(self.state))


def digest(data: bytes) -> str:
    """How a snapshot is named."""
    return hashlib.sha256(data).hexdigest()


def record(
    parameters: Parameters, closure: bytes, dynamic: Mapping[str, bytes], stored: Iterable[bytes]
) -> History:
    """The history of these events, with the state that they fold into now. Raises BadHistory."""
    history = History(parameters, closure, dynamic, tuple(stored))
    return History(parameters, closure, dynamic, history.events, picture(fold(history)))


def fold(history: History, count: int | None = None) -> State:
    """The state after the first `count` events; None: after all. Raises BadHistory."""
    with _readable():
        past = map(events.decode, history.events[:count])
        return machine.fold(_graph(history.closure), history.parameters, past, _unfold(history))


def unfolded_by(payload: bytes) -> str:
    """The URI of the workflow that a stored event brings along; mostly empty. Raises BadHistory."""
    with _readable():
        event = events.decode(payload)
        return event.unfolds if isinstance(event, events.UNFOLDING) else ""


def advance(history: History, state: State, event: events.Event) -> State:
    """The state that another event of the history leads to: the same object, changed. Raises BadHistory."""
    with _readable():
        machine.advance(state, event, _unfold(history))
    return state


def verify(history: History) -> list[str]:
    """Where the state that the events fold into now differs from the recorded one; empty: nowhere, byte for
    byte. Raises BadHistory.
    """
    now = fold(history)
    if snapshot(now) == _canonical(history.state):
        return []
    return differences(history.state, json.loads(snapshot(now)))


def to_json(history: History) -> str:
    """The document."""
    parts = {
        "format": FORMAT,
        "appliance": history.version,
        "events_format": events.VERSION,
        "parameters": asdict(history.parameters),
        "workflow": base64.b64encode(history.closure).decode(),
        "dynamic": {uri: base64.b64encode(data).decode() for uri, data in history.dynamic.items()},
        "events": _Lines(_lines(history)),
        "digest": history.digest,
        "state": _Parts(history.state),
    }
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_text(value)}" for key, value in parts.items()) + "\n}\n"


def from_json(text: str) -> History:
    """The history that a document holds. Raises BadHistory."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadHistory(f"it is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadHistory("it is no history, or one that a newer version wrote")
    try:
        history = History(
            parameters=_parameters(document["parameters"]),
            closure=base64.b64decode(document["workflow"], validate=True),
            dynamic={uri: base64.b64decode(data) for uri, data in document["dynamic"].items()},
            events=tuple(_stored(event["stored"]) for event in document["events"]),
            state=document["state"],
            version=document["appliance"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadHistory(f"a part of it is missing or damaged: {error}") from error
    if document.get("digest") != history.digest:
        raise BadHistory("the recorded state does not have the recorded digest: the file was changed")
    return history


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (graph.BadGraph, events.BadEvent, message.DecodeError) as error:
        raise BadHistory(f"the history can't be replayed: {error}") from error


def _unfold(history: History) -> Callable[[str], graph.ClosureGraph]:
    def find(uri: str) -> graph.ClosureGraph:
        if uri not in history.dynamic:
            raise BadHistory(f"the history lacks the workflow that a dynamic task made: {uri}")
        return _graph(history.dynamic[uri])

    return find


def _graph(data: bytes) -> graph.ClosureGraph:
    return graph.build(compiler_pb2.CompiledWorkflowClosure.FromString(data))


def _parameters(values: dict[str, Any]) -> Parameters:
    return Parameters(**{**values, "execution": ExecutionId(**values["execution"])})


def _canonical(document: Any) -> bytes:
    """As `snapshot` writes it."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _stored(values: list[Any]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


class _Lines(list[Any]):
    """Written one item a line."""


class _Parts(dict[str, Any]):
    """Written one field a line, its lists one item a line."""


def _text(value: Any) -> str:
    match value:
        case _Lines():
            return "[\n" + ",\n".join(" " + json.dumps(item) for item in value) + "\n]"
        case _Parts():
            fields = (
                f" {json.dumps(key)}: {_text(_Lines(one) if isinstance(one, list) else one)}"
                for key, one in value.items()
            )
            return "{\n" + ",\n".join(fields) + "\n}"
    return json.dumps(value)


def _lines(history: History) -> list[dict[str, Any]]:
    """Each event as it is stored, and for people."""
    told = []
    for payload in history.events:
        event = events.decode(payload)
        stored = json.loads(payload.decode("utf-8", "surrogatepass"))
        told.append({"stored": stored, "at": iso_time(event.at), "says": in_words(event)})
    return told
