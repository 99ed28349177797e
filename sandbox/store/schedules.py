"""The schedules of active launch plans, and how far each was kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId
from sandbox.store import tables
from sandbox.store.database import Connection

ACTIVE = 1
"""`admin.LaunchPlanState`."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An active launch plan that has a schedule."""

    launch_plan_id: int
    entity: EntityId
    spec: bytes
    """`admin.LaunchPlanSpec`."""
    mark: datetime
    """All that was due up to then has been launched. Its activation is the first."""


_T = tables.launch_plans
_ACTIVE = sa.select(
    _T.c.id,
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.spec,
    sa.func.coalesce(_T.c.scheduled_until, _T.c.updated_at),
).where(_T.c.state == ACTIVE, _T.c.schedule_type != "NONE")


def active(connection: Connection) -> list[Scheduled]:
    """All of them. One query over an index of the active launch plans."""
    return [
        Scheduled(row[0], EntityId(identifier_pb2.LAUNCH_PLAN, *row[1:5]), row[5], row[6])
        for row in connection.execute(_ACTIVE)
    ]


def advance(connection: Connection, launch_plan_id: int, mark: datetime) -> bool:
    """Note that all up to `mark` was launched; False: it is no longer active, or further already."""
    statement = (
        sa.update(_T)
        .where(
            _T.c.id == launch_plan_id,
            _T.c.state == ACTIVE,
            sa.or_(_T.c.scheduled_until.is_(None), _T.c.scheduled_until < mark),
        )
        .values(scheduled_until=mark)
    )
    return connection.execute(statement).rowcount == 1
