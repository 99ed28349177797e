"""Launch plans: versions that start a workflow with fixed and default inputs; at most one version a name is
active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId
from sandbox.store import errors, filters, listing, registered, tables
from sandbox.store.database import Connection

INACTIVE = 0
ACTIVE = 1
"""`admin.LaunchPlanState`."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A row of `launch_plans`."""

    id: int
    entity: EntityId
    digest: bytes
    spec: bytes
    """`admin.LaunchPlanSpec`."""
    closure: bytes
    """`admin.LaunchPlanClosure` without state and times, which are the columns beside it."""
    state: int
    """`admin.LaunchPlanState`: 0 inactive, 1 active."""
    workflow_id: int | None
    schedule_type: str
    """NONE, CRON or RATE."""
    created_at: datetime
    updated_at: datetime


_T = tables.launch_plans
_W = tables.workflows
_SELECT = sa.select(
    _T.c.id,
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.digest,
    _T.c.spec,
    _T.c.closure,
    _T.c.state,
    _T.c.workflow_id,
    _T.c.schedule_type,
    _T.c.created_at,
    _T.c.updated_at,
)
_GET_ACTIVE = _SELECT.where(
    _T.c.project == sa.bindparam("project"),
    _T.c.domain == sa.bindparam("domain"),
    _T.c.name == sa.bindparam("name"),
    _T.c.state == ACTIVE,
)
_FIELDS = filters.Fields(
    "launch_plan", filters.columns_of(_T), {"workflow": filters.Related(filters.columns_of(_W))}
)


def create(
    connection: Connection,
    entity: EntityId,
    *,
    digest: bytes,
    spec: bytes,
    closure: bytes,
    workflow_id: int | None,
    schedule_type: str = "NONE",
) -> LaunchPlan:
    """Insert a version, inactive; `AlreadyExists` (compare digests), `NotFound` project."""
    values = {
        "digest": digest,
        "spec": spec,
        "closure": closure,
        "workflow_id": workflow_id,
        "schedule_type": schedule_type,
    }
    return get_by_id(connection, registered.insert(connection, entity, values))


def get_active(connection: Connection, project: str, domain: str, name: str) -> LaunchPlan:
    """The active version of a name; `NotFound`."""
    key = {"project": project, "domain": domain, "name": name}
    row = connection.execute(_GET_ACTIVE, key).first()
    if row is None:
        raise errors.NotFound(
            f"No version of the launch plan {project}:{domain}:{name} is active; activate one with "
            "`flytectl update launchplan --activate`, or name a version."
        )
    return _from_row(row)


def list_page(
    connection: Connection, project: str, domain: str, name: str, request: listing.Listing
) -> listing.Page[LaunchPlan]:
    """Versions; an empty `name` means all names. Filters reach the workflow (`workflow.name`)."""
    return _page(connection, registered.within(_T, project, domain, name), request)


def list_active(
    connection: Connection, project: str, domain: str, request: listing.Listing
) -> listing.Page[LaunchPlan]:
    """The active version of each name that has one."""
    return _page(connection, [*registered.within(_T, project, domain, ""), _T.c.state == ACTIVE], request)


def list_names(
    connection: Connection, project: str, domain: str, request: listing.Listing
) -> listing.Page[registered.EntityName]:
    """The distinct names."""
    return registered.list_names(connection, identifier_pb2.LAUNCH_PLAN, project, domain, request)


def activate(connection: Connection, entity: EntityId) -> LaunchPlan:
    """Make this version the active one of its name, in place of any other; `NotFound`."""
    _lock_versions(connection, entity)
    found = get(connection, entity)
    same_name = registered.within(_T, entity.project, entity.domain, entity.name)
    connection.execute(
        sa.update(_T)
        .where(*same_name, _T.c.state == ACTIVE, _T.c.id != found.id)
        .values(state=INACTIVE, updated_at=sa.func.now())
    )
    return _set_state(connection, found, ACTIVE)


def deactivate(connection: Connection, entity: EntityId) -> LaunchPlan:
    """Leave the name without this active version; `NotFound`."""
    _lock_versions(connection, entity)
    return _set_state(connection, get(connection, entity), INACTIVE)


def _lock_versions(connection: Connection, entity: EntityId) -> None:
    """One change of activity at a time for a name."""
    same_name = registered.within(_T, entity.project, entity.domain, entity.name)
    connection.execute(sa.select(_T.c.id).where(*same_name).order_by(_T.c.id).with_for_update())


def _set_state(connection: Connection, plan: LaunchPlan, state: int) -> LaunchPlan:
    if plan.state == state:
        return plan
    values = {"state": state, "updated_at": sa.func.now()}
    if state == ACTIVE:
        values["scheduled_until"] = sa.func.now()  # what was due before its activation is nobody's matter
    connection.execute(sa.update(_T).where(_T.c.id == plan.id).values(**values))
    return get_by_id(connection, plan.id)


def _page(
    connection: Connection, where: Sequence[sa.ColumnElement[bool]], request: listing.Listing
) -> listing.Page[LaunchPlan]:
    statement = _SELECT.outerjoin_from(_T, _W, _T.c.workflow_id == _W.c.id).where(*where)
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.id,))


def _from_row(row: Any) -> LaunchPlan:
    row_id, project, domain, name, version, *rest = row
    return LaunchPlan(row_id, EntityId(identifier_pb2.LAUNCH_PLAN, project, domain, name, version), *rest)


_VERSIONS = registered.Versions(_T, _SELECT, _from_row)
find = _VERSIONS.find
"""`(connection, entity)` → the version, or None."""
get = _VERSIONS.get
"""`(connection, entity)` → the version; `NotFound`."""
get_by_id = _VERSIONS.get_by_id
"""`(connection, row_id)` → the version of a row id that is known to exist."""
get_many = _VERSIONS.get_many
"""`(connection, entities)` → those of the versions that exist, by entity, in one query."""
