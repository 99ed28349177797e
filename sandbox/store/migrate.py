"""Bringing a database to the current schema.

A boot asks `is_current` first, which is one query. An empty database gets the schema as declared, in one
round trip, and is stamped; a test proves that this equals all migrations applied. Alembic, which takes long
to import, is loaded only for a database of an older version.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateIndex, CreateTable

from sandbox.store import tables
from sandbox.store.database import Connection, Database, DatabaseSettings

HEAD = "0002"
"""The newest migration in `migrations/versions`."""

_LOCK = 0x666C797465
"""An advisory lock, so that of several processes that start together one migrates and the others wait."""


def is_current(connection: Connection) -> bool:
    """Whether the database has the newest schema. One cheap query."""
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return False
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD


def upgrade(database_url: str) -> None:
    """Bring a database (libpq URL) to the newest schema; nothing happens if it is there. Safe to call
    concurrently.
    """
    database = Database(DatabaseSettings(database_url, pool_size=1))
    try:
        with database.transaction() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if is_current(connection):
                return
            if _is_empty(connection):
                _create(connection)
            else:
                _migrate(connection)
    finally:
        database.close()


def ddl() -> Iterator[str]:
    """The statements that make the declared schema."""
    dialect = pg.dialect()  # type: ignore[no-untyped-call]
    for table in tables.metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))


def _is_empty(connection: Connection) -> bool:
    count = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    ).scalar()
    return count == 0


def _create(connection: Connection) -> None:
    stamp = (
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)); "
        f"INSERT INTO alembic_version VALUES ('{HEAD}')"
    )
    connection.exec_driver_sql(";\n".join([*ddl(), stamp]))


def _migrate(connection: Connection) -> None:
    # Lazy: only a database of an older version needs Alembic.
    from sandbox.store.migrations import runner  # noqa: PLC0415

    runner.upgrade(connection)
