"""Workflow executions: created by admin (or by the engine for a launch-plan node), worked on by the engine.

Both sides meet in these rows. A new row, and the wish to abort, are announced on the channel `executions`
with the row id as payload. Phases other than the first and ABORTING are the engine's to write
(`projections`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2
from sqlalchemy.dialects import postgresql as pg

from sandbox.idl.identifiers import EntityId, ExecutionId, UniqueNodeId
from sandbox.store import database, errors, filters, listing, tables
from sandbox.store.database import Connection

CHANNEL = "executions"
"""Where new executions, abort requests, signals and the ends of children are announced. The payload is the
row id; of a child that ended, the row id of its parent's execution and its own.
"""

ACTIVE = 0
ARCHIVED = 1
"""`admin.ExecutionState`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """What is known when an execution is created."""

    execution: ExecutionId
    launch_plan_id: int | None
    workflow_id: int
    task_id: int | None = None
    """Single-task executions only."""
    spec: bytes
    """`admin.ExecutionSpec` without inputs, with the resolved launch plan."""
    inputs_uri: str
    """Resolved inputs: fixed and defaults included; already written."""
    user_inputs_uri: str = ""
    """As the user gave them."""
    phase: str = "UNDEFINED"
    mode: int = 0
    """`admin.ExecutionMetadata.ExecutionMode`."""
    user: str = ""
    cluster: str = ""
    launch_entity: str = "LAUNCH_PLAN"
    """LAUNCH_PLAN, WORKFLOW or TASK: what the request named."""
    priority: int = 0
    """Higher is taken first."""
    source_execution_id: int | None = None
    """Row id of the execution that was relaunched or recovered."""
    parent_node_execution_id: int | None = None
    """Row id of the launching node execution."""
    tags: Sequence[tuple[str, str]] = ()
    """Key and value; a plain tag has an empty value."""


@dataclass(frozen=True, slots=True)
class NodeReference:
    """A node execution, by name."""

    execution: ExecutionId
    node: UniqueNodeId


@dataclass(frozen=True, slots=True)
class Execution:
    """A row of `executions`, with the names of what its ids point to."""

    id: int
    execution: ExecutionId
    launch_plan_id: int | None
    workflow_id: int
    task_id: int | None
    phase: str
    """`core.WorkflowExecution.Phase` name."""
    mode: int
    user: str
    cluster: str
    state: int
    """`admin.ExecutionState`: 0 active, 1 archived."""
    launch_entity: str
    priority: int
    spec: bytes
    """`admin.ExecutionSpec` without inputs."""
    inputs_uri: str
    user_inputs_uri: str
    outputs_uri: str
    source_execution_id: int | None
    parent_node_execution_id: int | None
    error: bytes | None
    """`core.ExecutionError`."""
    abort_cause: str
    abort_principal: str
    abort_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    duration: float | None
    """Seconds."""
    terminal: bool
    workflow: EntityId
    launch_plan: EntityId | None
    task: EntityId | None
    source: ExecutionId | None
    parent_node: NodeReference | None
    tags: tuple[tuple[str, str], ...] = field(default=())


_T = tables.executions
_W = tables.workflows
_L = tables.launch_plans
_K = tables.tasks
_TAGS = tables.execution_tags
_SOURCE = tables.executions.alias("source")
_PARENT_NODE = tables.node_executions.alias("parent_node")
_PARENT = tables.executions.alias("parent")


def _identity(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    return (table.c.execution_project, table.c.execution_domain, table.c.execution_name)


def _version(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    return (table.c.project, table.c.domain, table.c.name, table.c.version)


_OWN = (
    _T.c.launch_plan_id,
    _T.c.workflow_id,
    _T.c.task_id,
    _T.c.phase,
    _T.c.mode,
    _T.c.user,
    _T.c.cluster,
    _T.c.state,
    _T.c.launch_entity,
    _T.c.priority,
    _T.c.spec,
    _T.c.inputs_uri,
    _T.c.user_inputs_uri,
    _T.c.outputs_uri,
    _T.c.source_execution_id,
    _T.c.parent_node_execution_id,
    _T.c.error,
    _T.c.abort_cause,
    _T.c.abort_principal,
    _T.c.abort_requested_at,
    _T.c.execution_created_at,
    _T.c.execution_updated_at,
    _T.c.started_at,
    _T.c.duration,
    _T.c.terminal,
)
_TAG_ARRAY = (
    sa.select(sa.func.array_agg(pg.array([_TAGS.c.key, _TAGS.c.value])))
    .where(_TAGS.c.execution_id == _T.c.id)
    .scalar_subquery()
)
_SELECT = (
    sa.select(
        _T.c.id,
        *_identity(_T),
        *_OWN,
        *_version(_W),
        *_version(_L),
        *_version(_K),
        *_identity(_SOURCE),
        *_identity(_PARENT),
        _PARENT_NODE.c.node_id,
        _TAG_ARRAY,
    )
    .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    .join_from(_T, _W, _T.c.workflow_id == _W.c.id)
    .outerjoin(_L, _T.c.launch_plan_id == _L.c.id)
    .outerjoin(_K, _T.c.task_id == _K.c.id)
    .outerjoin(_SOURCE, _T.c.source_execution_id == _SOURCE.c.id)
    .outerjoin(_PARENT_NODE, _T.c.parent_node_execution_id == _PARENT_NODE.c.id)
    .outerjoin(_PARENT, _PARENT_NODE.c.execution_id == _PARENT.c.id)
)
_IS = sa.and_(
    _T.c.execution_project == sa.bindparam("project"),
    _T.c.execution_domain == sa.bindparam("domain"),
    _T.c.execution_name == sa.bindparam("name"),
)
_GET = _SELECT.where(_IS)
_GET_BY_ID = _SELECT.where(_T.c.id == sa.bindparam("row_id"))
_ROW_ID = sa.select(_T.c.id).where(_IS)


def _tagged(where: Sequence[filters.Column]) -> filters.Column:
    return sa.exists().where(_TAGS.c.execution_id == _T.c.id, *where)


def aliases(table: sa.FromClause, own: str = "") -> dict[str, filters.Column]:
    """Flyte's other names for an execution's columns: `project`, `domain`, `name`; with `own` the times."""
    named: dict[str, filters.Column] = {
        "project": table.c.execution_project,
        "domain": table.c.execution_domain,
        "name": table.c.execution_name,
    }
    if own:
        named["created_at"] = table.c[f"{own}_created_at"]
        named["updated_at"] = table.c[f"{own}_updated_at"]
    return named


_FIELDS = filters.Fields(
    "execution",
    filters.columns_of(_T, **aliases(_T, "execution")),
    {
        "workflow": filters.Related(filters.columns_of(_W)),
        "launch_plan": filters.Related(filters.columns_of(_L)),
        "task": filters.Related(filters.columns_of(_K)),
        "execution_tag": filters.Related(filters.columns_of(_TAGS), _tagged),
        "admin_tag": filters.Related({"name": _TAGS.c.key, "key": _TAGS.c.key}, _tagged),
    },
)


def create(connection: Connection, new: NewExecution) -> Execution:
    """Insert an execution and announce it; `AlreadyExists` if the name is taken, `NotFound` project."""
    return get_by_id(connection, insert(connection, new))


def insert(connection: Connection, new: NewExecution) -> int:
    """The same, when only the row id is wanted: one query less."""
    values = {
        name: getattr(new, name)
        for name in NewExecution.__dataclass_fields__
        if name not in ("execution", "tags")
    }
    statement = (
        pg.insert(_T)
        .values(
            execution_project=new.execution.project,
            execution_domain=new.execution.domain,
            execution_name=new.execution.name,
            **values,
        )
        .on_conflict_do_nothing(index_elements=["execution_project", "execution_domain", "execution_name"])
        .returning(_T.c.id)
    )
    row_id = connection.execute(statement).scalar()
    if row_id is None:
        raise errors.AlreadyExists(f"The execution {new.execution} already exists; choose another name.")
    if new.tags:
        rows = [{"execution_id": row_id, "key": key, "value": value} for key, value in new.tags]
        connection.execute(pg.insert(_TAGS).on_conflict_do_nothing(), rows)
    database.notify(connection, CHANNEL, str(row_id))
    return int(row_id)


def find(connection: Connection, execution: ExecutionId) -> Execution | None:
    """One execution, if it is there."""
    row = connection.execute(_GET, _key(execution)).first()
    return None if row is None else from_row(row)


def get(connection: Connection, execution: ExecutionId) -> Execution:
    """One execution; `NotFound`."""
    found = find(connection, execution)
    if found is None:
        raise _missing(execution)
    return found


def get_by_id(connection: Connection, row_id: int) -> Execution:
    """One execution by its row id; `NotFound`."""
    row = connection.execute(_GET_BY_ID, {"row_id": row_id}).first()
    if row is None:
        raise errors.NotFound(f"There is no execution with the row id {row_id}.")
    return from_row(row)


def row_id(connection: Connection, execution: ExecutionId) -> int:
    """Only the row id; `NotFound`. Cheap."""
    found = connection.execute(_ROW_ID, _key(execution)).scalar()
    if found is None:
        raise _missing(execution)
    return int(found)


def list_page(
    connection: Connection, project: str, domain: str, name: str, request: listing.Listing
) -> listing.Page[Execution]:
    """Executions, archived ones too: the caller adds `eq(state,0)` where Flyte does. Empty strings don't
    restrict.
    """
    wanted = {_T.c.execution_project: project, _T.c.execution_domain: domain, _T.c.execution_name: name}
    statement = _SELECT.where(*(column == value for column, value in wanted.items() if value))
    return listing.fetch(connection, statement, request, _FIELDS, from_row, tie=(_T.c.id,))


def count_by_phase(connection: Connection, project: str, domain: str) -> Mapping[str, int]:
    """How many active (not archived) executions are in each phase."""
    statement = (
        sa.select(_T.c.phase, sa.func.count())
        .where(_T.c.execution_project == project, _T.c.execution_domain == domain, _T.c.state == ACTIVE)
        .group_by(_T.c.phase)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def running_of_launch_plan(connection: Connection, launch_plan_id: int) -> int:
    """How many executions of a launch plan version have not ended (for its concurrency policy)."""
    statement = sa.select(sa.func.count()).where(
        _T.c.launch_plan_id == launch_plan_id, sa.not_(_T.c.terminal)
    )
    return int(connection.execute(statement).scalar_one())


def request_abort(connection: Connection, execution: ExecutionId, *, cause: str, principal: str) -> bool:
    """Wish an execution's end: phase ABORTING and the abort's columns, announced to the engine.

    False when it had ended before (nothing is changed), `NotFound` if it isn't there. A second wish keeps the
    first one's cause.
    """
    statement = (
        sa.update(_T)
        .where(_identity_is(execution), sa.not_(_T.c.terminal))
        .values(
            phase="ABORTING",
            abort_cause=sa.case((_T.c.abort_requested_at.is_(None), cause), else_=_T.c.abort_cause),
            abort_principal=sa.case(
                (_T.c.abort_requested_at.is_(None), principal), else_=_T.c.abort_principal
            ),
            abort_requested_at=sa.func.coalesce(_T.c.abort_requested_at, sa.func.now()),
            execution_updated_at=sa.func.now(),
        )
        .returning(_T.c.id)
    )
    found = connection.execute(statement).scalar()
    if found is None:
        row_id(connection, execution)
        return False
    database.notify(connection, CHANNEL, str(found))
    return True


def set_state(connection: Connection, execution: ExecutionId, state: int) -> Execution:
    """Archive (1) or bring back (0); `NotFound`."""
    changed = connection.execute(
        sa.update(_T)
        .where(_identity_is(execution))
        .values(state=state, execution_updated_at=sa.func.now())
        .returning(_T.c.id)
    ).scalar()
    if changed is None:
        raise _missing(execution)
    return get_by_id(connection, changed)


def children(connection: Connection, node_execution_id: int) -> list[Execution]:
    """The executions that a launch-plan node started, oldest first."""
    statement = _SELECT.where(_T.c.parent_node_execution_id == node_execution_id).order_by(_T.c.id)
    return [from_row(row) for row in connection.execute(statement)]


def from_row(row: Any) -> Execution:
    """A row of this module's select."""
    values: tuple[Any, ...] = tuple(row)
    own_end = 4 + len(_OWN)
    workflow, plan, task = (values[own_end + 4 * n : own_end + 4 * (n + 1)] for n in range(3))
    source, parent = (values[own_end + 12 + 3 * n : own_end + 15 + 3 * n] for n in range(2))
    parent_node, tags = values[-2:]
    fields: list[Any] = [values[0], ExecutionId(*values[1:4]), *values[4:own_end]]
    fields += [
        EntityId(identifier_pb2.WORKFLOW, *workflow),
        None if plan[0] is None else EntityId(identifier_pb2.LAUNCH_PLAN, *plan),
        None if task[0] is None else EntityId(identifier_pb2.TASK, *task),
        None if source[0] is None else ExecutionId(*source),
        None if parent_node is None else NodeReference(ExecutionId(*parent), UniqueNodeId(parent_node)),
        tuple((key, value) for key, value in tags or ()),
    ]
    return Execution(*fields)


def _key(execution: ExecutionId) -> dict[str, str]:
    return {"project": execution.project, "domain": execution.domain, "name": execution.name}


def _identity_is(execution: ExecutionId) -> sa.ColumnElement[bool]:
    return sa.and_(
        _T.c.execution_project == execution.project,
        _T.c.execution_domain == execution.domain,
        _T.c.execution_name == execution.name,
    )


def _missing(execution: ExecutionId) -> errors.NotFound:
    return errors.NotFound(f"The execution {execution} does not exist; check project, domain and name.")
