"""The engine's rows read back, just as `projections` wrote them: for comparing, not for showing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sandbox.store.database import Connection
from sandbox.store.projections import ExecutionRow, NodeRow, TaskRow


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one execution."""

    execution: ExecutionRow
    nodes: list[NodeRow]
    tasks: list[TaskRow]
    """Their `execution_id` is 0: the table does not have it."""


def _time(column: str) -> str:
    return f"coalesce(round(extract(epoch FROM {column}) * 1000000)::bigint, 0)"


_EXECUTION = f"""
SELECT id, phase, {_time("started_at")}, {_time("execution_updated_at")}, duration, outputs_uri, error,
       error_kind, error_code, abort_cause, terminal
FROM executions WHERE id = %(execution)s
"""

_NODES = f"""
SELECT id, execution_id, node_id, parent_id, phase, input_uri, closure, node_execution_metadata, error_kind,
       error_code, cache_status, {_time("started_at")}, {_time("node_execution_created_at")},
       {_time("node_execution_updated_at")}, duration, dynamic_workflow
FROM node_executions WHERE execution_id = %(execution)s ORDER BY id
"""

_TASKS = f"""
SELECT t.node_execution_id, t.retry_attempt, t.project, t.domain, t.name, t.version, t.phase, t.phase_version,
       t.input_uri, t.closure, t.peak_memory, t.memory_limit, {_time("t.started_at")},
       {_time("t.task_execution_created_at")}, {_time("t.task_execution_updated_at")}, t.duration
FROM task_executions AS t JOIN node_executions AS n ON n.id = t.node_execution_id
WHERE n.execution_id = %(execution)s ORDER BY t.node_execution_id, t.retry_attempt
"""


def hold_still(connection: Connection) -> None:
    """Have all that this transaction reads be of one moment; to be said first."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def rows(connection: Connection, execution_id: int) -> Rows:
    """The rows of an execution that exists."""
    key = {"execution": execution_id}
    (execution,) = connection.exec_driver_sql(_EXECUTION, key)
    return Rows(
        _row(ExecutionRow, execution),
        [_row(NodeRow, row) for row in connection.exec_driver_sql(_NODES, key)],
        [_row(TaskRow, row) for row in connection.exec_driver_sql(_TASKS, key)],
    )


def _row(cls: Any, values: Any) -> Any:
    """Columns in the order of the fields; the driver's memoryviews become bytes."""
    names = [one.name for one in fields(cls)]
    plain = (bytes(value) if isinstance(value, memoryview) else value for value in values)
    return cls(**dict(zip(names, plain, strict=False)))
