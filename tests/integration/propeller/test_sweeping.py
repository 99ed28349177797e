"""What attempts left behind when the engine died too early is forgotten by the next engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.idl.identifiers import AttemptKey, ExecutionId
from sandbox.propeller.core import events, machine
from sandbox.propeller.registry import ExecutorRegistry
from tests.integration.propeller.house import House, ScriptedExecutor
from tests.unit.propeller.building import run, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")


class Forgetful(ScriptedExecutor):
    """Remembers all that it started until it is told to forget."""

    def remembered(self) -> list[AttemptKey]:
        return [key for key in self.started if key not in self.forgotten]


@pytest.fixture
def forgetful(house: House, monkeypatch: pytest.MonkeyPatch) -> Forgetful:
    executor = Forgetful(house.objects)
    monkeypatch.setattr(house, "registry", lambda: ExecutorRegistry(executor))
    return executor


def test_attempts_of_executions_that_are_over_are_forgotten_by_the_next_engine(
    house: House, forgetful: Forgetful
) -> None:
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        over = house.launch(row)
        assert house.wait(over).phase == "SUCCEEDED"
        forgetful.behave = lambda request: None
        running = house.launch(row)
        eventually(lambda: len(forgetful.started) == 2)
    forgetful.forgotten.clear()  # as if the first engine had been killed before it could say so
    stranger = replace(forgetful.started[0], execution=ExecutionId("flytesnacks", "development", "stranger"))
    forgetful.started.append(stranger)
    with house.engine(sweep_delay_seconds=0.0):
        eventually(lambda: forgetful.forgotten)
        assert [key.execution for key in forgetful.forgotten] == [over]
        assert running not in {key.execution for key in forgetful.aborted}


def test_what_an_execution_started_is_ended_when_it_is_given_up(
    house: House, forgetful: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful.behave = lambda request: None
    nodes = [run("n0", template=PYTHON), run("n1", template=PYTHON)]
    row = house.register(workflow("two", nodes, "n1"), [PYTHON])
    real = machine.apply

    def faulty(state, event):  # type: ignore[no-untyped-def]
        if isinstance(event, events.AttemptFinished | events.ExecutionFailed):
            raise ZeroDivisionError("a bug of the engine")
        return real(state, event)

    monkeypatch.setattr(machine, "apply", faulty)
    with house.engine(sweep_delay_seconds=0.0):
        execution = house.launch(row)
        house.unaudited.add(execution.name)
        first, second = eventually(lambda: len(forgetful.started) == 2 and list(forgetful.started))
        forgetful.end(forgetful.echo(forgetful.requests[first]))
        assert house.wait(execution).phase == "FAILED"
        eventually(lambda: second in forgetful.aborted and second in forgetful.forgotten)


def test_an_engine_that_is_stopped_before_it_sweeps_leaves_it_to_the_next(
    house: House, forgetful: Forgetful
) -> None:
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine(sweep_delay_seconds=3600.0):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
        eventually(lambda: forgetful.forgotten)
