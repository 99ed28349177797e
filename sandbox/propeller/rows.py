"""From the engine's state to the rows that people see (`store.projections`).

Closures are Flyte's (`admin.NodeExecutionClosure`, `admin.TaskExecutionClosure`), built anew from the state
each time that a node or an attempt changed: a row never depends on what was written before.
"""

from __future__ import annotations

import json

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, execution_pb2, identifier_pb2, tasks_pb2
from flyteidl.event import event_pb2
from google.protobuf import duration_pb2, json_format, struct_pb2, timestamp_pb2

from sandbox.idl import names
from sandbox.propeller import memoization
from sandbox.propeller.core import legacy_arrays
from sandbox.propeller.core.failures import Failure
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Attempt, ExecutionPhase, Node, NodePhase
from sandbox.propeller.elements import elements_of
from sandbox.propeller.running import Running
from sandbox.store.projections import ExecutionRow, NodeRow, TaskRow

_MIB = 1024 * 1024
_BY_NODE = {
    NodePhase.IDLE: "UNDEFINED",
    NodePhase.RUNNING: "RUNNING",
    NodePhase.SUCCEEDED: "SUCCEEDED",
    NodePhase.FAILED: "FAILED",
    NodePhase.ABORTED: "ABORTED",
    NodePhase.RECOVERED: "SUCCEEDED",
}
"""How an element that no attempt tells of is shown: one that did not begin, was found in the catalog,
refused, aborted in time or recovered (a task execution has no such phase), and one that is an execution.
"""
_NODE_PHASES = {
    NodePhase.IDLE: "UNDEFINED",
    NodePhase.WAITING: "UNDEFINED",
    NodePhase.PREPARING: "QUEUED",
    NodePhase.QUEUED: "QUEUED",
    NodePhase.RUNNING: "RUNNING",
    NodePhase.SUCCEEDED: "SUCCEEDED",
    NodePhase.FAILED: "FAILED",
    NodePhase.ABORTED: "ABORTED",
    NodePhase.SKIPPED: "SKIPPED",
    NodePhase.TIMED_OUT: "TIMED_OUT",
    NodePhase.RECOVERED: "RECOVERED",
}


def execution_row(running: Running, now: int) -> ExecutionRow:
    """The execution as it stands."""
    state = running.state
    failure = state.failure if state.phase is ExecutionPhase.FAILED else None
    end = state.nodes[state.scopes[0].base + state.scopes[0].graph.end] if state.scopes else None
    return ExecutionRow(
        id=running.id,
        phase=state.phase.value,
        started_at=state.started_at,
        updated_at=state.ended_at or now,
        duration=_seconds(state.started_at, state.ended_at),
        outputs_uri=running.places.outputs(end) if state.outputs and end is not None else "",
        error=None if failure is None else _error(failure).SerializeToString(),
        error_kind=None if failure is None else failure.kind,
        error_code=None if failure is None else failure.code.replace("\0", ""),
        abort_cause=(state.abort_cause or "").replace("\0", ""),
        terminal=state.is_terminal,
    )


def failed_row(execution_id: int, failure: Failure, now: int) -> ExecutionRow:
    """An execution that failed without a state to tell of."""
    return ExecutionRow(
        id=execution_id,
        phase=ExecutionPhase.FAILED.value,
        started_at=now,
        updated_at=now,
        duration=0.0,
        outputs_uri="",
        error=_error(failure).SerializeToString(),
        error_kind=failure.kind,
        error_code=failure.code,
        abort_cause="",
        terminal=True,
    )


def node_row(running: Running, node: Node, row_id: int, parent_id: int | None) -> NodeRow:
    """A node execution as it stands."""
    failure = node.failure
    phase = _phase(node)
    is_start = node.spec.kind is NodeKind.START
    has_inputs = is_start or node.prepared
    retry_group = str(running.state.attempt_around(node)) if node.owner >= 0 else ""
    metadata = node_execution_pb2.NodeExecutionMetaData(
        retry_group=retry_group,
        is_parent_node=node.spec.kind is NodeKind.SUBWORKFLOW or node.is_dynamic,
        is_dynamic=node.is_dynamic,
        spec_node_id=node.spec.node_id,
        is_array=node.spec.kind is NodeKind.ARRAY and not legacy_arrays.is_one(node.spec.task),
    )
    return NodeRow(
        id=row_id,
        execution_id=running.id,
        node_id=node.unique_id,
        parent_id=parent_id,
        phase=phase,
        input_uri=running.places.inputs(node) if has_inputs else "",
        closure=_node_closure(running, node, phase).SerializeToString(),
        metadata=metadata.SerializeToString(),
        error_kind=None if failure is None else failure.kind,
        error_code=None if failure is None else failure.code.replace("\0", ""),
        cache_status=_cache_status(node),
        started_at=node.started_at,
        created_at=node.created_at,
        updated_at=node.updated_at,
        duration=_seconds(node.started_at, node.ended_at),
        dynamic_workflow=running.dynamic_workflows.get(node.number),
    )


def task_row(running: Running, node: Node, attempt: Attempt, node_row_id: int) -> TaskRow:
    """A task execution as it stands."""
    task = _ran(node)
    return TaskRow(
        execution_id=running.id,
        node_execution_id=node_row_id,
        retry_attempt=attempt.number,
        project=task.project,
        domain=task.domain,
        name=task.name,
        version=task.version,
        phase=attempt.phase,
        phase_version=attempt.version,
        input_uri=running.places.inputs(node),
        closure=_task_closure(running, node, attempt).SerializeToString(),
        peak_memory=attempt.peak_memory,
        memory_limit=attempt.memory_limit,
        started_at=attempt.started_at,
        created_at=attempt.created_at,
        updated_at=attempt.updated_at,
        duration=_seconds(attempt.started_at, attempt.ended_at),
    )


def _ran(node: Node) -> identifier_pb2.Identifier:
    """The task that a node runs; for an array over a launch plan, the launch plan."""
    if node.spec.task is None and node.spec.element is not None:
        return node.spec.element.proto.workflow_node.launchplan_ref
    return node.template.id


def _external_resources(running: Running, node: Node) -> list[event_pb2.ExternalResourceInfo]:
    """The elements of an array node, as its one task execution tells of them."""
    execution = running.execution.name
    prefix = names.unique_task_name(execution, node.unique_id, node.attempt.number)
    found = []
    for element in elements_of(running, node):
        attempt = element.attempts[-1] if element.attempts else None
        number = 0 if attempt is None else attempt.number
        phase = _BY_NODE.get(element.phase, "QUEUED")
        if attempt is not None and element.spec.kind is NodeKind.ELEMENT:
            phase = attempt.phase
        told = event_pb2.ExternalResourceInfo(
            external_id=f"{prefix}-n{element.index}-{number}",
            index=element.index,
            retry_attempt=number,
            phase=execution_pb2.TaskExecution.Phase.Value(phase),
            cache_status=element.cache,
            logs=() if attempt is None else _logs(attempt, f"-{element.index}"),
        )
        if isinstance(element.child, str):
            told.workflow_node_metadata.execution_id.CopyFrom(_launched(running, element.child))
        found.append(told)
    return found


def _launched(running: Running, name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    execution = running.execution
    return identifier_pb2.WorkflowExecutionIdentifier(
        project=execution.project, domain=execution.domain, name=name
    )


def _logs(attempt: Attempt, suffix: str = "") -> list[execution_pb2.TaskLog]:
    return [
        execution_pb2.TaskLog(uri=uri, name=name + suffix, message_format=execution_pb2.TaskLog.UNKNOWN)
        for name, uri in attempt.logs
    ]


def over_limit(attempt: Attempt) -> str:
    """What to tell a person about an attempt that used more memory than it asked to be limited to; else
    empty.
    """
    peak, limit = attempt.peak_memory, attempt.memory_limit
    if peak is None or not limit or peak <= limit:
        return ""
    return f"used {round(peak / _MIB)} MiB of {round(limit / _MIB)} MiB: a cluster would kill this"


def _phase(node: Node) -> str:
    if node.phase is NodePhase.RUNNING and node.is_dynamic:
        return "DYNAMIC_RUNNING"
    return _NODE_PHASES[node.phase]


def _node_closure(running: Running, node: Node, phase: str) -> node_execution_pb2.NodeExecutionClosure:
    closure = node_execution_pb2.NodeExecutionClosure(
        phase=execution_pb2.NodeExecution.Phase.Value(phase),
        created_at=_timestamp(node.created_at),
        updated_at=_timestamp(node.updated_at),
    )
    if node.started_at:
        closure.started_at.CopyFrom(_timestamp(node.started_at))
        if node.ended_at:
            closure.duration.CopyFrom(_duration(node.started_at, node.ended_at))
    if node.failure is not None:
        closure.error.CopyFrom(_error(node.failure))
    elif node.has_succeeded and node.outputs:
        closure.output_uri = running.places.outputs(node)
    if node.spec.kind is NodeKind.TASK:
        _describe_task(running, node, closure)
    elif node.spec.kind is NodeKind.LAUNCH_PLAN and isinstance(node.child, str):
        closure.workflow_node_metadata.executionId.CopyFrom(_launched(running, node.child))
    return closure


def _describe_task(running: Running, node: Node, closure: node_execution_pb2.NodeExecutionClosure) -> None:
    closure.task_node_metadata.cache_status = node.cache
    if node.catalog:
        closure.task_node_metadata.catalog_key.CopyFrom(memoization.unpack(node.catalog))
    if node.is_dynamic:
        closure.dynamic_job_spec_uri = running.places.attempt(node, node.inner_attempt).futures
    if node.has_deck or _is_making_deck(node):
        closure.deck_uri = running.places.attempt(node, node.inner_attempt).deck


def _is_making_deck(node: Node) -> bool:
    """Whether its attempt runs and said that it makes a deck, which people may look at meanwhile."""
    if not node.attempts or node.attempt.phase != "RUNNING":
        return False
    return bool(node.template.metadata.generates_deck.value)


def _task_closure(running: Running, node: Node, attempt: Attempt) -> task_execution_pb2.TaskExecutionClosure:
    is_array = node.spec.kind is NodeKind.ARRAY
    reasons = list(attempt.reasons)
    warning = over_limit(attempt)
    if warning:
        reasons.append((attempt.ended_at, warning))
    closure = task_execution_pb2.TaskExecutionClosure(
        phase=execution_pb2.TaskExecution.Phase.Value(attempt.phase),
        created_at=_timestamp(attempt.created_at),
        updated_at=_timestamp(attempt.updated_at),
        logs=_logs(attempt),
        reason=reasons[-1][1] if reasons else "",
        reasons=[task_execution_pb2.Reason(occurred_at=_timestamp(at), message=text) for at, text in reasons],
        task_type="container_array" if is_array else node.template.type,
        metadata=_task_metadata(running, node, attempt),
        event_version=1,
    )
    if attempt.started_at:
        closure.started_at.CopyFrom(_timestamp(attempt.started_at))
        if attempt.ended_at:
            closure.duration.CopyFrom(_duration(attempt.started_at, attempt.ended_at))
    if attempt.failure is not None:
        closure.error.CopyFrom(_error(attempt.failure))
    elif attempt.phase == "SUCCEEDED" and attempt.outputs:
        closure.output_uri = running.places.attempt(node, attempt.number).outputs
    memory = {"peak_memory_bytes": attempt.peak_memory, "memory_limit_bytes": attempt.memory_limit}
    told = {name: value for name, value in memory.items() if value is not None}
    if attempt.info:
        told |= json.loads(attempt.info)
    if told:
        closure.custom_info.CopyFrom(json_format.ParseDict(told, struct_pb2.Struct()))
    if is_array:
        closure.metadata.external_resources.extend(_external_resources(running, node))
    return closure


def _task_metadata(running: Running, node: Node, attempt: Attempt) -> event_pb2.TaskExecutionMetadata:
    instance = event_pb2.TaskExecutionMetadata.DEFAULT
    if attempt.interruptible:
        instance = event_pb2.TaskExecutionMetadata.INTERRUPTIBLE
    return event_pb2.TaskExecutionMetadata(
        generated_name=names.unique_task_name(
            running.execution.name, node.unique_id, attempt.number, task_type=node.task_type
        ),
        plugin_identifier="k8s-array" if node.spec.kind is NodeKind.ARRAY else _plugin(node.template),
        instance_class=instance,
    )


def _plugin(template: tasks_pb2.TaskTemplate) -> str:
    """What ran the task, in Flyte's words."""
    if template.type == "echo":
        return "echo"
    return "container" if template.WhichOneof("target") else "connector-service"


def _cache_status(node: Node) -> str | None:
    if node.spec.kind is not NodeKind.TASK:
        return None
    return str(catalog_pb2.CatalogCacheStatus.Name(node.cache))


def _error(failure: Failure) -> execution_pb2.ExecutionError:
    return execution_pb2.ExecutionError(
        code=failure.code,
        message=failure.message,
        kind=execution_pb2.ExecutionError.ErrorKind.Value(failure.kind),
    )


def _timestamp(at: int) -> timestamp_pb2.Timestamp:
    seconds, micros = divmod(at, 1_000_000)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=micros * 1000)


def _duration(start: int, end: int) -> duration_pb2.Duration:
    seconds, micros = divmod(max(0, end - start), 1_000_000)
    return duration_pb2.Duration(seconds=seconds, nanos=micros * 1000)


def _seconds(start: int, end: int) -> float | None:
    return max(0, end - start) / 1e6 if start and end else None
