"""Histories read from the database, and the engine's rows held against them.

(That both agree for every execution of every test of the engine, the fixture `house` makes sure of.)
"""

from __future__ import annotations

import pytest

from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import histories
from sandbox.propeller.histories import BadHistory
from sandbox.store import errors
from tests.integration.propeller.house import House
from tests.integration.propeller.test_dynamic import PYTHON as ADDER
from tests.integration.propeller.test_dynamic import making, register, spec
from tests.unit.propeller.building import run, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")


def ended(house: House) -> ExecutionId:
    row = house.register(
        workflow("two", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1"), [PYTHON]
    )
    with house.engine():
        execution = house.launch(row, x=1)
        assert house.wait(execution).phase == "SUCCEEDED"
    return execution


def change(house: House, statement: str) -> None:
    with house.database.transaction() as connection:
        connection.exec_driver_sql(statement)


def test_the_history_of_a_dynamic_workflow_brings_along_what_was_made(house: House) -> None:
    house.scripted.behave = making(house, {"maker": spec([run("d0", 3, ADDER)], "d0")})
    row = register(house)
    with house.engine():
        execution = house.launch(row, x=1)
        assert house.wait(execution).phase == "SUCCEEDED"
    history = house.archive.history(execution)
    assert len(history.dynamic) == 1
    folded = histories.fold(histories.from_json(histories.to_json(history)))
    assert [node.unique_id for node in folded.nodes if node.unique_id][-1].endswith("end-node")
    assert histories.verify(history) == []


def test_an_execution_that_runs_has_a_history_so_far(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: house.execution(execution).phase == "RUNNING" and house.scripted.started)
        eventually(lambda: house.attempts(execution, "n0")[0].phase == "RUNNING")
        history = house.archive.history(execution)
        assert house.archive.audit(execution) == []
    assert histories.fold(history).nodes[1].attempt.phase == "RUNNING"


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE node_executions SET phase = 'FAILED' WHERE node_id = 'n0'", "node n0: phase is 'FAILED'"),
        ("UPDATE task_executions SET retry_attempt = 4", "attempt 0 of node n0 has no row"),
        ("UPDATE executions SET outputs_uri = ''", "the execution: outputs_uri is ''"),
        ("DELETE FROM execution_events WHERE sequence > 3", "phase is 'SUCCEEDED' in its row, 'RUNNING'"),
    ],
)
def test_rows_that_say_something_else_than_the_history_are_found(
    house: House, damage: str, finding: str
) -> None:
    execution = ended(house)
    house.unaudited.add(execution.name)
    assert house.archive.audit(execution) == []
    change(house, damage)
    findings = house.archive.audit(execution)
    assert any(finding in one for one in findings), findings


def test_an_execution_that_is_not_there_and_a_damaged_history_are_told_apart(house: House) -> None:
    with pytest.raises(errors.NotFound, match="There is no execution flytesnacks:development:nobody"):
        house.archive.history(ExecutionId("flytesnacks", "development", "nobody"))
    execution = ended(house)
    house.unaudited.add(execution.name)
    change(house, "UPDATE execution_events SET payload = 'garbage' WHERE sequence = 2")
    with pytest.raises(BadHistory, match="can't be read"):
        house.archive.history(execution)
