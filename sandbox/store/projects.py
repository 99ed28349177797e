"""Projects: the outermost folder of everything that is registered and run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from sandbox.store import errors, filters, listing, tables
from sandbox.store.database import Connection

DEFAULT_PROJECTS = ("flytesnacks", "flyteexamples")
"""What a fresh sandbox comes with."""


@dataclass(frozen=True, slots=True)
class Project:
    """A row of `projects`."""

    identifier: str
    name: str
    description: str
    labels: bytes
    """`admin.Labels`."""
    state: int
    """`admin.Project.ProjectState`: 0 active, 1 archived, 2 system generated."""
    created_at: datetime
    updated_at: datetime


_T = tables.projects
_COLUMNS = tuple(_T.c[name] for name in Project.__dataclass_fields__)
_GET = sa.select(*_COLUMNS).where(_T.c.identifier == sa.bindparam("identifier"))
_FIELDS = filters.Fields("project", filters.columns_of(_T))


def create(
    connection: Connection,
    identifier: str,
    *,
    name: str = "",
    description: str = "",
    labels: bytes = b"",
    state: int = 0,
) -> Project:
    """Register a project; `AlreadyExists` if there is one of this identifier. `name` defaults to it."""
    statement = (
        pg.insert(_T)
        .values(
            identifier=identifier,
            name=name or identifier,
            description=description,
            labels=labels,
            state=state,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = connection.execute(statement).first()
    if row is None:
        raise errors.AlreadyExists(f"The project {identifier!r} already exists.")
    return _from_row(row)


def get(connection: Connection, identifier: str) -> Project:
    """One project; `NotFound`."""
    row = connection.execute(_GET, {"identifier": identifier}).first()
    if row is None:
        raise errors.NotFound(
            f"The project {identifier!r} does not exist; create it with `sandbox create project`, "
            "or check its name."
        )
    return _from_row(row)


def list_page(connection: Connection, request: listing.Listing) -> listing.Page[Project]:
    """Projects, by identifier unless sorted; archived ones are hidden unless a filter speaks about
    `state`.
    """
    statement = sa.select(*_COLUMNS)
    if not filters.mentions(request.filters, "state"):
        statement = statement.where(_T.c.state == 0)
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.identifier,))


def update(
    connection: Connection,
    identifier: str,
    *,
    name: str | None = None,
    description: str | None = None,
    labels: bytes | None = None,
    state: int | None = None,
) -> Project:
    """Change what is not None; `NotFound`."""
    given = {"name": name, "description": description, "labels": labels, "state": state}
    values = {column: value for column, value in given.items() if value is not None}
    statement = (
        sa.update(_T)
        .where(_T.c.identifier == identifier)
        .values(**values, updated_at=sa.func.now())
        .returning(*_COLUMNS)
    )
    row = connection.execute(statement).first()
    return get(connection, identifier) if row is None else _from_row(row)


def seed(connection: Connection, identifiers: tuple[str, ...] = DEFAULT_PROJECTS) -> None:
    """Make sure that these projects exist; those that do are left as they are."""
    rows = [{"identifier": identifier, "name": identifier} for identifier in identifiers]
    connection.execute(pg.insert(_T).values(rows).on_conflict_do_nothing())


def _from_row(row: Any) -> Project:
    return Project(*row)
