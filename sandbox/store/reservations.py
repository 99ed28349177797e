"""Reservations: who may compute a cached output now, while others wait (`cache_serialize`).

One owner holds a dataset's tag until it releases it or its heartbeat stops: a reservation lives for three of
its heartbeats, on the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from sandbox.store import tables
from sandbox.store.artifacts import DatasetKey, DatasetName
from sandbox.store.database import Connection

GRACE = 3
"""A reservation expires after this many heartbeats without an extension (datacatalog's default)."""
LONGEST_HEARTBEAT = timedelta(seconds=10)
"""A longer interval is shortened to this (datacatalog's default)."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A row of `reservations`."""

    dataset: DatasetName
    tag: str
    owner: str
    heartbeat: timedelta
    expires_at: datetime


_T = tables.reservations
_COLUMNS = (
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.tag,
    _T.c.owner,
    _T.c.heartbeat_seconds,
    _T.c.expires_at,
)


def get_or_extend(
    connection: Connection,
    dataset: DatasetKey,
    tag: str,
    *,
    owner: str,
    heartbeat: timedelta = LONGEST_HEARTBEAT,
) -> Reservation:
    """Take the reservation if it is free, expired or already ours; return whoever holds it now."""
    seconds = min(heartbeat, LONGEST_HEARTBEAT).total_seconds()
    now = sa.func.clock_timestamp()
    values = {
        "owner": owner,
        "heartbeat_seconds": seconds,
        "expires_at": now + timedelta(seconds=seconds * GRACE),
    }
    insert = pg.insert(_T).values(
        project=dataset.project,
        domain=dataset.domain,
        name=dataset.name,
        version=dataset.version,
        tag=tag,
        **values,
    )
    taken = insert.on_conflict_do_update(
        constraint=_T.primary_key, set_=values, where=sa.or_(_T.c.owner == owner, _T.c.expires_at < now)
    ).returning(*_COLUMNS)
    row = connection.execute(taken).first()
    if row is None:
        row = connection.execute(sa.select(*_COLUMNS).where(*_is(dataset, tag))).first()
    if row is None:
        # Its holder released it between our two statements.
        return get_or_extend(connection, dataset, tag, owner=owner, heartbeat=heartbeat)
    return _from_row(row)


def release(connection: Connection, dataset: DatasetKey, tag: str, *, owner: str) -> bool:
    """Give it back; False if this owner didn't hold it."""
    deleted = connection.execute(sa.delete(_T).where(*_is(dataset, tag), _T.c.owner == owner))
    return deleted.rowcount > 0


def purge(connection: Connection) -> int:
    """Remove those whose owners let them expire: they died, or ended before they could release them. How
    many there were.
    """
    return connection.execute(sa.delete(_T).where(_T.c.expires_at < sa.func.clock_timestamp())).rowcount


def _is(dataset: DatasetKey, tag: str) -> list[sa.ColumnElement[bool]]:
    return [
        _T.c.project == dataset.project,
        _T.c.domain == dataset.domain,
        _T.c.name == dataset.name,
        _T.c.version == dataset.version,
        _T.c.tag == tag,
    ]


def _from_row(row: Any) -> Reservation:
    project, domain, name, version, tag, owner, seconds, expires_at = row
    return Reservation(
        DatasetName(project, domain, name, version), tag, owner, timedelta(seconds=seconds), expires_at
    )
