"""The schema as declared and the schema as migrated are one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import autogenerate
from alembic.runtime.migration import MigrationContext

from sandbox.store import migrate, tables
from sandbox.store.database import Connection, Database, DatabaseSettings
from sandbox.store.migrations import runner
from tests.integration.servers import PostgresServer

_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
"""


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    postgres_server.execute("CREATE DATABASE empty")
    yield postgres_server.url("empty")
    postgres_server.execute("DROP DATABASE empty WITH (FORCE)")


def _schema(connection: Connection) -> list[list[tuple[object, ...]]]:
    queries = (_COLUMNS, _INDEXES, _CONSTRAINTS)
    return [[tuple(row) for row in connection.exec_driver_sql(query)] for query in queries]


def test_all_migrations_applied_give_the_schema_as_declared(empty_url: str, database: Database) -> None:
    migrated = Database(DatabaseSettings(empty_url))
    with migrated.transaction() as connection:
        runner.upgrade(connection)
        assert migrate.is_current(connection)
        by_migrations = _schema(connection)
    migrated.close()
    with database.transaction() as connection:
        assert _schema(connection) == by_migrations


def test_alembic_finds_no_difference_to_the_declarations(database: Database) -> None:
    with database.transaction() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert autogenerate.compare_metadata(context, tables.metadata) == []


def test_the_newest_migration_is_the_one_that_boots_look_for() -> None:
    assert runner.script().get_current_head() == migrate.HEAD


def test_upgrading_twice_changes_nothing(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    database = Database(DatabaseSettings(empty_url))
    with database.transaction() as connection:
        assert migrate.is_current(connection)
    database.close()


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, [empty_url] * 4))
    database = Database(DatabaseSettings(empty_url))
    with database.transaction() as connection:
        assert migrate.is_current(connection)
    database.close()


def test_a_database_of_someone_else_is_not_current(empty_url: str) -> None:
    database = Database(DatabaseSettings(empty_url))
    with database.transaction() as connection:
        assert not migrate.is_current(connection)
    database.close()
