"""Registered workflow versions, with their compiled closures."""

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
class Workflow:
    """A row of `workflows`."""

    id: int
    entity: EntityId
    digest: bytes
    """Of the content: the same digest registered again is the same workflow."""
    short_description: str
    typed_interface: bytes
    """`core.TypedInterface`."""
    closure: bytes
    """`admin.WorkflowClosure`; empty in lists, where only `get` loads it."""
    created_at: datetime
    updated_at: datetime


_T = tables.workflows
_HEAD = (
    _T.c.id,
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.digest,
    _T.c.short_description,
    _T.c.typed_interface,
)
_SELECT = sa.select(*_HEAD, _T.c.closure, _T.c.created_at, _T.c.updated_at)
_SELECT_LIGHT = sa.select(
    *_HEAD, sa.literal_column("''::bytea", sa.LargeBinary).label("closure"), _T.c.created_at, _T.c.updated_at
)
_FIELDS = filters.Fields("workflow", filters.columns_of(_T))


def create(
    connection: Connection,
    entity: EntityId,
    *,
    digest: bytes,
    typed_interface: bytes,
    closure: bytes,
    short_description: str = "",
) -> Workflow:
    """Insert a version; `AlreadyExists` (compare digests: is it the same?), `NotFound` project."""
    values = {
        "digest": digest,
        "typed_interface": typed_interface,
        "closure": closure,
        "short_description": short_description,
    }
    return get_by_id(connection, registered.insert(connection, entity, values))


def list_page(
    connection: Connection, project: str, domain: str, name: str, request: listing.Listing
) -> listing.Page[Workflow]:
    """Versions without their closures; an empty `name` means all names."""
    statement = _SELECT_LIGHT.where(*registered.within(_T, project, domain, name))
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.id,))


def list_names(
    connection: Connection, project: str, domain: str, request: listing.Listing
) -> listing.Page[registered.EntityName]:
    """The distinct names."""
    return registered.list_names(connection, identifier_pb2.WORKFLOW, project, domain, request)


def _from_row(row: Any) -> Workflow:
    row_id, project, domain, name, version, *rest = row
    return Workflow(row_id, EntityId(identifier_pb2.WORKFLOW, project, domain, name, version), *rest)


_VERSIONS = registered.Versions(_T, _SELECT, _from_row)
find = _VERSIONS.find
"""`(connection, entity)` → the version, or None."""
get = _VERSIONS.get
"""`(connection, entity)` → the version; `NotFound`."""
get_by_id = _VERSIONS.get_by_id
"""`(connection, row_id)` → the version of a row id that is known to exist."""
