"""Leases beside commits: both lock many executions at a time, and must do so in the same order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from sandbox.store import executions, leases, projections
from sandbox.store.database import Connection, Database
from sandbox.store.events import StoredEvent
from tests.integration.store import rows
from tests.waiting import eventually

OWNER = "engine"
_LOCK = "SELECT id FROM executions WHERE id = %s FOR UPDATE"
_FREE = "SELECT id FROM executions WHERE id = %s FOR UPDATE SKIP LOCKED"


def claimed(database: Database, number: int) -> list[int]:
    with database.transaction() as connection:
        workflow = rows.add_workflow(connection, "wf")
        for place in range(number):
            rows.add_execution(connection, workflow, f"e{place}")
    with database.reading() as connection:
        return [one.id for one in leases.claim(connection, OWNER, seconds=60, held=(), limit=number)]


def renew(connection: Connection, held: list[int]) -> None:
    assert leases.renew(connection, OWNER, held, seconds=60) == set(held)


def commit(connection: Connection, held: list[int]) -> None:
    events = [StoredEvent(number, 0, b"[]") for number in reversed(held)]
    assert projections.commit(connection, OWNER, events) == set()


def release(connection: Connection, held: list[int]) -> None:
    leases.release(connection, OWNER, held)


@pytest.mark.parametrize("change", [renew, commit, release])
def test_executions_are_locked_in_the_order_of_their_ids(
    database: Database, change: Callable[[Connection, list[int]], None]
) -> None:
    """While the last of them is another's, the first is locked already: two such never form a ring."""
    first, last = held = claimed(database, 2)
    with database.transaction() as connection:  # The row moves behind the other within its table.
        connection.exec_driver_sql("UPDATE executions SET cluster = 'moved' WHERE id = %s", (first,))
        connection.exec_driver_sql("ANALYZE executions")  # So small a table is read as it lies.

    def work() -> None:
        with database.reading() as connection:
            change(connection, held)

    changing = threading.Thread(target=work)
    with database.transaction() as connection:
        connection.exec_driver_sql(_LOCK, (last,))
        changing.start()
        eventually(lambda: not is_free(database, first))
    changing.join()
    assert is_free(database, first)


def is_free(database: Database, number: int) -> bool:
    with database.reading() as connection:
        return bool(list(connection.exec_driver_sql(_FREE, (number,))))


def test_leases_are_given_back_at_once(database: Database) -> None:
    held = claimed(database, 3)
    with database.reading() as connection:
        leases.release(connection, OWNER, held)
        assert leases.renew(connection, OWNER, held, seconds=60) == set()
        again = leases.claim(connection, "another", seconds=60, held=(), limit=3)
    assert [leased.id for leased in again] == held


def test_what_is_given_back_is_announced(database: Database) -> None:
    first, second, kept = claimed(database, 3)
    listener = database.listen(executions.CHANNEL)
    try:
        with database.reading() as connection:
            leases.release(connection, "another", [kept])
            leases.release(connection, OWNER, [second, first])
        heard: list[str] = []
        eventually(lambda: heard.extend(listener.wait(0.1)) or len(heard) >= 2)
        assert sorted(map(int, heard)) == sorted([first, second])
    finally:
        listener.close()
