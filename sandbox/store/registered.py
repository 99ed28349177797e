"""What tasks, workflows and launch plans have in common: project, domain, name and version identify a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

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


_NAME_COLUMNS = ("project", "domain", "name")
_KEY_COLUMNS = (*_NAME_COLUMNS, "version")


def _key(entity: EntityId) -> tuple[str, str, str, str]:
    return entity.project, entity.domain, entity.name, entity.version


@dataclass(frozen=True, slots=True, order=True)
class EntityName:
    """All versions of one thing: `admin.NamedEntityIdentifier`."""

    project: str
    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}"


class Version(Protocol):
    """A row of one of the tables."""

    @property
    def entity(self) -> EntityId: ...


V = TypeVar("V", bound=Version)


class Versions(Generic[V]):
    """How versions of one kind are read: `select` finds the columns that `from_row` takes."""

    def __init__(self, table: sa.Table, select: sa.Select[Any], from_row: Callable[[Any], V]) -> None:
        self._select = select
        self._from_row = from_row
        self._key = tuple(table.c[column] for column in _KEY_COLUMNS)
        self._by_key = select.where(*(column == sa.bindparam(column.name) for column in self._key))
        self._by_id = select.where(table.c.id == sa.bindparam("row_id"))

    def find(self, connection: Connection, entity: EntityId) -> V | None:
        """One version, if it is there."""
        key = dict(zip(_KEY_COLUMNS, _key(entity), strict=True))
        row = connection.execute(self._by_key, key).first()
        return None if row is None else self._from_row(row)

    def get(self, connection: Connection, entity: EntityId) -> V:
        """One version; `NotFound`."""
        found = self.find(connection, entity)
        if found is None:
            raise missing(entity)
        return found

    def get_by_id(self, connection: Connection, row_id: int) -> V:
        """The version of a row id that is known to exist."""
        return self._from_row(connection.execute(self._by_id, {"row_id": row_id}).one())

    def get_many(self, connection: Connection, entities: frozenset[EntityId]) -> dict[EntityId, V]:
        """Those of the versions that exist, in one query."""
        if not entities:
            return {}
        statement = self._select.where(sa.tuple_(*self._key).in_([_key(entity) for entity in entities]))
        found = [self._from_row(row) for row in connection.execute(statement)]
        return {version.entity: version for version in found}


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
        .on_conflict_do_nothing(index_elements=_KEY_COLUMNS)
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
