"""What happened to an execution: the engine's truth, append-only in `execution_events`.

Events carry times, URIs and decisions, never data. They are facts: the core ignores one that it already knows
or that comes too late. Times are microseconds since the epoch.

`encode` and `decode` are the storage format: a JSON array of the format's version, the event's tag, and its
fields in the order in which they are declared. Fields may be added at the end of an event, with a default:
older payloads, being shorter, decode to it. Nothing is ever removed or reordered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from sandbox.propeller.core.failures import Failure

VERSION = 1


class BadEvent(ValueError):
    """A stored event that this version cannot read."""


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """An engine took the execution up for the first time."""

    at: int


@dataclass(frozen=True, slots=True)
class NodePrepared:
    """The node's inputs are written and its way is decided."""

    at: int
    node: int
    cache: int = 0
    """`core.CatalogCacheStatus`; CACHE_HIT means that the outputs are already in place."""
    catalog: str = ""
    """Base64 of `core.CatalogMetadata`, when the catalog was asked; else empty."""
    case: int = -1
    """A branch: the position of the case that it takes."""
    outputs: bool = False
    """Whether there are outputs (a cache hit, or the end of a workflow)."""
    size: int = 0
    """An array: how many elements it has."""
    unfolds: str = ""
    """A dynamic task whose execution is recovered: the URI of the workflow that it made then."""
    checkpoint: str = ""
    """The folder of the checkpoints that the recovered execution left for the task; empty: there is none."""
    child: str = ""
    """A launch plan: the name of the execution that is to be recovered instead of launching a new one."""


@dataclass(frozen=True, slots=True)
class NodeRecovered:
    """The node succeeded in the execution that this one recovers: its outputs are in place."""

    at: int
    node: int
    outputs: bool = False
    deck: bool = False
    cache: int = 0
    """`core.CatalogCacheStatus`, as it was then."""
    catalog: str = ""
    """Base64 of `core.CatalogMetadata`, as it was then."""
    child: str = ""
    """A launch plan: the name of the execution that succeeded."""


@dataclass(frozen=True, slots=True)
class NodeRefused:
    """The node can't run: its inputs don't resolve, no case of a branch applies, it names what doesn't
    exist.
    """

    at: int
    node: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class AttemptUpdated:
    """An attempt is queued, initialising or running."""

    at: int
    node: int
    attempt: int
    phase: str
    """A `core.TaskExecution.Phase` name: QUEUED, WAITING_FOR_RESOURCES, INITIALIZING, RUNNING."""
    version: int = 0
    reason: str = ""
    logs: tuple[tuple[str, str], ...] = ()
    """(name, URI) of places where a person can read what it printed."""
    info: str = ""
    """What its executor has to say about it, as JSON; empty: nothing new."""


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt ended by itself, and its outputs or error were read."""

    at: int
    node: int
    attempt: int
    failure: Failure | None = None
    outputs: bool = False
    deck: bool = False
    cache: int = -1
    """`core.CatalogCacheStatus` after the outputs were offered to the catalog; -1: unchanged."""
    peak_memory: int | None = None
    memory_limit: int | None = None
    reason: str = ""
    logs: tuple[tuple[str, str], ...] = ()
    catalog: str = ""
    """Base64 of `core.CatalogMetadata` when the outputs went into the catalog."""
    unfolds: str = ""
    """The URI of the compiled workflow that a dynamic task made instead of outputs; else empty."""
    info: str = ""
    """What its executor has to say about it, as JSON; empty: nothing new."""


@dataclass(frozen=True, slots=True)
class DynamicConcluded:
    """The workflow that a dynamic task made has succeeded, and its outputs are the task's now."""

    at: int
    node: int
    attempt: int
    outputs: bool = False
    cache: int = -1
    """`core.CatalogCacheStatus` after the outputs were offered to the catalog; -1: unchanged."""
    catalog: str = ""
    """Base64 of `core.CatalogMetadata` when the outputs went into the catalog."""


@dataclass(frozen=True, slots=True)
class AttemptAborted:
    """An attempt was ended from outside, and nothing of it runs any more."""

    at: int
    node: int
    attempt: int
    reason: str = ""
    logs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """The child execution of a launch-plan node exists."""

    at: int
    node: int
    attempt: int
    name: str
    """The child's name; its project and domain are the parent's."""


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """The child execution came to its end: with outputs, or with a failure."""

    at: int
    node: int
    attempt: int
    outputs_uri: str = ""
    failure: Failure | None = None
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class ElementsGathered:
    """The outputs of an array's elements are where the array has its outputs, or could not be put there."""

    at: int
    node: int
    failure: Failure | None = None
    outputs: bool = False
    """An array over a launch plan: whether that has outputs at all."""


@dataclass(frozen=True, slots=True)
class SignalGiven:
    """What a gate waited for was given. It goes on with what is at its outputs, unless there is a failure."""

    at: int
    node: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A deadline that was asked for has passed."""

    at: int
    node: int
    timer: str


@dataclass(frozen=True, slots=True)
class AbortRequested:
    """Someone wants the execution to end."""

    at: int
    cause: str
    principal: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionFailed:
    """The engine can't go on with this execution."""

    at: int
    failure: Failure


Event = (
    ExecutionStarted
    | NodePrepared
    | NodeRecovered
    | NodeRefused
    | AttemptUpdated
    | AttemptFinished
    | AttemptAborted
    | DynamicConcluded
    | ChildStarted
    | ChildEnded
    | ElementsGathered
    | SignalGiven
    | TimerFired
    | AbortRequested
    | ExecutionFailed
)

UNFOLDING = (AttemptFinished, NodePrepared)
"""Those after which a node may go on with a workflow that its task made: at the URI `unfolds`."""

_TAGS: dict[type[Any], str] = {
    ExecutionStarted: "start",
    NodePrepared: "prepared",
    NodeRecovered: "recovered",
    NodeRefused: "refused",
    AttemptUpdated: "updated",
    AttemptFinished: "finished",
    AttemptAborted: "aborted",
    DynamicConcluded: "concluded",
    ChildStarted: "child",
    ChildEnded: "child_ended",
    ElementsGathered: "gathered",
    SignalGiven: "signal",
    TimerFired: "timer",
    AbortRequested: "abort",
    ExecutionFailed: "failed",
}
_CLASSES = {tag: cls for cls, tag in _TAGS.items()}
_FIELDS = {cls: tuple(field.name for field in fields(cls)) for cls in _TAGS}
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(event: Event) -> bytes:
    """The bytes to keep."""
    cls = type(event)
    values: list[Any] = [VERSION, _TAGS[cls]]
    for name in _FIELDS[cls]:
        value = getattr(event, name)
        if isinstance(value, Failure):
            value = [value.code, value.message, value.kind, value.recoverable]
        values.append(value)
    return _dump(values).encode("utf-8", "surrogatepass")


def decode(payload: bytes) -> Event:
    """The event that was kept. Raises BadEvent for a newer format or damaged bytes."""
    try:
        version, tag, *values = json.loads(payload.decode("utf-8", "surrogatepass"))
    except (ValueError, TypeError) as error:
        raise BadEvent(f"an event of the execution can't be read: {error}") from error
    if version != VERSION or tag not in _CLASSES:
        raise BadEvent(f"an event {tag!r} of format {version} can't be read by this version of the engine")
    cls = _CLASSES[tag]
    arguments = {name: _value(name, value) for name, value in zip(_FIELDS[cls], values, strict=False)}
    event: Event = cls(**arguments)
    return event


def _value(name: str, value: Any) -> Any:
    if name == "failure" and value is not None:
        return Failure(*value)
    if name == "logs":
        return tuple((link[0], link[1]) for link in value)
    return value
