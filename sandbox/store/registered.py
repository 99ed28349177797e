"""What tasks, workflows and launch plans have in common: project, domain, name and version identify a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2
from sqlalchemy.dialects import postgresql as pg

from sandbox.idl.identifiers import EntityId
from sandbox.store import errors, filters, listing, tables
from sandbox.store.database import Connection

TABLES: Mapping[int, sa.Table] = {
    identifier_pb2.TASK: tables.tasks,
    identifier_pb2.WORKFLOW: tables.workflows,
    identifier_pb2.LAUNCH_PLAN: tables.launch_plans,
}
"""Which table holds a `core.ResourceType`."""


@dataclass(frozen=True, slots=True, order=True)
class EntityName:
    """All versions of one thing: `admin.NamedEntityIdentifier`."""

    project: str
    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}"


def is_(table: sa.Table, entity: EntityId) -> sa.ColumnElement[bool]:
    """The condition for exactly this version."""
    return sa.and_(
        table.c.project == entity.project,
        table.c.domain == entity.domain,
        table.c.name == entity.name,
        table.c.version == entity.version,
    )


def within(table: sa.Table, project: str, domain: str, name: str) -> list[sa.ColumnElement[bool]]:
    """The conditions that list requests carry beside their filters; empty strings don't restrict."""
    wanted = {"project": project, "domain": domain, "name": name}
    return [table.c[column] == value for column, value in wanted.items() if value]


def insert(connection: Connection, entity: EntityId, values: Mapping[str, Any]) -> int:
    """Insert a version and return its row id; `AlreadyExists` if that version is there."""
    table = TABLES[entity.resource_type]
    statement = (
        pg.insert(table)
        .values(
            project=entity.project, domain=entity.domain, name=entity.name, version=entity.version, **values
        )
        .on_conflict_do_nothing(index_elements=["project", "domain", "name", "version"])
        .returning(table.c.id)
    )
    row_id = connection.execute(statement).scalar()
    if row_id is None:
        raise errors.AlreadyExists(f"The {entity} already exists; register it under another version.")
    return int(row_id)


def missing(entity: EntityId) -> errors.NotFound:
    """The error for a version that isn't there."""
    return errors.NotFound(
        f"The {entity} does not exist; register it, or check project, domain, name and version."
    )


_NAME_COLUMNS = ("project", "domain", "name")


def list_names(
    connection: Connection, resource_type: int, project: str, domain: str, request: listing.Listing
) -> listing.Page[EntityName]:
    """The distinct names in a project and domain, by name."""
    table = TABLES[resource_type]
    columns = tuple(table.c[column] for column in _NAME_COLUMNS)
    statement = sa.select(*columns).where(*within(table, project, domain, "")).group_by(*columns)
    entity = identifier_pb2.ResourceType.Name(resource_type).lower()
    fields = filters.Fields(entity, {column.name: column for column in columns})
    return listing.fetch(
        connection, statement, request, fields, lambda row: EntityName(*row), tie=(table.c.name,)
    )
