"""Every kind of node, through the real database and a real object directory."""

from __future__ import annotations

from flyteidl.admin import node_execution_pb2
from flyteidl.core import execution_pb2

from tests.integration.propeller.house import House
from tests.unit.propeller.building import branch, launch_plan, run, subworkflow, task, workflow

PYTHON = task("python", type="python-task")


def test_a_chain_of_tasks_hands_its_values_on(house: House) -> None:
    house.scripted.behave = lambda request: house.scripted.echo(request, plus=1)
    nodes = [run("n0", "start-node", PYTHON), run("n1", "n0", PYTHON), run("n2", "n1", PYTHON)]
    row = house.register(workflow("chain", nodes, "n2"), [PYTHON])
    with house.engine():
        execution = house.launch(row, x=1)
        ended = house.wait(execution)
    assert ended.phase == "SUCCEEDED"
    assert house.output(execution) == 4
    assert ended.duration is not None
    assert ended.duration < 5
    nodes_seen = house.nodes(execution)
    assert {name: node.phase for name, node in nodes_seen.items()} == {
        "start-node": "SUCCEEDED",
        "n0": "SUCCEEDED",
        "n1": "SUCCEEDED",
        "n2": "SUCCEEDED",
    }
    closure = node_execution_pb2.NodeExecutionClosure.FromString(nodes_seen["n1"].closure)
    assert closure.output_uri.endswith(
        f"propeller/flytesnacks-development-{execution.name}/n1/data/0/outputs.pb"
    )
    [attempt] = house.attempts(execution, "n1")
    assert attempt.phase == "SUCCEEDED"
    assert attempt.task.name == "python"


def test_a_subworkflow_runs_inside_its_node(house: House) -> None:
    inner = workflow("inner", [run("n0"), run("n1", "n0")], "n1")
    outer = workflow("outer", [run("n0"), subworkflow("n1", "n0", "inner"), run("n2", "n1")], "n2")
    row = house.register(outer, subworkflows=[inner])
    with house.engine():
        execution = house.launch(row, x=7)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 7
    nodes = house.nodes(execution)
    assert set(nodes) == {"start-node", "n0", "n1", "n2", "n1-0-start-node", "n1-0-n0", "n1-0-n1"}
    assert nodes["n1-0-n1"].parent_node == "n1"
    metadata = node_execution_pb2.NodeExecutionMetaData.FromString(nodes["n1"].metadata)
    assert metadata.is_parent_node
    inside = node_execution_pb2.NodeExecutionMetaData.FromString(nodes["n1-0-n1"].metadata)
    assert (inside.spec_node_id, inside.retry_group) == ("n1", "0")


def test_a_branch_takes_the_first_case_that_applies(house: House) -> None:
    decision = branch("n0", "start-node", [(5, run("small")), (10, run("middle"))], run("large"))
    row = house.register(workflow("deciding", [decision, run("n1", "n0")], "n1"))
    with house.engine():
        executions = {x: house.launch(row, x=x) for x in (1, 7, 20)}
        assert {house.wait(execution).phase for execution in executions.values()} == {"SUCCEEDED"}
    assert {x: house.output(execution) for x, execution in executions.items()} == {1: 1, 7: 7, 20: 20}
    phases = {node.split("-")[-1]: row.phase for node, row in house.nodes(executions[7]).items()}
    assert phases["middle"] == "SUCCEEDED"
    assert phases["small"] == phases["large"] == "SKIPPED"


def test_a_branch_without_a_case_fails_with_the_users_words(house: House) -> None:
    decision = branch("n0", "start-node", [(5, run("small"))], "x is too large")
    row = house.register(workflow("refusing", [decision], "n0"))
    with house.engine():
        ended = house.wait(house.launch(row, x=6))
    assert ended.phase == "FAILED"
    error = execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (error.code, error.message) == ("UserProvidedError", "x is too large")
    assert error.kind == execution_pb2.ExecutionError.USER


def test_a_launch_plan_node_waits_for_its_child(house: House) -> None:
    house.register(workflow("child", [run("n0")], "n0"))
    parent = workflow("parent", [launch_plan("n0", "start-node", "child"), run("n1", "n0")], "n1")
    row = house.register(parent, plans=["child"])
    with house.engine():
        execution = house.launch(row, x=3)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 3
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(execution)["n0"].closure)
    child = house.execution(execution.from_proto(closure.workflow_node_metadata.executionId))
    assert child.phase == "SUCCEEDED"
    assert child.parent_node is not None
    assert child.parent_node.node == "n0"


def test_a_failing_child_fails_its_node(house: House) -> None:
    decision = branch("n0", "start-node", [(5, run("small"))], "no")
    house.register(workflow("child", [decision], "n0"))
    row = house.register(
        workflow("parent", [launch_plan("n0", "start-node", "child")], "n0"), plans=["child"]
    )
    with house.engine():
        ended = house.wait(house.launch(row, x=6))
    assert (ended.phase, execution_pb2.ExecutionError.FromString(ended.error or b"").message) == (
        "FAILED",
        "no",
    )
