"""Rights to compute cached outputs: what expired goes, and stands in nobody's way until then."""

from __future__ import annotations

from datetime import timedelta

from sandbox.idl.hashing import DatasetKey
from sandbox.store import reservations
from sandbox.store.database import Database
from tests.integration.propeller.house import House
from tests.waiting import eventually

DATASET = DatasetKey("flytesnacks", "development", "flyte_task-t", "1.0-a-b")
MOMENT = timedelta(milliseconds=1)


def test_only_expired_reservations_are_purged(database: Database) -> None:
    with database.transaction() as connection:
        reservations.get_or_extend(connection, DATASET, "dead", owner="one", heartbeat=MOMENT)
        reservations.get_or_extend(connection, DATASET, "alive", owner="two")
    with database.transaction() as connection:
        assert eventually(lambda: reservations.purge(connection)) == 1
        assert reservations.release(connection, DATASET, "alive", owner="two")
        assert not reservations.release(connection, DATASET, "dead", owner="one")


def test_an_engine_that_has_nothing_to_do_purges_them(database: Database, house: House) -> None:
    with database.transaction() as connection:
        reservations.get_or_extend(connection, DATASET, "dead", owner="one", heartbeat=MOMENT)
    with house.engine(heartbeat_seconds=0.05):
        eventually(lambda: count(database) == 0)


def count(database: Database) -> int:
    with database.reading() as connection:
        [[number]] = connection.exec_driver_sql("SELECT count(*) FROM reservations")
        return int(number)
