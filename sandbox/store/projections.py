"""What people see of the engine's state: rows of executions, node executions and task executions.

Written in the same transaction as the events that they follow from, many rows a statement. Times are
microseconds since the epoch, 0 meaning *not yet*. Rows are numbered by the engine out of blocks of the
tables' sequences, so that a child row can name its parent before either is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from sandbox.store import executions
from sandbox.store.database import Connection
from sandbox.store.events import StoredEvent


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """The engine's columns of `executions`."""

    id: int
    phase: str
    """`core.WorkflowExecution.Phase` name."""
    started_at: int
    updated_at: int
    duration: float | None
    """Seconds."""
    outputs_uri: str
    error: bytes | None
    """`core.ExecutionError`."""
    error_kind: str | None
    error_code: str | None
    abort_cause: str
    terminal: bool


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A row of `node_executions`."""

    id: int
    execution_id: int
    node_id: str
    parent_id: int | None
    phase: str
    """`core.NodeExecution.Phase` name."""
    input_uri: str
    closure: bytes
    """`admin.NodeExecutionClosure`."""
    metadata: bytes
    """`admin.NodeExecutionMetaData`."""
    error_kind: str | None
    error_code: str | None
    cache_status: str | None
    started_at: int
    created_at: int
    updated_at: int
    duration: float | None
    """Seconds."""
    dynamic_workflow: bytes | None = None
    """`admin.DynamicWorkflowNodeMetadata`; None: none, or the one that is stored already."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A row of `task_executions`."""

    node_execution_id: int
    retry_attempt: int
    project: str
    domain: str
    name: str
    version: str
    phase: str
    """`core.TaskExecution.Phase` name."""
    phase_version: int
    input_uri: str
    closure: bytes
    """`admin.TaskExecutionClosure`."""
    peak_memory: int | None
    memory_limit: int | None
    started_at: int
    created_at: int
    updated_at: int
    duration: float | None
    """Seconds."""
    execution_id: int = 0
    """The execution's row id; `commit` needs it to leave out what is another engine's."""


def _time(column: str) -> str:
    return f"timestamptz 'epoch' + nullif(v.{column}, 0) * interval '1 microsecond'"


_APPENDED = "IN (SELECT execution_id FROM appended)"


def _nodes_sql(condition: str) -> str:
    return f"""
INSERT INTO node_executions (
    id, execution_id, node_id, parent_id, phase, input_uri, closure, node_execution_metadata, error_kind,
    error_code, cache_status, started_at, node_execution_created_at, node_execution_updated_at, duration,
    dynamic_workflow)
SELECT
    v.id, v.execution_id, v.node_id, v.parent_id, v.phase, v.input_uri, v.closure, v.metadata, v.error_kind,
    v.error_code, v.cache_status, {_time("started_at")}, {_time("created_at")}, {_time("updated_at")},
    v.duration, v.dynamic_workflow
FROM unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[],
    %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::bytea[]
) AS v(
    id, execution_id, node_id, parent_id, phase, input_uri, closure, metadata, error_kind, error_code,
    cache_status, started_at, created_at, updated_at, duration, dynamic_workflow
)
WHERE {condition}
ON CONFLICT (id) DO UPDATE SET
    phase = excluded.phase,
    input_uri = excluded.input_uri,
    closure = excluded.closure,
    node_execution_metadata = excluded.node_execution_metadata,
    error_kind = excluded.error_kind,
    error_code = excluded.error_code,
    cache_status = excluded.cache_status,
    started_at = excluded.started_at,
    node_execution_updated_at = excluded.node_execution_updated_at,
    duration = excluded.duration,
    dynamic_workflow = coalesce(excluded.dynamic_workflow, node_executions.dynamic_workflow)
"""


def _tasks_sql(condition: str) -> str:
    return f"""
INSERT INTO task_executions (
    node_execution_id, retry_attempt, project, domain, name, version, phase, phase_version, input_uri,
    closure, peak_memory, memory_limit, started_at, task_execution_created_at, task_execution_updated_at,
    duration)
SELECT
    v.node, v.attempt, v.project, v.domain, v.name, v.version, v.phase, v.phase_version, v.input_uri,
    v.closure, v.peak_memory, v.memory_limit, {_time("started_at")}, {_time("created_at")},
    {_time("updated_at")}, v.duration
FROM unnest(
    %s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[],
    %s::text[], %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::float8[], %s::bigint[]
) AS v(
    node, attempt, project, domain, name, version, phase, phase_version, input_uri, closure, peak_memory,
    memory_limit, started_at, created_at, updated_at, duration, execution_id
)
WHERE {condition}
ON CONFLICT (node_execution_id, retry_attempt) DO UPDATE SET
    phase = excluded.phase,
    phase_version = excluded.phase_version,
    closure = excluded.closure,
    peak_memory = excluded.peak_memory,
    memory_limit = excluded.memory_limit,
    started_at = excluded.started_at,
    task_execution_updated_at = excluded.task_execution_updated_at,
    duration = excluded.duration
"""


# A wish to abort that came in the meantime stays visible until the execution ends. Whoever holds the parent
# of an execution that ended is told of both.
def _executions_sql(condition: str) -> str:
    return f"""
UPDATE executions AS e SET
    phase = CASE WHEN e.phase = 'ABORTING' AND NOT v.terminal THEN e.phase ELSE v.phase END,
    started_at = {_time("started_at")},
    execution_updated_at = {_time("updated_at")},
    duration = v.duration,
    outputs_uri = v.outputs_uri,
    error = v.error,
    error_kind = v.error_kind,
    error_code = v.error_code,
    abort_cause = CASE WHEN e.abort_cause = '' THEN v.abort_cause ELSE e.abort_cause END,
    terminal = v.terminal,
    lease_owner = CASE WHEN v.terminal THEN NULL ELSE e.lease_owner END,
    lease_expires_at = CASE WHEN v.terminal THEN NULL ELSE e.lease_expires_at END
FROM unnest(
    %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::float8[], %s::text[], %s::bytea[], %s::text[],
    %s::text[], %s::text[], %s::bool[]
) AS v(
    id, phase, started_at, updated_at, duration, outputs_uri, error, error_kind, error_code, abort_cause,
    terminal
)
WHERE e.id = v.id AND {condition}
RETURNING CASE WHEN v.terminal AND e.parent_node_execution_id IS NOT NULL THEN (
    SELECT pg_notify('{executions.CHANNEL}', n.execution_id || ' ' || e.id)
    FROM node_executions AS n WHERE n.id = e.parent_node_execution_id
) END
"""


# The lease guards against another engine, the primary key against one that bears the same name.
_APPEND = """
INSERT INTO execution_events (execution_id, sequence, payload)
SELECT v.execution_id, v.sequence, v.payload
FROM unnest(%s::bigint[], %s::int[], %s::bytea[]) AS v(execution_id, sequence, payload)
WHERE v.execution_id IN (
    SELECT id FROM executions WHERE id = ANY(%s::bigint[]) AND lease_owner = %s AND NOT terminal
    ORDER BY id FOR NO KEY UPDATE
)
RETURNING execution_id
"""

_WRITE_NODES = _nodes_sql("true")
_WRITE_TASKS = _tasks_sql("true")
_WRITE_EXECUTIONS = _executions_sql("true")
_REFRESH_TASKS = _tasks_sql(
    "v.execution_id IN (SELECT id FROM executions WHERE lease_owner = %s AND NOT terminal)"
)
_COMMIT_NODES = _nodes_sql(f"v.execution_id {_APPENDED}")
_COMMIT_TASKS = _tasks_sql(f"v.execution_id {_APPENDED}")
_COMMIT_EXECUTIONS = _executions_sql(f"v.id {_APPENDED}")

_NUMBERS = """
SELECT nextval(pg_get_serial_sequence('node_executions', 'id')) FROM generate_series(1, %(number)s)
"""

_KNOWN_NODES = "SELECT node_id, id FROM node_executions WHERE execution_id = %(execution)s"


def commit(
    connection: Connection,
    owner: str,
    events: Sequence[StoredEvent],
    nodes: Sequence[NodeRow] = (),
    tasks: Sequence[TaskRow] = (),
    changed: Sequence[ExecutionRow] = (),
) -> set[int]:
    """Append to histories and write the rows that follow, in one statement: one round trip, all or nothing.

    Only executions that `owner` leases and that are not over are written. Returns those that were not: they
    are another engine's now. `AlreadyExists` if a place in a history is taken; then nothing was written at
    all.
    """
    touched = sorted({event.execution_id for event in events})
    parts = [f"WITH appended AS ({_APPEND})"]
    arguments: list[object] = [*_columns(events), touched, owner]
    for name, sql, rows in (
        ("nodes", _COMMIT_NODES, nodes),
        ("tasks", _COMMIT_TASKS, tasks),
        ("changed", _COMMIT_EXECUTIONS, changed),
    ):
        if rows:
            parts.append(f"{name} AS ({sql})")
            arguments.extend(_columns(rows))
    statement = ",\n".join(parts) + "\nSELECT DISTINCT execution_id FROM appended"
    written = {row[0] for row in connection.exec_driver_sql(statement, tuple(arguments))}
    return set(touched) - written


def write_nodes(connection: Connection, rows: Sequence[NodeRow]) -> None:
    """Insert node executions, or bring them up to date."""
    connection.exec_driver_sql(_WRITE_NODES, _columns(rows))


def write_tasks(connection: Connection, rows: Sequence[TaskRow]) -> None:
    """Insert task executions, or bring them up to date."""
    connection.exec_driver_sql(_WRITE_TASKS, _columns(rows))


def refresh_tasks(connection: Connection, owner: str, rows: Sequence[TaskRow]) -> None:
    """Bring task executions up to date, without an event: those of executions that `owner` leases."""
    connection.exec_driver_sql(_REFRESH_TASKS, (*_columns(rows), owner))


def write_executions(connection: Connection, rows: Sequence[ExecutionRow]) -> None:
    """Bring executions up to date; those that are over are nobody's any more, their parents are told."""
    connection.exec_driver_sql(_WRITE_EXECUTIONS, _columns(rows))


def node_numbers(connection: Connection, number: int) -> list[int]:
    """A block of row ids for node executions to come."""
    return [row[0] for row in connection.exec_driver_sql(_NUMBERS, {"number": number})]


def known_nodes(connection: Connection, execution_id: int) -> dict[str, int]:
    """The row ids of an execution's nodes, by unique node id."""
    rows = connection.exec_driver_sql(_KNOWN_NODES, {"execution": execution_id})
    return {row[0]: row[1] for row in rows}


def _columns(rows: Sequence[StoredEvent | ExecutionRow | NodeRow | TaskRow]) -> tuple[list[object], ...]:
    values = attrgetter(*(column.name for column in fields(rows[0])))
    return tuple(list(column) for column in zip(*map(values, rows), strict=True))
