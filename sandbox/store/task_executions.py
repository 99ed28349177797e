"""Task executions (the attempts of task nodes), read: the engine writes them (`projections`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId, ExecutionId, UniqueNodeId
from sandbox.store import errors, executions, filters, listing, node_executions, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class TaskExecution:
    """A row of `task_executions`, with the names of its node and execution."""

    id: int
    node_execution_id: int
    execution: ExecutionId
    node: UniqueNodeId
    task: EntityId
    retry_attempt: int
    """From 0."""
    phase: str
    """`core.TaskExecution.Phase` name."""
    phase_version: int
    input_uri: str
    closure: bytes
    """`admin.TaskExecutionClosure`."""
    peak_memory: int | None
    """Bytes."""
    memory_limit: int | None
    """Bytes."""
    started_at: datetime | None
    created_at: datetime
    updated_at: datetime
    duration: float | None
    """Seconds."""
    is_parent: bool
    """Whether its node has children (a dynamic task's)."""


_T = tables.task_executions
_N = tables.node_executions
_E = tables.executions
_K = tables.tasks
_CHILD = tables.node_executions.alias("child")
_HAS_CHILDREN = sa.exists().where(_CHILD.c.parent_id == _N.c.id)
_SELECT = (
    sa.select(
        _T.c.id,
        _T.c.node_execution_id,
        _E.c.execution_project,
        _E.c.execution_domain,
        _E.c.execution_name,
        _N.c.node_id,
        _T.c.project,
        _T.c.domain,
        _T.c.name,
        _T.c.version,
        _T.c.retry_attempt,
        _T.c.phase,
        _T.c.phase_version,
        _T.c.input_uri,
        _T.c.closure,
        _T.c.peak_memory,
        _T.c.memory_limit,
        _T.c.started_at,
        _T.c.task_execution_created_at,
        _T.c.task_execution_updated_at,
        _T.c.duration,
        _HAS_CHILDREN.label("is_parent"),
    )
    .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    .join_from(_T, _N, _T.c.node_execution_id == _N.c.id)
    .join(_E, _N.c.execution_id == _E.c.id)
)
_JOIN_TASK = sa.and_(
    _T.c.project == _K.c.project,
    _T.c.domain == _K.c.domain,
    _T.c.name == _K.c.name,
    _T.c.version == _K.c.version,
)
_GET = _SELECT.where(
    _E.c.execution_project == sa.bindparam("project"),
    _E.c.execution_domain == sa.bindparam("domain"),
    _E.c.execution_name == sa.bindparam("name"),
    _N.c.node_id == sa.bindparam("node"),
    _T.c.retry_attempt == sa.bindparam("attempt"),
)
_FIELDS = filters.Fields(
    "task_execution",
    filters.columns_of(
        _T,
        created_at=_T.c.task_execution_created_at,
        updated_at=_T.c.task_execution_updated_at,
        node_id=_N.c.node_id,
        execution_project=_E.c.execution_project,
        execution_domain=_E.c.execution_domain,
        execution_name=_E.c.execution_name,
    ),
    {
        "task": filters.Related(filters.columns_of(_K)),
        "execution": filters.Related(filters.columns_of(_E, **executions.aliases(_E, "execution"))),
        "node_execution": filters.Related(node_executions.FIELDS.columns),
    },
)


def get(connection: Connection, execution: ExecutionId, node: UniqueNodeId, attempt: int) -> TaskExecution:
    """One attempt; `NotFound`."""
    key = {
        "project": execution.project,
        "domain": execution.domain,
        "name": execution.name,
        "node": node,
        "attempt": attempt,
    }
    row = connection.execute(_GET, key).first()
    if row is None:
        raise errors.NotFound(f"The node {node!r} of the execution {execution} has no attempt {attempt}.")
    return _from_row(row)


def list_page(
    connection: Connection, execution: ExecutionId, node: UniqueNodeId, request: listing.Listing
) -> listing.Page[TaskExecution]:
    """The attempts of a node; `NotFound` if the node isn't there."""
    parent = node_executions.get(connection, execution, node)
    statement = _SELECT.outerjoin(_K, _JOIN_TASK).where(_T.c.node_execution_id == parent.id)
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.retry_attempt,))


def attempts(connection: Connection, node_execution_id: int) -> list[TaskExecution]:
    """All attempts of a node, first to last."""
    statement = _SELECT.where(_T.c.node_execution_id == node_execution_id).order_by(_T.c.retry_attempt)
    return [_from_row(row) for row in connection.execute(statement)]


def of_execution(connection: Connection, execution_id: int) -> list[TaskExecution]:
    """All attempts of all nodes of an execution (its row id), in order of insertion."""
    statement = _SELECT.where(_N.c.execution_id == execution_id).order_by(_T.c.id)
    return [_from_row(row) for row in connection.execute(statement)]


def _from_row(row: Any) -> TaskExecution:
    row_id, node_id, project, domain, name, node, *rest = row
    task = EntityId(identifier_pb2.TASK, *rest[:4])
    return TaskExecution(row_id, node_id, ExecutionId(project, domain, name), node, task, *rest[4:])
