"""One attempt of a task, as the panel of its node shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flyteidl.admin import task_execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.event import event_pb2
from google.protobuf import json_format, struct_pb2

from sandbox.console import memory, phases, summaries, times, urls
from sandbox.console.memory import MemoryUse
from sandbox.console.phases import Phase
from sandbox.console.summaries import Failure
from sandbox.idl.identifiers import ExecutionId

MAX_SUBTASKS = 200
MAX_FACTS = 20
MAX_FACT = 300
"""Characters."""


@dataclass(frozen=True, slots=True)
class Subtask:
    """An element of a map task."""

    index: int
    attempt: int
    phase: Phase
    logs: tuple[tuple[str, str], ...]
    child: ExecutionId | None
    """The execution that an element of an array over a launch plan is."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt."""

    number: int
    """From 0."""
    phase: Phase
    task_type: str
    created: datetime | None
    started: datetime | None
    duration: timedelta | None
    reasons: tuple[tuple[datetime | None, str], ...]
    logs: tuple[tuple[str, str], ...]
    """Names and addresses of logs kept elsewhere."""
    memory: MemoryUse | None
    facts: tuple[tuple[str, str], ...]
    """What whoever ran it has to say about it: a connector's name for its job, for instance."""
    failure: Failure | None
    subtasks: tuple[Subtask, ...]
    subtasks_left_out: int


def from_proto(message: task_execution_pb2.TaskExecution) -> Attempt:
    """The attempt of admin's message."""
    closure = message.closure
    phase = phases.of_attempt(closure.phase)
    resources = closure.metadata.external_resources
    return Attempt(
        number=message.id.retry_attempt,
        phase=phase,
        task_type=closure.task_type,
        created=times.moment_of(closure, "created_at"),
        started=times.moment_of(closure, "started_at"),
        duration=times.length_of(closure, "duration") if phase.is_terminal else None,
        reasons=_reasons(closure),
        logs=_links(closure.logs, _own_log(message)),
        memory=memory.from_custom_info(closure.custom_info),
        facts=_facts(closure.custom_info),
        failure=summaries.failure_of(closure.error)
        if closure.WhichOneof("output_result") == "error"
        else None,
        subtasks=tuple(_subtask(each) for each in resources[:MAX_SUBTASKS]),
        subtasks_left_out=max(len(resources) - MAX_SUBTASKS, 0),
    )


def _subtask(resource: event_pb2.ExternalResourceInfo) -> Subtask:
    child = resource.workflow_node_metadata.execution_id
    return Subtask(
        resource.index,
        resource.retry_attempt,
        phases.of_attempt(resource.phase),
        _links(resource.logs, ""),
        ExecutionId.from_proto(child) if child.name else None,
    )


def _facts(info: struct_pb2.Struct) -> tuple[tuple[str, str], ...]:
    told = json_format.MessageToDict(info)
    names = [name for name in sorted(told) if name not in memory.FIELDS]
    return tuple((name, _fact(told[name])) for name in names[:MAX_FACTS])


def _fact(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of numbers
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_FACT else f"{text[:MAX_FACT]}…"


def _reasons(closure: task_execution_pb2.TaskExecutionClosure) -> tuple[tuple[datetime | None, str], ...]:
    if closure.reasons:
        return tuple((times.moment_of(each, "occurred_at"), each.message) for each in closure.reasons)
    return ((times.moment_of(closure, "updated_at"), closure.reason),) if closure.reason else ()


def _own_log(message: task_execution_pb2.TaskExecution) -> str:
    """The path of the log that this console itself serves, to leave it out of the links."""
    execution = ExecutionId.from_proto(message.id.node_execution_id.execution_id)
    return urls.log(execution, message.id.node_execution_id.node_id, message.id.retry_attempt)


def _links(logs: Iterable[core_execution_pb2.TaskLog], own: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (log.name or "Log", log.uri)
        for log in logs
        if log.uri.startswith(("http://", "https://")) and not (own and log.uri.endswith(own))
    )
