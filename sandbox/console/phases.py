"""Phases of executions, nodes and attempts as people see them: a word, a sign and a tone.

A tone is a colour in the stylesheet; the sign and the word say the same without colour.
"""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl.core import execution_pb2


@dataclass(frozen=True, slots=True)
class Phase:
    """How one phase looks."""

    name: str
    """As in the protobuf: `RETRYABLE_FAILED`."""
    label: str
    sign: str
    tone: str
    """good, bad, busy, wait, stopped or quiet."""
    is_terminal: bool


_LOOKS = {
    "UNDEFINED": ("Pending", "◌", "wait", False),
    "QUEUED": ("Queued", "◌", "wait", False),
    "INITIALIZING": ("Starting", "◌", "wait", False),
    "WAITING_FOR_RESOURCES": ("Waiting for resources", "◌", "wait", False),
    "RUNNING": ("Running", "▶", "busy", False),
    "DYNAMIC_RUNNING": ("Running", "▶", "busy", False),
    "SUCCEEDING": ("Finishing", "▶", "busy", False),
    "SUCCEEDED": ("Succeeded", "✓", "good", True),
    "RECOVERED": ("Recovered", "✓", "good", True),
    "FAILING": ("Failing", "▶", "bad", False),
    "FAILED": ("Failed", "✕", "bad", True),
    "RETRYABLE_FAILED": ("Failed, may retry", "✕", "bad", True),
    "TIMED_OUT": ("Timed out", "✕", "bad", True),
    "ABORTING": ("Aborting", "▶", "stopped", False),
    "ABORTED": ("Aborted", "■", "stopped", True),
    "SKIPPED": ("Skipped", "↷", "quiet", True),
}

NOT_STARTED = Phase("", "Not started", "·", "quiet", False)


def named(name: str) -> Phase:
    """The look of a phase; an unknown one keeps its own name."""
    label, sign, tone, is_terminal = _LOOKS.get(
        name, (name.replace("_", " ").capitalize(), "?", "quiet", False)
    )
    return Phase(name, label, sign, tone, is_terminal)


def of_execution(value: int) -> Phase:
    return named(execution_pb2.WorkflowExecution.Phase.Name(value))


def of_node(value: int) -> Phase:
    return named(execution_pb2.NodeExecution.Phase.Name(value))


def of_attempt(value: int) -> Phase:
    return named(execution_pb2.TaskExecution.Phase.Name(value))


EXECUTION_FILTERS = {
    "active": ("Active", ("UNDEFINED", "QUEUED", "RUNNING", "SUCCEEDING", "FAILING", "ABORTING")),
    "succeeded": ("Succeeded", ("SUCCEEDED",)),
    "failed": ("Failed", ("FAILED", "TIMED_OUT")),
    "aborted": ("Aborted", ("ABORTED",)),
}
"""What a list of executions can be narrowed to: key in the address → words, phases."""

NODE_FILTERS = {
    "active": ("Active", ("QUEUED", "RUNNING", "DYNAMIC_RUNNING", "FAILING")),
    "succeeded": ("Succeeded", ("SUCCEEDED", "RECOVERED")),
    "failed": ("Failed", ("FAILED", "TIMED_OUT")),
    "aborted": ("Aborted", ("ABORTED",)),
    "skipped": ("Skipped", ("SKIPPED",)),
}
"""The same for an execution's nodes."""
