"""Node executions, read: the engine writes them (`projections`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.idl.identifiers import ExecutionId, UniqueNodeId
from sandbox.store import errors, executions, filters, listing, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class NodeExecution:
    """A row of `node_executions`, with the names of its execution and parent."""

    id: int
    execution_id: int
    execution: ExecutionId
    node: UniqueNodeId
    parent_id: int | None
    phase: str
    """`core.NodeExecution.Phase` name."""
    input_uri: str
    closure: bytes
    """`admin.NodeExecutionClosure`."""
    metadata: bytes
    """`admin.NodeExecutionMetaData`."""
    dynamic_workflow: bytes | None
    """`admin.DynamicWorkflowNodeMetadata`."""
    cache_status: str | None
    started_at: datetime | None
    created_at: datetime
    updated_at: datetime
    duration: float | None
    """Seconds."""
    parent_node: UniqueNodeId | None


_T = tables.node_executions
_E = tables.executions
_PARENT = tables.node_executions.alias("parent_node")
_SELECT = (
    sa.select(
        _T.c.id,
        _T.c.execution_id,
        _E.c.execution_project,
        _E.c.execution_domain,
        _E.c.execution_name,
        _T.c.node_id,
        _T.c.parent_id,
        _T.c.phase,
        _T.c.input_uri,
        _T.c.closure,
        _T.c.node_execution_metadata,
        _T.c.dynamic_workflow,
        _T.c.cache_status,
        _T.c.started_at,
        _T.c.node_execution_created_at,
        _T.c.node_execution_updated_at,
        _T.c.duration,
        _PARENT.c.node_id,
    )
    .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    .join_from(_T, _E, _T.c.execution_id == _E.c.id)
    .outerjoin(_PARENT, _T.c.parent_id == _PARENT.c.id)
)
_GET = _SELECT.where(
    _E.c.execution_project == sa.bindparam("project"),
    _E.c.execution_domain == sa.bindparam("domain"),
    _E.c.execution_name == sa.bindparam("name"),
    _T.c.node_id == sa.bindparam("node"),
)
FIELDS = filters.Fields(
    "node_execution",
    filters.columns_of(
        _T,
        created_at=_T.c.node_execution_created_at,
        updated_at=_T.c.node_execution_updated_at,
        **executions.aliases(_E),
    ),
    {"execution": filters.Related(filters.columns_of(_E, **executions.aliases(_E, "execution")))},
)


def find(connection: Connection, execution: ExecutionId, node: UniqueNodeId) -> NodeExecution | None:
    """One node execution, if it is there."""
    key = {
        "project": execution.project,
        "domain": execution.domain,
        "name": execution.name,
        "node": node,
    }
    row = connection.execute(_GET, key).first()
    return None if row is None else _from_row(row)


def get(connection: Connection, execution: ExecutionId, node: UniqueNodeId) -> NodeExecution:
    """One node execution; `NotFound`."""
    found = find(connection, execution, node)
    if found is None:
        raise errors.NotFound(f"The execution {execution} has no node {node!r} (or it has not started yet).")
    return found


def list_page(
    connection: Connection,
    execution: ExecutionId,
    request: listing.Listing,
    *,
    parent: UniqueNodeId | None = None,
    all_levels: bool = False,
) -> listing.Page[NodeExecution]:
    """The node executions under `parent`; without it those of the top level, or with `all_levels` every one.

    `NotFound` if the execution, or the parent, isn't there.
    """
    execution_id = executions.row_id(connection, execution)
    statement = _SELECT.where(_T.c.execution_id == execution_id)
    if parent is not None:
        statement = statement.where(_T.c.parent_id == get(connection, execution, parent).id)
    elif not all_levels:
        statement = statement.where(_T.c.parent_id.is_(None))
    return listing.fetch(connection, statement, request, FIELDS, _from_row, tie=(_T.c.id,))


def children(connection: Connection, node_execution_id: int) -> list[NodeExecution]:
    """All node executions directly under one, in order of insertion."""
    statement = _SELECT.where(_T.c.parent_id == node_execution_id).order_by(_T.c.id)
    return [_from_row(row) for row in connection.execute(statement)]


def _from_row(row: Any) -> NodeExecution:
    row_id, execution_id, project, domain, name, *rest = row
    return NodeExecution(row_id, execution_id, ExecutionId(project, domain, name), *rest)
