"""Failure nodes, through the real database and a real object directory: what they are told, what they run."""

from __future__ import annotations

import pytest
from flyteidl.core import execution_pb2, interface_pb2, literals_pb2, types_pb2, workflow_pb2

from sandbox.executors.api import AttemptUpdate, TaskRequest
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.unit.propeller import building
from tests.unit.propeller.building import branch, launch_plan, run, subworkflow, task, workflow
from tests.waiting import eventually

ERROR = types_pb2.LiteralType(simple=types_pb2.ERROR, structure=types_pb2.TypeStructure(tag="FlyteError"))
NONE = types_pb2.LiteralType(simple=types_pb2.NONE, structure=types_pb2.TypeStructure(tag="none"))
OPTIONAL = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[ERROR, NONE]))
TOLD = interface_pb2.VariableMap(
    variables={
        "x": interface_pb2.Variable(type=building.INTEGER),
        "err": interface_pb2.Variable(type=OPTIONAL),
    }
)
PYTHON = task("python", type="python-task")
BAD = task("bad", type="python-task")
CLEANER = task(
    "cleaner", type="python-task", interface=interface_pb2.TypedInterface(inputs=TOLD, outputs=building.ONE)
)


def nothing() -> literals_pb2.Binding:
    """`err` bound to None, as flytekit binds it."""
    void = literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))
    scalar = literals_pb2.Scalar(union=literals_pb2.Union(value=void, type=NONE))
    return literals_pb2.Binding(var="err", binding=literals_pb2.BindingData(scalar=scalar))


def cleaning(node: workflow_pb2.Node | None = None) -> workflow_pb2.Node:
    """A failure node that wants to know."""
    node = node or run("fn0", "start-node", CLEANER)
    node.inputs.append(nothing())
    return node


def failing(house: House) -> None:
    """Whatever runs the bad task fails, everything else adds one."""

    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.task_id.name == "bad":
            return failed(request, recoverable=False)
        return house.scripted.echo(request, plus=1)

    house.scripted.behave = behave


def told(house: House, execution: ExecutionId, node: str = "fn0") -> tuple[str, str]:
    """The failed node and the message that the attempt of a failure node was told."""
    [request] = [
        request
        for key, request in house.scripted.requests.items()
        if (key.execution, key.node) == (execution, node)
    ]
    union = request.inputs.literals["err"].scalar.union
    assert union.type == ERROR
    error = union.value.scalar.error
    return error.failed_node_id, error.message


def error_of(ended: executions.Execution) -> execution_pb2.ExecutionError:
    return execution_pb2.ExecutionError.FromString(ended.error or b"")


def test_a_failure_node_is_told_which_node_failed_and_how(house: House) -> None:
    failing(house)
    nodes = [run("n0", template=PYTHON), run("n1", "n0", BAD)]
    row = house.register(workflow("outer", nodes, "n1", on_failure=cleaning()), [PYTHON, BAD, CLEANER])
    with house.engine():
        ended = house.wait(house.launch(row))
    assert (ended.phase, error_of(ended).message) == ("FAILED", "it went boom")
    assert told(house, ended.execution) == ("n1", "it went boom")
    assert house.phases(ended.execution) == {"n0": "SUCCEEDED", "n1": "FAILED", "fn0": "SUCCEEDED"}


def test_the_case_of_a_branch_that_failed_is_named(house: House) -> None:
    failing(house)
    decision = branch("n0", "start-node", [(5, run("small", "start-node", BAD))], run("large"))
    row = house.register(workflow("outer", [decision], "n0", on_failure=cleaning()), [BAD, CLEANER])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert told(house, ended.execution) == ("n0-small", "it went boom")


def test_inside_and_outside_each_failure_node_is_told_of_its_own_workflows_node(house: House) -> None:
    failing(house)
    inner = workflow("inner", [run("n0", template=PYTHON), run("n1", "n0", BAD)], "n1", on_failure=cleaning())
    nodes = [run("n0", template=PYTHON), run("n1", "n0", PYTHON), subworkflow("n2", "n1", "inner")]
    outer = workflow("outer", nodes, "n2", on_failure=cleaning())
    row = house.register(outer, [PYTHON, BAD, CLEANER], [inner])
    with house.engine():
        ended = house.wait(house.launch(row))
    assert told(house, ended.execution, "n2-0-fn0") == ("n1", "it went boom")
    assert told(house, ended.execution) == ("n2", "it went boom")


def test_the_last_of_several_failures_is_told(house: House) -> None:
    failing(house)
    nodes = [run("n0", template=BAD), run("n1", "start-node", PYTHON), run("n2", "n1", BAD)]
    row = house.register(
        workflow("outer", nodes, "n2", on_failure=cleaning(), fail_fast=False), [PYTHON, BAD, CLEANER]
    )
    with house.engine():
        ended = house.wait(house.launch(row))
    assert told(house, ended.execution)[0] == "n2"


def test_a_failure_node_may_launch_a_plan_and_what_it_gives_is_ignored(house: House) -> None:
    failing(house)
    house.register(workflow("child", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    node = launch_plan("fn0", "start-node", "child")
    row = house.register(
        workflow("outer", [run("n0", template=BAD)], "n0", on_failure=node), [BAD], plans=["child"]
    )
    with house.engine():
        ended = house.wait(house.launch(row, x=5))
    assert (ended.phase, ended.outputs_uri) == ("FAILED", "")
    assert house.phases(ended.execution)["fn0"] == "SUCCEEDED"
    with house.database.reading() as connection:
        [child] = executions.children(connection, house.nodes(ended.execution)["fn0"].id)
    assert house.output(child.execution) == 6


@pytest.mark.parametrize("during", ["the workflow", "its failure node"])
def test_whoever_aborts_wants_no_failure_node_run(house: House, during: str) -> None:
    waiting = "n0" if during == "the workflow" else "fn0"
    house.scripted.behave = lambda request: (
        None if request.key.node == waiting else failed(request, recoverable=False)
    )
    row = house.register(
        workflow("outer", [run("n0", template=PYTHON)], "n0", on_failure=cleaning()), [PYTHON, CLEANER]
    )
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: f"{waiting}/0" in house.ran(execution))
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="")
        ended = house.wait(execution)
    assert (ended.phase, ended.abort_cause) == ("ABORTED", "enough")
    assert house.phases(execution)[waiting] == "ABORTED"
    assert ("fn0" in house.phases(execution)) == (waiting == "fn0")
