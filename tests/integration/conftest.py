"""Fixtures over real servers: one Postgres and one nanio a session; a fresh database and objects a test.

`database` is a copy of a template that was migrated once and holds the projects of a fresh sandbox. `s3` is
shared by the session: use keys of your own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.store import migrate, projects
from sandbox.store.database import Database, DatabaseSettings
from sandbox.store.objects import DirectoryObjectStore
from tests.integration import servers

_TEMPLATE = "sandbox_template"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """A real Postgres 18 with a migrated template; don't kill it, `servers.postgres()` makes another."""
    with servers.postgres() as server:
        server.execute(f"CREATE DATABASE {_TEMPLATE}")
        migrate.upgrade(server.socket_url(_TEMPLATE))
        template = Database(DatabaseSettings(server.socket_url(_TEMPLATE), pool_size=1))
        with template.transaction() as connection:
            projects.seed(connection)
        template.close()
        yield server


@pytest.fixture
def database_url(postgres_server: servers.PostgresServer) -> Iterator[str]:
    """libpq's URL (TCP) of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database with the projects flytesnacks and flyteexamples."""
    fresh = Database(DatabaseSettings(database_url, pool_size=5))
    yield fresh
    fresh.close()


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryObjectStore:
    """A fresh object store on a directory."""
    return DirectoryObjectStore(tmp_path / "objects")


@pytest.fixture(scope="session")
def s3() -> Iterator[servers.NanioServer]:
    """A real nanio with the bucket `my-s3-bucket`: `.objects` over HTTP, `.directory` as its files."""
    with servers.nanio() as server:
        yield server
