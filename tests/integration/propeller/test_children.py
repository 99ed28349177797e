"""Child executions, several levels deep, through the real database and a real object directory."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, matchable_resource_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, security_pb2

from sandbox.idl.identifiers import EntityId, ExecutionId
from sandbox.store import executions, launch_plans
from tests.integration.propeller.house import House, failed
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller import building
from tests.unit.propeller.building import launch_plan, run, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")


def family(house: House) -> int:
    """A workflow whose child has a child, which runs a task; its row id."""
    house.register(workflow("leaf", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    house.register(workflow("middle", [launch_plan("n0", "start-node", "leaf")], "n0"), plans=["leaf"])
    top = workflow("top", [launch_plan("n0", "start-node", "middle")], "n0")
    return house.register(top, plans=["middle"])


def child_of(house: House, execution: ExecutionId, node: str = "n0") -> executions.Execution:
    with house.database.reading() as connection:
        [child] = executions.children(connection, house.nodes(execution)[node].id)
    return child


def abort(house: House, execution: ExecutionId, cause: str) -> None:
    with house.database.transaction() as connection:
        assert executions.request_abort(connection, execution, cause=cause, principal="me")


def register_plan(house: House, name: str, **spec: Any) -> None:
    """Another launch plan of the workflow `leaf`."""
    with house.database.transaction() as connection:
        leaf = launch_plans.get(
            connection, EntityId.from_proto(building.identifier(identifier_pb2.LAUNCH_PLAN, "leaf"))
        )
        launch_plans.create(
            connection,
            EntityId.from_proto(building.identifier(identifier_pb2.LAUNCH_PLAN, name)),
            digest=b"",
            spec=launch_plan_pb2.LaunchPlanSpec(
                workflow_id=building.identifier(identifier_pb2.WORKFLOW, "leaf"), **spec
            ).SerializeToString(),
            closure=building.plan_closure().SerializeToString(),
            workflow_id=leaf.workflow_id,
        )


def test_an_abort_reaches_the_last_of_the_children(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = family(house)
    with house.engine():
        top = house.launch(row)
        eventually(lambda: house.scripted.started)
        abort(house, top, "enough")
        assert house.wait(top).phase == "ABORTED"
    middle = child_of(house, top)
    leaf = child_of(house, middle.execution)
    assert (middle.phase, leaf.phase) == ("ABORTED", "ABORTED")
    assert middle.abort_cause == (
        f"cascading abort as parent execution id [{top.name}] aborted, reason [enough]"
    )
    assert leaf.abort_cause == (
        f"cascading abort as parent execution id [{middle.execution.name}] aborted, "
        f"reason [{middle.abort_cause}]"
    )
    assert [key.execution for key in house.scripted.aborted] == [leaf.execution]


def test_the_error_of_the_last_of_the_children_is_the_firsts(house: House) -> None:
    house.scripted.behave = lambda request: failed(request, recoverable=False)
    row = family(house)
    with house.engine():
        ended = house.wait(house.launch(row))
    error = core_execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (error.code, error.message, error.kind) == (
        "Boom",
        "it went boom",
        core_execution_pb2.ExecutionError.USER,
    )


def test_a_child_that_someone_aborts_fails_its_node(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = family(house)
    with house.engine():
        top = house.launch(row)
        eventually(lambda: house.scripted.started)
        abort(house, child_of(house, top).execution, "by hand")
        ended = house.wait(top)
    error = core_execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (ended.phase, error.code) == ("FAILED", "RemoteChildWorkflowExecutionFailed")
    assert "by hand" in error.message


def test_children_go_on_while_their_parents_engine_is_dead(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = family(house)
    with dying_engine(house):
        top = house.launch(row)
        eventually(lambda: house.scripted.started)
    [key] = house.scripted.started
    house.scripted.end(house.scripted.echo(house.scripted.requests[key], plus=1))
    with dying_engine(house):
        eventually(lambda: child_of(house, top).terminal, 15)
    with house.engine():
        assert house.wait(top).phase == "SUCCEEDED"
    assert house.output(top) == 2
    assert house.scripted.started == [key]


def test_a_child_inherits_how_it_is_to_run(house: House) -> None:
    house.register(workflow("leaf", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    register_plan(
        house,
        "configured",
        labels=common_pb2.Labels(values={"of": "plan", "plan": "yes"}),
        security_context=security_pb2.SecurityContext(run_as=security_pb2.Identity(iam_role="plans")),
        max_parallelism=7,
    )
    row = house.register(
        workflow("top", [launch_plan("n0", "start-node", "configured")], "n0"), plans=["configured"]
    )
    with house.engine():
        top = house.launch(
            row,
            max_parallelism=3,
            labels=common_pb2.Labels(values={"of": "parent"}),
            annotations=common_pb2.Annotations(values={"note": "parent's"}),
            execution_cluster_label=matchable_resource_pb2.ExecutionClusterLabel(value="here"),
            overwrite_cache=True,
        )
        assert house.wait(top).phase == "SUCCEEDED"
    child = child_of(house, top)
    spec = execution_pb2.ExecutionSpec.FromString(child.spec)
    assert dict(spec.labels.values) == {"of": "parent", "plan": "yes"}
    assert dict(child.tags) == dict(spec.labels.values)
    assert spec.annotations.values["note"] == "parent's"
    assert spec.security_context.run_as.iam_role == "plans"
    assert (spec.max_parallelism, spec.execution_cluster_label.value, spec.overwrite_cache) == (
        3,
        "here",
        True,
    )
    assert spec.metadata.nesting == 1


@pytest.mark.parametrize("missing", ["plan", "input"])
def test_a_child_that_can_not_be_launched_fails_its_node(house: House, missing: str) -> None:
    house.register(workflow("leaf", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    row = house.register(workflow("top", [launch_plan("n0", "start-node", "leaf")], "n0"), plans=["leaf"])
    with house.database.transaction() as connection:
        if missing == "plan":
            connection.exec_driver_sql("UPDATE launch_plans SET name = 'gone' WHERE name = 'leaf'")
        else:
            expected = launch_plan_pb2.LaunchPlanClosure()
            expected.expected_inputs.parameters["y"].required = True
            expected.expected_inputs.parameters["y"].var.type.CopyFrom(building.INTEGER)
            connection.exec_driver_sql(
                "UPDATE launch_plans SET closure = %s WHERE name = 'leaf'", (expected.SerializeToString(),)
            )
    with house.engine():
        ended = house.wait(house.launch(row))
    error = core_execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (ended.phase, error.code) == ("FAILED", "RuntimeExecutionError")
    assert error.kind == core_execution_pb2.ExecutionError.USER
    assert "leaf" in error.message
