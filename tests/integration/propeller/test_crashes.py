"""Engines that die, databases that go away, objects that can't be read: executions go on, nothing runs
twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flyteidl.core import execution_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, ErrorKind, TaskRequest
from sandbox.propeller.core import machine
from sandbox.propeller.engine import Engine
from sandbox.propeller.settings import EngineSettings
from sandbox.store import errors, leases, migrate, projects
from sandbox.store.database import Database, DatabaseSettings
from sandbox.store.objects import DirectoryObjectStore
from tests.integration import servers
from tests.integration.propeller.house import House, failed
from tests.unit.propeller.building import launch_plan, run, subworkflow, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")


@contextmanager
def dying_engine(house: House) -> Iterator[Engine]:
    """An engine that is killed at the end: nothing is committed, released or closed any more."""
    engine = Engine(EngineSettings(heartbeat_seconds=0.5), house.database, house.objects, house.registry())
    engine.start()
    try:
        yield engine
    finally:
        core = engine._core
        core._committer._write = _dead  # type: ignore[method-assign]
        core._dispatcher._carry_out = _dead  # type: ignore[method-assign]
        engine._leasing.stop()
        core.stop()
        for thread in engine._threads:
            thread.join(10)


def _dead(*arguments: object) -> None:
    raise errors.DatabaseUnavailable("dead")


def test_a_restarted_engine_goes_on_and_starts_nothing_twice(house: House) -> None:
    house.scripted.behave = lambda request: None
    house.register(workflow("child", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    inner = workflow("inner", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1")
    nodes = [
        run("n0", template=PYTHON),
        subworkflow("n1", "start-node", "inner"),
        launch_plan("n2", "start-node", "child"),
        run("n3", "n0", PYTHON, after=["n1", "n2"]),
    ]
    row = house.register(workflow("outer", nodes, "n3"), [PYTHON], [inner], ["child"])
    with dying_engine(house):
        execution = house.launch(row, x=9)
        eventually(lambda: len(house.scripted.started) == 3)
    # One ends while nobody listens.
    house.scripted.end(house.scripted.echo(house.scripted.requests[house.scripted.started[0]]))
    with dying_engine(house):
        house.scripted.end(house.scripted.echo(house.scripted.requests[house.scripted.started[1]]))
        time.sleep(0.05)
    house.scripted.behave = house.scripted.echo
    with house.engine():
        eventually(lambda: house.scripted.sink is not None)
        for key in list(house.scripted.started):
            if key not in house.scripted.ends:
                house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 9
    assert len(house.scripted.started) == len(set(house.scripted.started)) == 5


def test_kills_at_random_moments_lose_nothing(house: House) -> None:
    chance = random.Random(7)
    house.scripted.behave = lambda request: house.scripted.echo(request, plus=1)
    nodes = [run(f"n{i}", f"n{i - 3}" if i >= 3 else "start-node", PYTHON) for i in range(60)]
    row = house.register(workflow("long", nodes, "n59"), [PYTHON])
    executions = [house.launch(row, x=0, max_parallelism=5) for _ in range(3)]
    for _ in range(12):
        with dying_engine(house):
            time.sleep(chance.uniform(0.01, 0.08))
    with house.engine():
        assert {house.wait(execution, 60).phase for execution in executions} == {"SUCCEEDED"}
    assert {house.output(execution) for execution in executions} == {20}
    assert len(house.scripted.started) == len(set(house.scripted.started)) == 180


def test_a_killed_database_is_waited_for(tmp_path: Path) -> None:
    with servers.postgres() as server:
        server.execute("CREATE DATABASE killed")
        migrate.upgrade(server.socket_url("killed"))
        # The test server's settings let commits get lost in a crash; a sandbox's do not.
        server.execute("ALTER DATABASE killed SET synchronous_commit = on")
        server.execute("CHECKPOINT")
        database = Database(DatabaseSettings(server.url("killed")))
        with database.transaction() as connection:
            projects.seed(connection)
        house = House(database, DirectoryObjectStore(tmp_path))
        gate = threading.Event()

        def behave(request: TaskRequest) -> AttemptUpdate:
            gate.wait(10)
            return house.scripted.echo(request)

        house.scripted.behave = behave
        nodes = [run(f"n{i}", f"n{i - 1}" if i else "start-node", PYTHON) for i in range(5)]
        row = house.register(workflow("chain", nodes, "n4"), [PYTHON])
        with house.engine():
            execution = house.launch(row, x=4)
            eventually(lambda: house.scripted.started)
            server.kill()
            gate.set()
            time.sleep(0.3)
            server.start()
            assert eventually(lambda: _ended(house, execution), 30) == "SUCCEEDED"
        assert house.output(execution) == 4
        assert len(house.scripted.started) == 5
        database.close()


def _ended(house: House, execution: object) -> str:
    try:
        row = house.execution(execution)  # type: ignore[arg-type]
    except errors.Unavailable:
        return ""
    return row.phase if row.terminal else ""


class SulkingStore(DirectoryObjectStore):
    """An object store that is down at times."""

    down = False

    def get(self, uri: str) -> bytes:
        if self.down:
            raise errors.ObjectStoreUnavailable("the object store can't be reached")
        return super().get(uri)

    def put(self, uri: str, data: bytes) -> None:
        if self.down:
            raise errors.ObjectStoreUnavailable("the object store can't be reached")
        super().put(uri, data)


def test_a_lost_object_store_is_waited_for(database: Database, tmp_path: Path) -> None:
    store = SulkingStore(tmp_path)
    house = House(database, store)
    house.scripted.behave = lambda request: None
    row = house.register(workflow("chain", [run("n0", template=PYTHON), run("n1", "n0")], "n1"), [PYTHON])
    with house.engine():
        execution = house.launch(row, x=4)
        [key] = eventually(lambda: list(house.scripted.started))
        update = house.scripted.echo(house.scripted.requests[key])
        store.down = True
        house.scripted.end(update)
        time.sleep(0.3)
        assert house.execution(execution).phase == "RUNNING"
        store.down = False
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 4


def test_two_engines_share_the_work_and_see_each_others_children(house: House) -> None:
    house.register(workflow("child", [run("n0"), run("n1", "n0")], "n1"))
    nodes = [launch_plan(f"n{i}", "start-node", "child") for i in range(4)]
    row = house.register(workflow("parent", nodes, "n3"), plans=["child"])
    with house.engine(owner="a", max_executions=3), house.engine(owner="b", max_executions=12):
        executions = [house.launch(row, x=x) for x in range(3)]
        assert {house.wait(execution, 30).phase for execution in executions} == {"SUCCEEDED"}
    assert [house.output(execution) for execution in executions] == [0, 1, 2]


def test_an_error_in_one_execution_does_not_touch_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.scripted.behave = lambda request: None
    row = house.register(workflow("one", [run("n0", template=PYTHON), run("n1", "n0")], "n1"), [PYTHON])
    real = machine.apply

    def faulty(state, event):  # type: ignore[no-untyped-def]
        if type(event).__name__ == "AttemptFinished" and state.parameters.execution.name == "e1":
            raise ZeroDivisionError("a bug of the engine")
        return real(state, event)

    monkeypatch.setattr(machine, "apply", faulty)
    house.unaudited.add("e1")  # it is given up: its history has no end
    with house.engine():
        broken, sound = house.launch(row), house.launch(row)
        for key in eventually(lambda: len(house.scripted.started) == 2 and list(house.scripted.started)):
            house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        assert house.wait(sound).phase == "SUCCEEDED"
        ended = house.wait(broken)
    assert ended.phase == "FAILED"
    error = execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (error.code, error.kind) == ("EngineError", execution_pb2.ExecutionError.SYSTEM)
    assert "a bug of the engine" in error.message
    assert house.scripted.sink is None


def test_an_execution_whose_history_is_damaged_fails_and_says_so(house: House) -> None:
    row = house.register(workflow("one", [run("n0")], "n0"))
    execution = house.launch(row)
    house.unaudited.add(execution.name)
    with house.database.transaction() as connection:
        number = house.execution(execution).id
        connection.exec_driver_sql(
            "INSERT INTO execution_events (execution_id, sequence, payload) VALUES (%s, 0, 'garbage')",
            (number,),
        )
    with house.engine():
        ended = house.wait(execution)
    assert ended.phase == "FAILED"
    assert "can't be read" in execution_pb2.ExecutionError.FromString(ended.error or b"").message


def test_an_attempt_that_was_aborted_from_outside_is_tried_again(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.key.attempt == 0:
            return AttemptUpdate(request.key, AttemptPhase.ABORTED, datetime.now(UTC))
        return house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
    assert len(house.scripted.started) == 2


def test_an_engine_that_died_during_the_pause_before_a_retry_retries_once(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.key.attempt == 0:
            return failed(request, ErrorKind.SYSTEM)
        return house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("lost", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    execution = house.launch(row)
    with dying_engine(house):
        eventually(lambda: "n0" in house.nodes(execution))
        eventually(lambda: house.attempts(execution, "n0")[0].phase == "FAILED")
    assert [key.attempt for key in house.scripted.started] == [0]
    with house.engine():
        assert house.wait(execution).phase == "SUCCEEDED"
    assert [key.attempt for key in house.scripted.started] == [0, 1]


@pytest.mark.parametrize("trouble", [errors.Conflict("a deadlock"), errors.Contended(), ValueError("a bug")])
def test_trouble_with_leases_does_not_end_the_thread_that_keeps_them(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    real, troubles = leases.renew, [trouble]

    def renew(*arguments, **more):  # type: ignore[no-untyped-def]
        if troubles:
            raise troubles.pop()
        return real(*arguments, **more)

    monkeypatch.setattr(leases, "renew", renew)
    house.scripted.behave = lambda request: None
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine(heartbeat_seconds=0.05) as engine:
        first = house.launch(row)
        eventually(lambda: not troubles)
        house.scripted.behave = None
        second = house.launch(row)
        assert house.wait(second).phase == "SUCCEEDED"
        assert engine.is_alive()
        [key] = [key for key in house.scripted.started if key.execution == first]
        house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        assert house.wait(first).phase == "SUCCEEDED"
