"""What the core wants done.

Two classes, by when they may be carried out:

- *Free* commands change nothing that can't be done again (they read, compute, write objects whose content is
  determined, or write rows in the transaction of the events): `PrepareNode`, `GatherElements`,
  `ConcludeDynamic` and the
  `Record…` commands. The shell carries them out at once.
- *Durable* commands act on the world: they are carried out only after the event that caused them was
  committed, and again after a restart (`machine.outstanding`), so whoever carries them out must recognise
  what was already done.

Nodes are named by their number in the execution's state.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrepareNode:
    """Resolve the node's inputs and whatever must be known before it runs; answer with NodePrepared. Free."""

    node: int


@dataclass(frozen=True, slots=True)
class ConcludeDynamic:
    """All that a dynamic node made has succeeded: offer its outputs to the catalog; answer with
    DynamicConcluded. Free.
    """

    node: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RecordExecution:
    """The execution's row changed. Free."""


@dataclass(frozen=True, slots=True)
class RecordNode:
    """The node execution's row changed. Free."""

    node: int


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """The task execution's row changed. Free."""

    node: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RecordElement:
    """An element of an array changed: its array's task execution tells of it, if need be a little later.
    Free.
    """

    node: int


@dataclass(frozen=True, slots=True)
class GatherElements:
    """Put the outputs of an array's elements together; answer with ElementsGathered. Free."""

    node: int


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Start the attempt, or attach to it."""

    node: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AbortAttempt:
    """End the attempt; answer with AttemptAborted (or what it had come to)."""

    node: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class ForgetAttempt:
    """The attempt's result is committed: the executor need not keep it."""

    node: int
    attempt: int


@dataclass(frozen=True, slots=True)
class StartChild:
    """Create the child execution of a launch-plan node, or find it; answer with ChildStarted, later
    ChildEnded.
    """

    node: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AbortChild:
    """Terminate the child execution; answer with ChildEnded."""

    node: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitSignal:
    """Wait for the signal of a gate; answer with SignalGiven once someone gave it."""

    node: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Answer with TimerFired once the deadline has passed."""

    node: int
    timer: str
    deadline: int
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class CloseExecution:
    """The execution is over: tell who waits for it, release what is held."""


Command = (
    PrepareNode
    | ConcludeDynamic
    | RecordExecution
    | RecordNode
    | RecordAttempt
    | RecordElement
    | GatherElements
    | StartAttempt
    | AbortAttempt
    | ForgetAttempt
    | StartChild
    | AbortChild
    | AwaitSignal
    | SetTimer
    | CloseExecution
)
