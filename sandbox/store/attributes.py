"""Matchable attributes: settings for everything, a project, a domain of it, a workflow or a launch plan.

An empty string in a scope means "any". The most specific scope wins: launch plan, workflow, project and
domain, project, domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from sandbox.store import database, executions, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class Scope:
    """What the attributes are for; empty is any."""

    project: str = ""
    domain: str = ""
    workflow: str = ""
    launch_plan: str = ""


@dataclass(frozen=True, slots=True)
class Attributes:
    """A row of `matchable_attributes`."""

    resource_type: int
    """`admin.MatchableResource`."""
    scope: Scope
    attributes: bytes
    """`admin.MatchingAttributes`."""
    updated_at: datetime


_T = tables.matchable_attributes
_SELECT = sa.select(
    _T.c.resource_type,
    _T.c.project,
    _T.c.domain,
    _T.c.workflow,
    _T.c.launch_plan,
    _T.c.attributes,
    _T.c.updated_at,
)


NEWS = "attributes"
"""What is told on the channel of the executions when attributes were set or deleted."""


def covers(wide: Scope, narrow: Scope) -> bool:
    """Whether what is set for one scope holds in another, unless something more specific is set."""
    return (
        wide.project in ("", narrow.project)
        and wide.domain in ("", narrow.domain)
        and wide.workflow in ("", narrow.workflow)
        and wide.launch_plan in ("", narrow.launch_plan)
    )


def weight(scope: Scope) -> tuple[bool, bool, bool, bool]:
    """Greater for the more specific."""
    return (scope.launch_plan != "", scope.workflow != "", scope.project != "", scope.domain != "")


def put(connection: Connection, resource_type: int, scope: Scope, attributes: bytes) -> None:
    """Set the attributes of a scope, in place of what was there."""
    insert = pg.insert(_T).values(
        resource_type=resource_type,
        project=scope.project,
        domain=scope.domain,
        workflow=scope.workflow,
        launch_plan=scope.launch_plan,
        attributes=attributes,
    )
    connection.execute(
        insert.on_conflict_do_update(
            constraint=_T.primary_key, set_={"attributes": attributes, "updated_at": sa.func.now()}
        )
    )
    database.notify(connection, executions.CHANNEL, NEWS)


def find(connection: Connection, resource_type: int, scope: Scope) -> Attributes | None:
    """What was set for exactly this scope."""
    row = connection.execute(_SELECT.where(*_exactly(resource_type, scope))).first()
    return None if row is None else _from_row(row)


def most_specific(connection: Connection, resource_type: int, scope: Scope) -> Attributes | None:
    """What holds in this scope: the most specific attributes that were set for it or around it."""
    statement = (
        _SELECT.where(
            _T.c.resource_type == resource_type,
            _T.c.project.in_(["", scope.project]),
            _T.c.domain.in_(["", scope.domain]),
            _T.c.workflow.in_(["", scope.workflow]),
            _T.c.launch_plan.in_(["", scope.launch_plan]),
        )
        .order_by(
            (_T.c.launch_plan != "").desc(),
            (_T.c.workflow != "").desc(),
            (_T.c.project != "").desc(),
            (_T.c.domain != "").desc(),
        )
        .limit(1)
    )
    row = connection.execute(statement).first()
    return None if row is None else _from_row(row)


def delete(connection: Connection, resource_type: int, scope: Scope) -> bool:
    """Remove what was set for exactly this scope; False if nothing was."""
    database.notify(connection, executions.CHANNEL, NEWS)
    return connection.execute(sa.delete(_T).where(*_exactly(resource_type, scope))).rowcount > 0


def list_all(connection: Connection, *resource_types: int) -> list[Attributes]:
    """Everything set for these kinds of resources."""
    statement = _SELECT.where(_T.c.resource_type.in_(resource_types)).order_by(
        _T.c.resource_type,
        _T.c.project, _T.c.domain, _T.c.workflow, _T.c.launch_plan
    )
    return [_from_row(row) for row in connection.execute(statement)]


def _exactly(resource_type: int, scope: Scope) -> list[sa.ColumnElement[bool]]:
    return [
        _T.c.resource_type == resource_type,
        _T.c.project == scope.project,
        _T.c.domain == scope.domain,
        _T.c.workflow == scope.workflow,
        _T.c.launch_plan == scope.launch_plan,
    ]


def _from_row(row: Any) -> Attributes:
    resource_type, project, domain, workflow, launch_plan, attributes, updated_at = row
    return Attributes(resource_type, Scope(project, domain, workflow, launch_plan), attributes, updated_at)
