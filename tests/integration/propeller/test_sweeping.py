"""What attempts left behind when the engine died too early is forgotten by the next engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.idl.identifiers import AttemptKey, ExecutionId
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


def test_an_engine_that_is_stopped_before_it_sweeps_leaves_it_to_the_next(
    house: House, forgetful: Forgetful
) -> None:
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine(sweep_delay_seconds=3600.0):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
        eventually(lambda: forgetful.forgotten)
