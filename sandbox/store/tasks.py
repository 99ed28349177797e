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


def _from_row(row: Any) -> Task:
    row_id, project, domain, name, version, *rest = row
    return Task(row_id, EntityId(identifier_pb2.TASK, project, domain, name, version), *rest)


_VERSIONS = registered.Versions(_T, _SELECT, _from_row)
find = _VERSIONS.find
"""`(connection, entity)` → the version, or None."""
get = _VERSIONS.get
"""`(connection, entity)` → the version; `NotFound`."""
get_by_id = _VERSIONS.get_by_id
"""`(connection, row_id)` → the version of a row id that is known to exist."""
get_many = _VERSIONS.get_many
"""`(connection, entities)` → those of the versions that exist, by entity, in one query."""
