"""Gate nodes, through the real database: signals as admin writes them, engines that come and go."""

from __future__ import annotations

import gc
import time
import weakref

import pytest
from flyteidl.core import execution_pb2, literals_pb2, types_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import errors, executions, signals
from tests.integration.propeller.house import House
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller.building import (
    INTEGER,
    approve,
    branch,
    integer,
    launch_plan,
    run,
    sleep,
    subworkflow,
    wait_for_input,
    workflow,
)
from tests.waiting import eventually

BOOLEAN = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)


def boolean(value: bool) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(boolean=value)))


def give(house: House, execution: ExecutionId, name: str, value: literals_pb2.Literal) -> None:
    """As admin's SetSignal does; waits until someone asked for it."""

    def given() -> bool:
        try:
            with house.database.transaction() as connection:
                signals.set_value(connection, execution, name, value.SerializeToString())
        except errors.NotFound:
            return False
        return True

    eventually(given)


def phase(house: House, execution: ExecutionId, node: str) -> str | None:
    found = house.nodes(execution).get(node)
    return found.phase if found else None


def error_of(row: executions.Execution) -> execution_pb2.ExecutionError:
    return execution_pb2.ExecutionError.FromString(row.error or b"")


def test_an_approval_passes_on_what_was_approved(house: House) -> None:
    row = house.register(workflow("gated", [run("n0"), approve("n1", "n0", "ok"), run("n2", "n1")], "n2"))
    with house.engine(heartbeat_seconds=60):
        execution = house.launch(row, x=7)
        eventually(lambda: phase(house, execution, "n1") == "RUNNING")
        with house.database.reading() as connection:
            assert signals.get(connection, execution, "ok").type == BOOLEAN.SerializeToString()
        begun = time.monotonic()
        give(house, execution, "ok", boolean(True))
        assert house.wait(execution).phase == "SUCCEEDED"
        assert time.monotonic() - begun < 5, "it was found by the scan, not heard of"
    assert house.output(execution) == 7


def test_a_rejection_fails_the_node(house: House) -> None:
    row = house.register(workflow("gated", [run("n0"), approve("n1", "n0", "ok")], "n1"))
    with house.engine():
        execution = house.launch(row)
        give(house, execution, "ok", boolean(False))
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).code) == ("FAILED", "ReceivedRejectSignal")
    assert error_of(ended).kind == execution_pb2.ExecutionError.USER


def test_a_given_value_decides_a_branch(house: House) -> None:
    decision = branch("n1", "n0", [(5, run("small", "n0"))], run("large", 100))
    row = house.register(workflow("gated", [wait_for_input("n0", "x"), decision], "n1"))
    with house.engine():
        chosen = {x: house.launch(row) for x in (3, 9)}
        for x, execution in chosen.items():
            give(house, execution, "x", integer(x))
        assert {house.wait(execution).phase for execution in chosen.values()} == {"SUCCEEDED"}
    assert {x: house.output(execution) for x, execution in chosen.items()} == {3: 3, 9: 100}


def test_gates_wait_in_subworkflows_branches_and_children(house: House) -> None:
    inner = workflow("inner", [wait_for_input("n0", "inside")], "n0")
    house.register(workflow("child", [wait_for_input("n0", "below")], "n0"))
    nodes = [
        subworkflow("n0", "start-node", "inner"),
        branch("n1", "n0", [(5, approve("case", "n0", "in-branch"))], "no"),
        launch_plan("n2", "n1", "child"),
    ]
    row = house.register(workflow("outer", nodes, "n2"), subworkflows=[inner], plans=["child"])
    with house.engine():
        execution = house.launch(row)
        give(house, execution, "inside", integer(4))
        give(house, execution, "in-branch", boolean(True))
        eventually(lambda: phase(house, execution, "n2") == "RUNNING")
        [child] = eventually(lambda: children(house, execution))
        give(house, child, "below", integer(6))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 6


def children(house: House, parent: ExecutionId) -> list[ExecutionId]:
    sql = "SELECT execution_name FROM executions WHERE parent_node_execution_id IS NOT NULL"
    with house.database.reading() as connection:
        rows = connection.exec_driver_sql(sql)
        return [ExecutionId(parent.project, parent.domain, row[0]) for row in rows]


def test_one_answer_serves_all_gates_of_that_name(house: House) -> None:
    nodes = [wait_for_input("n0", "go"), wait_for_input("n1", "go"), wait_for_input("n2", "go", after=["n0"])]
    row = house.register(workflow("gated", nodes, "n2"))
    with house.engine():
        execution = house.launch(row)
        give(house, execution, "go", integer(5))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 5


def test_gates_of_one_name_and_two_types_say_so(house: House) -> None:
    nodes = [wait_for_input("n0", "go"), approve("n1", 1, "go")]
    nodes[1].upstream_node_ids.append("n0")
    row = house.register(workflow("gated", nodes, "n1"))
    with house.engine():
        execution = house.launch(row)
        give(house, execution, "go", integer(5))
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).code) == ("FAILED", "SignalTypeConflict")
    assert "'go'" in error_of(ended).message


def test_a_signal_may_be_given_before_the_gate_is_reached(house: House) -> None:
    row = house.register(workflow("gated", [wait_for_input("n0", "early")], "n0"))
    execution = house.launch(row)
    with house.database.transaction() as connection:
        signals.get_or_create(connection, execution, "early", INTEGER.SerializeToString())
        signals.set_value(connection, execution, "early", integer(3).SerializeToString())
    with house.engine():
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 3


def test_a_sleep_takes_its_time(house: House) -> None:
    row = house.register(workflow("sleeping", [sleep("n0", 0.4), run("n1", after=["n0"])], "n1"))
    with house.engine():
        ended = house.wait(house.launch(row))
    assert ended.phase == "SUCCEEDED"
    assert ended.duration is not None
    assert 0.4 <= ended.duration < 3


def test_a_gate_and_a_sleep_survive_an_engine_that_dies(house: House) -> None:
    nodes = [wait_for_input("n0", "go"), sleep("n1", 1.0), run("n2", "n0", after=["n1"])]
    row = house.register(workflow("gated", nodes, "n2"))
    with dying_engine(house):
        execution = house.launch(row)
        eventually(lambda: phase(house, execution, "n1") == "RUNNING")
        eventually(lambda: phase(house, execution, "n0") == "RUNNING")
    with dying_engine(house):
        eventually(lambda: house.scripted.sink is not None)
    give(house, execution, "go", integer(8))  # while no engine is there
    with house.engine():
        ended = house.wait(execution)
    assert ended.phase == "SUCCEEDED"
    assert house.output(execution) == 8
    assert ended.duration is not None
    assert 1.0 <= ended.duration < 4


def test_a_value_that_was_given_in_time_counts_after_the_deadline(house: House) -> None:
    row = house.register(workflow("gated", [wait_for_input("n0", "go", timeout=0.5)], "n0"))
    with dying_engine(house):
        execution = house.launch(row)
        eventually(lambda: phase(house, execution, "n0") == "RUNNING")
    give(house, execution, "go", integer(8))
    eventually(lambda: time.time() - house.nodes(execution)["n0"].created_at.timestamp() > 0.6)
    with house.engine():
        assert house.wait(execution).phase == "SUCCEEDED"


def test_a_gate_that_nobody_answers_times_out(house: House) -> None:
    row = house.register(workflow("gated", [wait_for_input("n0", "go", timeout=0.3)], "n0"))
    with house.engine():
        ended = house.wait(house.launch(row))
    assert (ended.phase, error_of(ended).code) == ("FAILED", "RetriesExhausted|TimeoutExpired")
    assert "'go'" in error_of(ended).message


def test_an_abort_ends_waiting_gates_and_a_late_signal_is_taken_without_effect(house: House) -> None:
    nodes = [wait_for_input("n0", "go"), sleep("n1", 3600), run("n2", "n0", after=["n1"])]
    row = house.register(workflow("gated", nodes, "n2"))
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: phase(house, execution, "n0") == "RUNNING")
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="me")
        assert house.wait(execution).phase == "ABORTED"
        give(house, execution, "go", integer(1))
        assert {phase(house, execution, node) for node in ("n0", "n1")} == {"ABORTED"}


def test_one_of_two_engines_that_share_a_database_hears_the_signal(house: House) -> None:
    row = house.register(workflow("gated", [wait_for_input("n0", "go")], "n0"))
    with house.engine(owner="one", heartbeat_seconds=60), house.engine(owner="two", heartbeat_seconds=60):
        started = [house.launch(row) for _ in range(6)]
        for execution in started:
            give(house, execution, "go", integer(2))
        assert {house.wait(execution).phase for execution in started} == {"SUCCEEDED"}


def test_a_deadline_far_away_keeps_no_execution_in_memory_that_is_over(house: House) -> None:
    row = house.register(workflow("gated", [wait_for_input("n0", "go", timeout=3600)], "n0"))
    with house.engine() as engine:
        execution = house.launch(row)
        eventually(lambda: phase(house, execution, "n0") == "RUNNING")
        [in_memory] = [weakref.ref(running) for running in engine._core._running.values()]
        give(house, execution, "go", integer(2))
        house.wait(execution)

        def is_gone() -> bool:
            gc.collect()
            return in_memory() is None

        eventually(is_gone)


@pytest.mark.parametrize("value", [literals_pb2.Literal(), integer(1)])
def test_an_approval_that_is_no_boolean_is_an_error(house: House, value: literals_pb2.Literal) -> None:
    """Admin does not let it pass; whoever writes to the database could."""
    row = house.register(workflow("gated", [approve("n0", 1, "ok")], "n0"))
    with house.engine():
        execution = house.launch(row)
        give(house, execution, "ok", value)
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).code) == ("FAILED", "RuntimeExecutionError")
