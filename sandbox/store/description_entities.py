"""Description entities: the long documentation that came with a registered version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from sandbox.idl.identifiers import EntityId
from sandbox.store import errors, filters, listing, registered, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class DescriptionEntity:
    """A row of `description_entities`."""

    entity: EntityId
    description: bytes
    """`admin.DescriptionEntity`."""
    created_at: datetime


_T = tables.description_entities
_SELECT = sa.select(
    _T.c.resource_type,
    _T.c.project,
    _T.c.domain,
    _T.c.name,
    _T.c.version,
    _T.c.description,
    _T.c.created_at,
)
_FIELDS = filters.Fields("description_entity", filters.columns_of(_T))


def put(connection: Connection, entity: EntityId, description: bytes) -> None:
    """Keep the description of a version, in place of an earlier one."""
    insert = pg.insert(_T).values(
        resource_type=entity.resource_type,
        project=entity.project,
        domain=entity.domain,
        name=entity.name,
        version=entity.version,
        description=description,
    )
    connection.execute(
        insert.on_conflict_do_update(constraint=_T.primary_key, set_={"description": description})
    )


def get(connection: Connection, entity: EntityId) -> DescriptionEntity:
    """The description of a version; `NotFound`."""
    statement = _SELECT.where(_T.c.resource_type == entity.resource_type, registered.is_(_T, entity))
    row = connection.execute(statement).first()
    if row is None:
        raise errors.NotFound(f"The {entity} has no description.")
    return _from_row(row)


def list_page(
    connection: Connection,
    resource_type: int,
    project: str,
    domain: str,
    name: str,
    request: listing.Listing,
) -> listing.Page[DescriptionEntity]:
    """The descriptions of all versions; an empty `name` means all names."""
    where = registered.within(_T, project, domain, name)
    statement = _SELECT.where(_T.c.resource_type == resource_type, *where)
    tie = (_T.c.created_at, _T.c.name, _T.c.version)
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=tie)


def _from_row(row: Any) -> DescriptionEntity:
    *identity, description, created_at = row
    return DescriptionEntity(EntityId(*identity), description, created_at)
