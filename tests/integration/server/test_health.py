"""What the control plane knows of its own health: with a real database, without one, and with a mute one."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from sandbox.server import health
from sandbox.server.health import Health
from sandbox.store.database import Database, DatabaseSettings
from tests.integration import servers
from tests.waiting import eventually


def test_a_control_plane_with_engine_and_database_is_well(database: Database) -> None:
    told = threading.Event()
    well = Health({"database": database.ping}, tuple)
    well.start(told.set)
    try:
        assert told.is_set()
        assert well.troubles() == ()
    finally:
        well.stop()


def test_an_engine_that_ended_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_EVERY", 0.05)
    alive = threading.Event()
    alive.set()
    changes: list[tuple[str, ...]] = []
    watched = Health(
        {"database": database.ping}, lambda: () if alive.is_set() else ("The engine has ended.",)
    )
    watched.start(lambda: changes.append(watched.troubles()))
    try:
        alive.clear()
        assert "engine has ended" in watched.troubles()[0]
        eventually(lambda: len(changes) == 2, 5)
        assert changes[0] == ()
        alive.set()
        eventually(lambda: changes[2:] == [()], 5)
    finally:
        watched.stop()


def test_a_database_that_is_not_there_is_told() -> None:
    database = Database(DatabaseSettings(f"postgresql://postgres@127.0.0.1:{servers.free_port()}/none"))
    ill = Health({"database": database.ping}, tuple)
    ill.start(lambda: None)
    try:
        (trouble,) = ill.troubles()
        assert "database" in trouble
    finally:
        ill.stop()
        database.close()


def test_a_check_does_not_wait_for_a_mute_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SILENT_AFTER", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://postgres@127.0.0.1:{mute.getsockname()[1]}/none"
        database = Database(DatabaseSettings(url, connect_timeout=2))
        ill = Health({"database": database.ping}, tuple)
        starting = threading.Thread(target=ill.start, args=(lambda: None,))
        starting.start()
        eventually(lambda: ill.troubles() != (), 5)
        began = time.monotonic()
        assert "has not answered" in ill.troubles()[0]
        assert time.monotonic() - began < 0.1
        starting.join()
        ill.stop()
        database.close()
