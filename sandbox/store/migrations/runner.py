"""Runs Alembic on a connection that is already open, within its transaction."""

from __future__ import annotations

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sandbox.store.database import Connection


def script() -> ScriptDirectory:
    """The migrations of this package."""
    folder = Path(__file__).parent
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def upgrade(connection: Connection, target: str = "head") -> None:
    """Apply all migrations up to `target` that the database lacks."""
    history = script()

    def steps(revision: object, context: MigrationContext) -> object:
        return history._upgrade_revs(target, revision)  # type: ignore[arg-type]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    with Operations.context(context):
        context.run_migrations()
