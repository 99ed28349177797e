"""Recovery, through the real database and a real object directory: what succeeded once is not run again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flyteidl.admin import execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, dynamic_job_pb2, literals_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, ErrorKind, TaskRequest
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller import building
from tests.unit.propeller.building import (
    array,
    branch,
    launch_plan,
    mapped,
    run,
    several,
    subworkflow,
    task,
    workflow,
)
from tests.waiting import eventually

PYTHON = task("python", type="python-task")
OTHER = task("other", type="python-task")
TRIED = task("tried", type="python-task", retries=1)
MAKER = task("maker", type="python-task", retries=1)
MAPPED = mapped("mapped", type="python-task")

Behaviour = Callable[[TaskRequest], AttemptUpdate | None]


def breaking(house: House, broken: set[str], then: Behaviour | None = None) -> Behaviour:
    """Attempts of these nodes fail for good; all others add one."""

    def behave(request: TaskRequest) -> AttemptUpdate | None:
        if request.key.node in broken:
            return failed(request, recoverable=False)
        return then(request) if then is not None else house.scripted.echo(request, plus=1)

    return behave


def fails(house: House, execution: ExecutionId) -> None:
    assert house.wait(execution).phase == "FAILED"


def succeeds(house: House, execution: ExecutionId) -> None:
    ended = house.wait(execution)
    assert ended.phase == "SUCCEEDED", core_execution_pb2.ExecutionError.FromString(ended.error or b"")


def closure_of(house: House, execution: ExecutionId, node: str) -> node_execution_pb2.NodeExecutionClosure:
    return node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(execution)[node].closure)


def child_of(house: House, execution: ExecutionId, node: str) -> executions.Execution:
    child = closure_of(house, execution, node).workflow_node_metadata.executionId
    return house.execution(ExecutionId.from_proto(child))


def test_what_succeeded_is_not_run_again(house: House) -> None:
    broken = {"n2"}
    house.scripted.behave = breaking(house, broken)
    nodes = [run("n0", template=PYTHON), run("n1", "n0", PYTHON), run("n2", "n1", PYTHON)]
    row = house.register(workflow("chain", nodes, "n2"), [PYTHON])
    with house.engine():
        first = house.launch(row, x=1)
        fails(house, first)
        broken.clear()
        second = house.recover(first)
        succeeds(house, second)
    assert house.output(second) == 4
    assert house.ran(second) == ["n2/0"]
    assert house.phases(second) == {"n0": "RECOVERED", "n1": "RECOVERED", "n2": "SUCCEEDED"}
    recovered = closure_of(house, second, "n1")
    assert recovered.output_uri.endswith(f"{second.name}/n1/data/0/outputs.pb")
    assert recovered.HasField("started_at")
    assert house.nodes(second)["n1"].input_uri.endswith(f"{second.name}/n1/data/inputs.pb")
    assert house.objects.exists(house.nodes(second)["n1"].input_uri)
    assert house.attempts(second, "n1") == []


def test_nodes_inside_of_subworkflows_and_branches_are_recovered_one_by_one(house: House) -> None:
    broken = {"n0-0-n1", "n1-0-n1-large"}
    house.scripted.behave = breaking(house, broken)
    inner = workflow("inner", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1", fail_fast=False)
    deciding = branch(
        "n1", "start-node", [(5, run("small", "start-node", PYTHON))], run("large", "n2", PYTHON)
    )
    nodes = [subworkflow("n0", "start-node", "inner"), run("n2", template=PYTHON), deciding]
    row = house.register(workflow("outer", nodes, "n0", fail_fast=False), [PYTHON], [inner])
    with house.engine():
        first = house.launch(row, x=10)
        fails(house, first)
        broken.clear()
        second = house.recover(first)
        succeeds(house, second)
        third = house.recover(second)
        succeeds(house, third)
    assert house.ran(second) == ["n0-0-n1/0", "n1-0-n1-large/0"]
    assert house.phases(second) == {
        "n0": "SUCCEEDED",
        "n0-0-n0": "RECOVERED",
        "n0-0-n1": "SUCCEEDED",
        "n1": "SUCCEEDED",
        "n1-0-n1-small": "SKIPPED",
        "n1-0-n1-large": "SUCCEEDED",
        "n2": "RECOVERED",
    }
    # What succeeded as a whole is recovered as a whole.
    assert house.ran(third) == []
    assert house.phases(third) == {"n0": "RECOVERED", "n1": "RECOVERED", "n2": "RECOVERED"}
    assert house.output(third) == house.output(second) == 12


def test_only_the_elements_of_an_array_that_failed_run_again(house: House) -> None:
    broken = {"n0-0-n1", "n0-0-n3"}
    house.scripted.behave = breaking(house, broken)
    node = array("n0", several([10, 20, 30, 40]), MAPPED, run_all_sub_nodes=True)
    row = house.register(
        workflow("mapping", [node, run("n1", 7, PYTHON, after=["n0"])], "n1"), [MAPPED, PYTHON]
    )
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        broken.remove("n0-0-n1")
        second = house.recover(first)
        fails(house, second)
        broken.clear()
        third = house.recover(second)
        succeeds(house, third)
    assert house.ran(second) == ["n0-0-n1/0", "n0-0-n3/0"]
    assert house.ran(third) == ["n0-0-n3/0", "n1/0"]
    outputs = literals_pb2.LiteralMap.FromString(house.objects.get(closure_of(house, third, "n0").output_uri))
    values = [item.scalar.primitive.integer for item in outputs.literals["x"].collection.literals]
    assert values == [11, 21, 31, 41]
    [attempt] = house.attempts(third, "n0")
    told = task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure).metadata.external_resources
    assert {one.phase for one in told} == {core_execution_pb2.TaskExecution.SUCCEEDED}


def making(house: House, broken: set[str]) -> Behaviour:
    """The maker makes a chain of two nodes, at its second attempt."""
    made = dynamic_job_pb2.DynamicJobSpec(
        nodes=[run("dn0", 1, PYTHON), run("dn1", "dn0", PYTHON)], outputs=building.bind("dn1"), tasks=[PYTHON]
    )

    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.task_id.name != "maker":
            return house.scripted.echo(request, plus=1)
        if request.key.attempt == 0:
            return failed(request)
        house.objects.put(f"{request.output_prefix}/futures.pb", made.SerializeToString())
        return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))

    return breaking(house, broken, behave)


def test_a_dynamic_node_goes_on_with_the_workflow_that_it_made(house: House) -> None:
    """Even if the task needed a second attempt to make it: the nodes inside have other names now."""
    broken = {"n0-1-dn1"}
    house.scripted.behave = making(house, broken)
    outer = workflow("outer", [run("n0", template=MAKER), run("n1", "n0", PYTHON)], "n1")
    row = house.register(outer, [MAKER, PYTHON])
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        broken.clear()
        second = house.recover(first)
        succeeds(house, second)
        third = house.recover(second)
        succeeds(house, third)
    assert house.ran(first) == ["n0-1-dn0/0", "n0-1-dn1/0", "n0/0", "n0/1"]
    assert house.ran(second) == ["n0-0-dn1/0", "n1/0"]
    assert house.phases(second) == {
        "n0": "SUCCEEDED",
        "n0-0-dn0": "RECOVERED",
        "n0-0-dn1": "SUCCEEDED",
        "n1": "SUCCEEDED",
    }
    assert house.output(second) == 4
    assert house.attempts(second, "n0") == []
    metadata = node_execution_pb2.NodeExecutionMetaData.FromString(house.nodes(second)["n0"].metadata)
    assert (metadata.is_dynamic, metadata.is_parent_node) == (True, True)
    made = closure_of(house, second, "n0").dynamic_job_spec_uri
    assert made.endswith(f"{second.name}/n0/data/0/futures.pb")
    assert house.objects.exists(made)
    assert house.nodes(second)["n0"].dynamic_workflow
    assert house.ran(third) == []


def test_a_child_execution_that_failed_is_recovered_and_so_is_its_child(house: House) -> None:
    broken = {"n1"}
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False)
        if request.task_id.name == "other" and broken
        else house.scripted.echo(request, plus=1)
    )
    leaf = workflow("leaf", [run("n0", template=PYTHON), run("n1", "n0", OTHER)], "n1")
    house.register(leaf, [PYTHON, OTHER])
    middle = workflow("middle", [run("n0", template=PYTHON), launch_plan("n1", "n0", "leaf")], "n1")
    house.register(middle, [PYTHON], plans=["leaf"])
    house.register(workflow("good", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    nodes = [launch_plan("n0", "start-node", "good"), launch_plan("n1", "n0", "middle")]
    row = house.register(workflow("top", nodes, "n1"), plans=["good", "middle"])
    with house.engine():
        first = house.launch(row, x=1)
        fails(house, first)
        broken.clear()
        second = house.recover(first)
        succeeds(house, second)
    assert house.output(second) == 5
    assert house.phases(second) == {"n0": "RECOVERED", "n1": "SUCCEEDED"}
    # The child that succeeded is shown as it was then; the other one has a new child, which recovers the old.
    assert child_of(house, second, "n0").execution == child_of(house, first, "n0").execution
    old, new = child_of(house, first, "n1"), child_of(house, second, "n1")
    assert new.mode == execution_pb2.ExecutionMetadata.RECOVERED
    assert new.source == old.execution
    assert new.parent_node is not None
    assert new.parent_node.execution == second
    told = execution_pb2.ExecutionSpec.FromString(new.spec).metadata
    assert told.reference_execution == old.execution.to_proto()
    assert house.phases(new.execution) == {"n0": "RECOVERED", "n1": "SUCCEEDED"}
    newest = child_of(house, new.execution, "n1")
    assert newest.source == child_of(house, old.execution, "n1").execution
    assert house.ran(newest.execution) == ["n1/0"]


def test_a_child_execution_that_is_gone_is_launched_afresh(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if broken else house.scripted.echo(request)
    )
    house.register(workflow("child", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    row = house.register(
        workflow("parent", [launch_plan("n0", "start-node", "child")], "n0"), plans=["child"]
    )
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        child = child_of(house, first, "n0")
        broken = False
        with house.database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE executions SET execution_name = 'gone' WHERE id = %s", (child.id,)
            )
        house.unaudited.add("gone")
        second = house.recover(first)
        succeeds(house, second)
    assert child_of(house, second, "n0").source is None
    assert "is gone" in caplog.text


def test_a_task_that_failed_finds_the_checkpoints_of_its_last_attempt(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.key.execution.name == "e1" and request.key.attempt == 0:
            house.objects.put(f"{request.checkpoint_prefix}/_dst_cp", b"halfway")
        return failed(request)

    house.scripted.behave = behave
    row = house.register(workflow("tries", [run("n0", template=TRIED)], "n0"), [TRIED])
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        second = house.recover(first)
        fails(house, second)
        third = house.recover(second)
        fails(house, third)
    requests = {
        (key.execution.name, key.attempt): request for key, request in house.scripted.requests.items()
    }
    left = requests["e1", 0].checkpoint_prefix
    assert requests["e1", 0].previous_checkpoint_prefix == '""'
    assert requests["e1", 1].previous_checkpoint_prefix == left
    # The second attempt left none; nor did those of the second execution.
    assert requests["e2", 0].previous_checkpoint_prefix == left
    assert requests["e3", 0].previous_checkpoint_prefix == left


def test_outputs_that_are_gone_are_computed_again_and_what_follows_from_others(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    broken = {"n3"}
    plus = 1
    house.scripted.behave = breaking(house, broken, lambda request: house.scripted.echo(request, plus=plus))
    nodes = [
        run("n0", template=PYTHON),
        run("n1", "n0", PYTHON),
        run("n2", template=PYTHON),
        run("n3", "n1", PYTHON, after=["n2"]),
    ]
    row = house.register(workflow("chain", nodes, "n3"), [PYTHON])
    with house.engine():
        first = house.launch(row, x=0)
        fails(house, first)
        house.objects.delete(closure_of(house, first, "n0").output_uri)
    broken.clear()
    plus = 100
    with house.engine():  # a new one, which remembers no literals
        second = house.recover(first)
        succeeds(house, second)
    assert house.ran(second) == ["n0/0", "n1/0", "n3/0"]
    assert house.phases(second)["n2"] == "RECOVERED"
    assert house.output(second) == 300
    assert "runs node n0 again" in caplog.text
    assert "it had other inputs" in caplog.text


def test_an_aborted_execution_is_recovered(house: House) -> None:
    house.scripted.behave = lambda request: (
        None
        if request.key.node == "n1" and request.key.execution.name == "e1"
        else house.scripted.echo(request)
    )
    row = house.register(
        workflow("chain", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1"), [PYTHON]
    )
    with house.engine():
        first = house.launch(row)
        eventually(lambda: "n1/0" in house.ran(first))
        with house.database.transaction() as connection:
            executions.request_abort(connection, first, cause="enough", principal="")
        assert house.wait(first).phase == "ABORTED"
        second = house.recover(first)
        succeeds(house, second)
    assert house.ran(second) == ["n1/0"]


def test_an_attempt_that_ended_well_while_it_was_aborted_counts(house: House) -> None:
    house.scripted.behave = lambda request: (
        None
        if request.key.node == "n0" and request.key.execution.name == "e1"
        else house.scripted.echo(request)
    )
    house.scripted.abort = lambda key, reason: house.scripted.end(  # type: ignore[method-assign]
        house.scripted.echo(house.scripted.requests[key], plus=1)
    )
    row = house.register(
        workflow("chain", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1"), [PYTHON]
    )
    with house.engine():
        first = house.launch(row, x=1)
        eventually(lambda: house.ran(first))
        with house.database.transaction() as connection:
            executions.request_abort(connection, first, cause="enough", principal="")
        assert house.wait(first).phase == "ABORTED"
        second = house.recover(first)
        succeeds(house, second)
    assert house.phases(first) == {"n0": "ABORTED"}
    assert house.ran(second) == ["n1/0"]
    assert house.output(second) == 2


def test_cache_status_and_deck_stay_what_they_were(house: House) -> None:
    broken = {"n1"}
    cached = task("cached", type="python-task", cache=True)

    def behave(request: TaskRequest) -> AttemptUpdate:
        house.objects.put(f"{request.output_prefix}/deck.html", b"<p>deck</p>")
        return house.scripted.echo(request, plus=1)

    house.scripted.behave = breaking(house, broken, behave)
    row = house.register(
        workflow("chain", [run("n0", template=cached), run("n1", "n0", PYTHON)], "n1"), [cached, PYTHON]
    )
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        broken.clear()
        second = house.recover(first)
        succeeds(house, second)
    before, after = closure_of(house, first, "n0"), closure_of(house, second, "n0")
    assert after.task_node_metadata.cache_status == catalog_pb2.CACHE_POPULATED
    assert after.task_node_metadata.catalog_key == before.task_node_metadata.catalog_key
    assert after.deck_uri.endswith(f"{second.name}/n0/data/0/deck.html")
    assert house.objects.get(after.deck_uri) == b"<p>deck</p>"


def test_a_failure_node_runs_again(house: House) -> None:
    house.scripted.behave = breaking(house, {"n1"})
    nodes = [run("n0", template=PYTHON), run("n1", "n0", PYTHON)]
    row = house.register(
        workflow("cleaning", nodes, "n1", on_failure=run("fn0", "start-node", PYTHON)), [PYTHON]
    )
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        second = house.recover(first)
        fails(house, second)
    assert house.ran(second) == ["fn0/0", "n1/0"]


def test_an_engine_that_dies_in_the_middle_of_a_recovery_recovers_the_rest(house: House) -> None:
    broken = {"n1-0-n1", "n2-0-n0"}
    house.scripted.behave = breaking(house, broken)
    inner = workflow(
        "inner", [run("n0", template=PYTHON), run("n1", "n0", PYTHON), run("n2", "n1", PYTHON)], "n2"
    )
    mapping = array("n2", several([1, 2, 3]), MAPPED, after=["n1"], run_all_sub_nodes=True)
    nodes = [
        run("n0", template=PYTHON),
        subworkflow("n1", "n0", "inner"),
        mapping,
        run("n3", "n1", PYTHON, after=["n2"]),
    ]
    row = house.register(workflow("outer", nodes, "n3"), [PYTHON, MAPPED], [inner])
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        broken.remove("n1-0-n1")
        second = house.recover(first)
        fails(house, second)
    broken.clear()
    echo = house.scripted.behave
    house.scripted.behave = lambda request: None if request.key.node == "n2-0-n0" else echo(request)
    with dying_engine(house):
        third = house.recover(second)
        eventually(lambda: "n2-0-n0/0" in house.ran(third))
    with house.engine():
        eventually(lambda: house.scripted.sink is not None)
        [key] = [key for key in house.scripted.started if key.execution == third]
        house.scripted.end(house.scripted.echo(house.scripted.requests[key], plus=1))
        succeeds(house, third)
    assert house.ran(third) == ["n2-0-n0/0", "n3/0"]
    assert house.phases(third)["n1"] == "RECOVERED"


def test_system_errors_of_the_recovered_execution_cost_no_retries(house: House) -> None:
    failures = [ErrorKind.SYSTEM, ErrorKind.USER]

    def behave(request: TaskRequest) -> AttemptUpdate:
        if failures:
            return failed(request, failures.pop(0))
        return house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("one", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        second = house.recover(first)
        succeeds(house, second)
    assert house.ran(second) == ["n0/0"]


def test_a_large_output_that_is_gone_is_computed_again(house: House) -> None:
    """Its reference is there, what it refers to is not."""
    broken = {"n1"}
    large = "s3://my-s3-bucket/large"

    def offload(request: TaskRequest) -> AttemptUpdate:
        house.objects.put(large, building.integer(3).SerializeToString())
        outputs = literals_pb2.LiteralMap()
        outputs.literals["x"].hash = "digest"
        outputs.literals["x"].offloaded_metadata.uri = large
        outputs.literals["x"].offloaded_metadata.inferred_type.CopyFrom(building.INTEGER)
        house.objects.put(f"{request.output_prefix}/outputs.pb", outputs.SerializeToString())
        return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))

    house.scripted.behave = breaking(house, broken, offload)
    row = house.register(
        workflow("chain", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1"), [PYTHON]
    )
    with house.engine():
        first = house.launch(row)
        fails(house, first)
        second = house.recover(first)
        fails(house, second)
        house.objects.delete(large)
        broken.clear()
        third = house.recover(second)
        succeeds(house, third)
    assert house.ran(second) == ["n1/0"]
    assert house.ran(third) == ["n0/0", "n1/0"]
