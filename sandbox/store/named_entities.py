"""Named entities: what is said about all versions of a task, workflow or launch plan together.

A named entity exists as soon as one version does; its row here holds a description and a state once either
was set. Those that a single-task execution generates (`.flytegen.…`) are SYSTEM_GENERATED and hidden from
lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flyteidl.core import identifier_pb2
from sqlalchemy.dialects import postgresql as pg

from sandbox.store import errors, filters, listing, registered, tables
from sandbox.store.database import Connection

ACTIVE = 0
ARCHIVED = 1
SYSTEM_GENERATED = 2
"""`admin.NamedEntityState`."""


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """A name with its metadata."""

    resource_type: int
    """`core.ResourceType`: task, workflow or launch plan."""
    name: registered.EntityName
    description: str
    state: int
    """`admin.NamedEntityState`."""


_M = tables.named_entities


def get(connection: Connection, resource_type: int, name: registered.EntityName) -> NamedEntity:
    """One named entity; `NotFound` if no version of that name is registered."""
    names = _names(resource_type, name.project, name.domain, name.name)
    row = connection.execute(_select(resource_type, names)).first()
    if row is None:
        raise _missing(resource_type, name)
    return _from_row(resource_type, row)


def list_page(
    connection: Connection, resource_type: int, project: str, domain: str, request: listing.Listing
) -> listing.Page[NamedEntity]:
    """The names in a project and domain; generated ones are hidden unless a filter speaks about `state`."""
    names = _names(resource_type, project, domain, "")
    statement = _select(resource_type, names)
    fields = _fields(names)
    if not filters.mentions(request.filters, "state"):
        statement = statement.where(fields.columns["state"] != SYSTEM_GENERATED)
    return listing.fetch(
        connection,
        statement,
        request,
        fields,
        lambda row: _from_row(resource_type, row),
        tie=(names.c.name,),
    )


def update(
    connection: Connection,
    resource_type: int,
    name: registered.EntityName,
    *,
    description: str | None = None,
    state: int | None = None,
) -> NamedEntity:
    """Set what is not None; `NotFound` if no version of that name is registered."""
    get(connection, resource_type, name)
    given: dict[str, Any] = {"description": description, "state": state}
    values = {column: value for column, value in given.items() if value is not None}
    insert = pg.insert(_M).values(
        resource_type=resource_type, project=name.project, domain=name.domain, name=name.name, **values
    )
    connection.execute(
        insert.on_conflict_do_update(constraint=_M.primary_key, set_={**values, "updated_at": sa.func.now()})
    )
    return get(connection, resource_type, name)


def _names(resource_type: int, project: str, domain: str, name: str) -> sa.Subquery:
    """The distinct names, from the table of versions."""
    table = registered.TABLES.get(resource_type)
    if table is None:
        raise errors.InvalidRequest("Only tasks, workflows and launch plans are named entities.")
    columns = (table.c.project, table.c.domain, table.c.name)
    where = registered.within(table, project, domain, name)
    return sa.select(*columns).where(*where).distinct().subquery("entities")


def _select(resource_type: int, names: sa.Subquery) -> sa.Select[Any]:
    same = sa.and_(
        _M.c.resource_type == resource_type,
        _M.c.project == names.c.project,
        _M.c.domain == names.c.domain,
        _M.c.name == names.c.name,
    )
    fields = _fields(names).columns
    columns = (names.c.project, names.c.domain, names.c.name, fields["description"], fields["state"])
    return sa.select(*columns).outerjoin_from(names, _M, same)


def _fields(names: sa.Subquery) -> filters.Fields:
    identity: dict[str, filters.Column] = {each.name: each for each in names.columns}
    said: dict[str, filters.Column] = {
        "description": sa.func.coalesce(_M.c.description, "", type_=sa.Text),
        "state": sa.func.coalesce(_M.c.state, ACTIVE, type_=sa.Integer),
    }
    related = {"entities": filters.Related(identity), "named_entity_metadata": filters.Related(said)}
    return filters.Fields("named_entity", identity | said, related)


def _missing(resource_type: int, name: registered.EntityName) -> errors.NotFound:
    kind = identifier_pb2.ResourceType.Name(resource_type).lower().replace("_", " ")
    return errors.NotFound(f"No {kind} named {name} is registered.")


def _from_row(resource_type: int, row: Any) -> NamedEntity:
    project, domain, name, description, state = row
    return NamedEntity(resource_type, registered.EntityName(project, domain, name), description, state)
