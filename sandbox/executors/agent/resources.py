"""From a connector's `admin.Resource` to what an executor reports (pure).

Connectors since flytekit 1.10 say a phase; older ones a state, which counts only where the phase is
UNDEFINED.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2
from google.protobuf import json_format

from sandbox.executors.agent import failures
from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind, LogLink

_MAX_TEXT = 64 * 1024
_MAX_INFO = 16 * 1024
"""Characters: both are kept in the execution's history."""

_Phase = execution_pb2.TaskExecution
_PHASES = {
    _Phase.QUEUED: AttemptPhase.QUEUED,
    _Phase.WAITING_FOR_RESOURCES: AttemptPhase.QUEUED,
    _Phase.INITIALIZING: AttemptPhase.INITIALIZING,
    _Phase.RUNNING: AttemptPhase.RUNNING,
    _Phase.SUCCEEDED: AttemptPhase.SUCCEEDED,
    _Phase.ABORTED: AttemptPhase.FAILED,
    _Phase.FAILED: AttemptPhase.FAILED,
    _Phase.RETRYABLE_FAILED: AttemptPhase.FAILED,
}
_STATES = {
    agent_pb2.PENDING: _Phase.INITIALIZING,
    agent_pb2.RUNNING: _Phase.RUNNING,
    agent_pb2.SUCCEEDED: _Phase.SUCCEEDED,
    agent_pb2.PERMANENT_FAILURE: _Phase.FAILED,
    agent_pb2.RETRYABLE_FAILURE: _Phase.RETRYABLE_FAILED,
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What a connector says about a task."""

    phase: AttemptPhase
    message: str = ""
    error: AttemptError | None = None
    logs: tuple[LogLink, ...] = ()
    info: str = ""
    """`custom_info` as JSON text; empty: none."""


def progress(resource: agent_pb2.Resource) -> Progress:
    """What the resource tells."""
    told = resource.phase
    if told == _Phase.UNDEFINED:
        told = _STATES.get(resource.state, _Phase.UNDEFINED)
    phase = _PHASES.get(told)
    if phase is None:
        text = f"the connector reported a phase that does not exist: {resource.phase or resource.state}"
        return Progress(
            AttemptPhase.FAILED, error=AttemptError(failures.FAILED, text, ErrorKind.SYSTEM, recoverable=True)
        )
    failed = phase is AttemptPhase.FAILED
    return Progress(
        phase,
        message=resource.message[:_MAX_TEXT],
        error=_error(resource, told) if failed else None,
        logs=tuple(LogLink(link.name or "Log", link.uri) for link in resource.log_links),
        info=_info(resource),
    )


def missing_outputs(resource: agent_pb2.Resource, declared: list[str]) -> list[str]:
    """Declared outputs that an inline answer lacks; none where the connector left them to outputs.pb."""
    if not resource.outputs.literals:
        return []
    return sorted(set(declared) - set(resource.outputs.literals))


def _error(resource: agent_pb2.Resource, told: int) -> AttemptError:
    said = resource.message[:_MAX_TEXT]
    own = resource.agent_error
    recoverable = told == _Phase.RETRYABLE_FAILED
    kind = ErrorKind.USER
    if resource.HasField("agent_error"):
        recoverable = recoverable or own.kind == agent_pb2.AgentError.RECOVERABLE
        if own.origin == execution_pb2.ExecutionError.SYSTEM:
            kind = ErrorKind.SYSTEM
    if told == _Phase.ABORTED:
        text = "The connector says that the job was aborted" + (f": {said}" if said else ".")
    else:
        text = f"failed to run the job: {said or 'the connector gave no reason'}"
    return AttemptError(own.code or failures.FAILED, text, kind, recoverable)


def _info(resource: agent_pb2.Resource) -> str:
    if not resource.HasField("custom_info"):
        return ""
    text = json.dumps(json_format.MessageToDict(resource.custom_info), sort_keys=True)
    if len(text) > _MAX_INFO:
        return json.dumps({"omitted": f"custom_info of {len(text)} characters, more than {_MAX_INFO}"})
    return text
