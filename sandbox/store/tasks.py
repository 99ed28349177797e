"""Registered task versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId
from sandbox.store import filters, listing, registered, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class Task:
    """A row of `tasks`."""

    id: int
    entity: EntityId
    digest: bytes
    """Of the content: the same digest registered again is the same task."""
    type: str
    """`TaskTemplate.type`: python-task, container …"""
    short_description: str
    closure: bytes
    """`admin.TaskClosure`."""
    created_at: datetime
    updated_at: datetime


_T = tables.tasks
_SELECT = sa.select(
    _T.c.id,
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.digest,
    _T.c.type,
    _T.c.short_description,
    _T.c.closure,
    _T.c.created_at,
    _T.c.updated_at,
)
_GET = _SELECT.where(
    _T.c.project == sa.bindparam("project"),
    _T.c.domain == sa.bindparam("domain"),
    _T.c.name == sa.bindparam("name"),
    _T.c.version == sa.bindparam("version"),
)
_FIELDS = filters.Fields("task", filters.columns_of(_T))


def create(
    connection: Connection,
    entity: EntityId,
    *,
    digest: bytes,
    closure: bytes,
    type: str,
    short_description: str = "",
) -> Task:
    """Insert a version; `AlreadyExists` (compare digests: is it the same?), `NotFound` project."""
    values = {"digest": digest, "closure": closure, "type": type, "short_description": short_description}
    row_id = registered.insert(connection, entity, values)
    return get_by_id(connection, row_id)


def find(connection: Connection, entity: EntityId) -> Task | None:
    """One version, if it is there."""
    row = connection.execute(_GET, _key(entity)).first()
    return None if row is None else _from_row(row)


def get(connection: Connection, entity: EntityId) -> Task:
    """One version; `NotFound`."""
    found = find(connection, entity)
    if found is None:
        raise registered.missing(entity)
    return found


def get_by_id(connection: Connection, row_id: int) -> Task:
    """The version of a row id that is known to exist."""
    return _from_row(connection.execute(_SELECT.where(_T.c.id == row_id)).one())


def get_many(connection: Connection, entities: frozenset[EntityId]) -> dict[EntityId, Task]:
    """Those of the versions that exist, in one query."""
    if not entities:
        return {}
    wanted = [(each.project, each.domain, each.name, each.version) for each in entities]
    statement = _SELECT.where(sa.tuple_(_T.c.project, _T.c.domain, _T.c.name, _T.c.version).in_(wanted))
    found = [_from_row(row) for row in connection.execute(statement)]
    return {task.entity: task for task in found}


def list_page(
    connection: Connection, project: str, domain: str, name: str, request: listing.Listing
) -> listing.Page[Task]:
    """Versions; an empty `name` means all names."""
    statement = _SELECT.where(*registered.within(_T, project, domain, name))
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.id,))


def list_names(
    connection: Connection, project: str, domain: str, request: listing.Listing
) -> listing.Page[registered.EntityName]:
    """The distinct names."""
    return registered.list_names(connection, identifier_pb2.TASK, project, domain, request)


def _key(entity: EntityId) -> dict[str, str]:
    return {
        "project": entity.project,
        "domain": entity.domain,
        "name": entity.name,
        "version": entity.version,
    }


def _from_row(row: Any) -> Task:
    row_id, project, domain, name, version, *rest = row
    return Task(row_id, EntityId(identifier_pb2.TASK, project, domain, name, version), *rest)
