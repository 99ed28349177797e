"""Where an execution's time went, as a tree of spans (`core.Span`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from flyteidl.admin import execution_pb2, node_execution_pb2
from flyteidl.core import metrics_pb2

from sandbox.admin import fields, node_executions, pages, task_executions, times
from sandbox.admin.context import AdminContext
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions as execution_rows
from sandbox.store import listing
from sandbox.store import node_executions as node_rows
from sandbox.store import task_executions as task_rows

WORKFLOW_SETUP = "WORKFLOW_SETUP"
WORKFLOW_TEARDOWN = "WORKFLOW_TEARDOWN"
NODE_SETUP = "NODE_SETUP"
NODE_RESET = "NODE_RESET"
NODE_TEARDOWN = "NODE_TEARDOWN"
TASK_SETUP = "TASK_SETUP"
TASK_RUNTIME = "TASK_RUNTIME"
"""Names of operations, as Flyte has them."""


def get(
    context: AdminContext, request: execution_pb2.WorkflowExecutionGetMetricsRequest
) -> execution_pb2.WorkflowExecutionGetMetricsResponse:
    """GetExecutionMetrics: `depth` levels below the execution; negative means all."""
    span = _execution(context, fields.execution(request.id), request.depth)
    return execution_pb2.WorkflowExecutionGetMetricsResponse(span=span)


class _Rows:
    """The node and task executions of one execution, by what they belong to."""

    def __init__(
        self, nodes: Iterable[node_rows.NodeExecution], attempts: Iterable[task_rows.TaskExecution]
    ) -> None:
        self.children: dict[int | None, list[node_rows.NodeExecution]] = defaultdict(list)
        self.attempts: dict[int, list[task_rows.TaskExecution]] = defaultdict(list)
        for node in nodes:
            self.children[node.parent_id].append(node)
        for attempt in attempts:
            self.attempts[attempt.node_execution_id].append(attempt)


def _execution(context: AdminContext, execution: ExecutionId, depth: int) -> metrics_pb2.Span:
    with context.database.reading() as connection:
        row = execution_rows.get(connection, execution)
        if depth:
            everything = listing.Listing(limit=pages.EVERYTHING)
            page = node_rows.list_page(connection, execution, everything, all_levels=True)
            rows = _Rows(page.items, task_rows.of_execution(connection, row.id))
    span = _span(row.created_at, row.updated_at)
    span.workflow_id.CopyFrom(row.execution.to_proto())
    if not depth:
        return span
    top = rows.children[None]
    started = min((node.created_at for node in top), default=row.started_at or row.updated_at)
    span.spans.append(_operation(WORKFLOW_SETUP, row.created_at, started))
    span.spans.extend(_node(context, node, rows, depth - 1) for node in top)
    if top and row.terminal:
        ended = max(node.updated_at for node in top)
        span.spans.append(_operation(WORKFLOW_TEARDOWN, ended, row.updated_at))
    return span


def _node(context: AdminContext, node: node_rows.NodeExecution, rows: _Rows, depth: int) -> metrics_pb2.Span:
    span = _span(node.created_at, node.updated_at)
    span.node_id.CopyFrom(node_executions.identifier(node.execution, node.node))
    if not depth:
        return span
    attempts, children = rows.attempts[node.id], rows.children[node.id]
    first = [*(each.created_at for each in attempts), *(each.created_at for each in children)]
    last = [*(each.updated_at for each in attempts), *(each.updated_at for each in children)]
    span.spans.append(_operation(NODE_SETUP, node.created_at, min(first, default=node.updated_at)))
    ended: datetime | None = None
    for attempt in attempts:
        if ended is not None:
            span.spans.append(_operation(NODE_RESET, ended, attempt.created_at))
        span.spans.append(_attempt(attempt, depth - 1))
        ended = attempt.updated_at
    span.spans.extend(_node(context, child, rows, depth - 1) for child in children)
    child_execution = _child_execution(node)
    if child_execution is not None:
        span.spans.append(_execution(context, child_execution, depth - 1))
    if last:
        span.spans.append(_operation(NODE_TEARDOWN, max(last), node.updated_at))
    return span


def _attempt(attempt: task_rows.TaskExecution, depth: int) -> metrics_pb2.Span:
    span = _span(attempt.created_at, attempt.updated_at)
    span.task_id.CopyFrom(task_executions.identifier(attempt))
    if depth and attempt.started_at is not None:
        span.spans.append(_operation(TASK_SETUP, attempt.created_at, attempt.started_at))
        span.spans.append(_operation(TASK_RUNTIME, attempt.started_at, attempt.updated_at))
    return span


def _child_execution(node: node_rows.NodeExecution) -> ExecutionId | None:
    """The execution that a launch-plan node started; not one that took its time in a recovered execution."""
    if node.phase == "RECOVERED":
        return None
    closure = node_execution_pb2.NodeExecutionClosure.FromString(node.closure)
    if closure.WhichOneof("target_metadata") != "workflow_node_metadata":
        return None
    child = closure.workflow_node_metadata.executionId
    return ExecutionId.from_proto(child) if child.name else None


def _operation(name: str, start: datetime, end: datetime) -> metrics_pb2.Span:
    span = _span(start, max(start, end))
    span.operation_id = name
    return span


def _span(start: datetime, end: datetime) -> metrics_pb2.Span:
    return metrics_pb2.Span(start_time=times.timestamp(start), end_time=times.timestamp(end))
