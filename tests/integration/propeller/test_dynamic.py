"""Tasks that make workflows, through the real database, compiler and object directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flyteidl.admin import node_execution_pb2
from flyteidl.core import dynamic_job_pb2, execution_pb2, tasks_pb2, workflow_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller import building
from tests.unit.propeller.building import branch, launch_plan, run, subworkflow, task, workflow
from tests.waiting import eventually

MAKER = task("maker", type="python-task")
INNER_MAKER = task("inner-maker", type="python-task")
PYTHON = task("python", type="python-task")
Phase = execution_pb2.NodeExecution.Phase


def spec(
    nodes: Sequence[workflow_pb2.Node],
    result: str,
    tasks: Sequence[tasks_pb2.TaskTemplate] = (PYTHON,),
    subworkflows: Sequence[workflow_pb2.WorkflowTemplate] = (),
) -> dynamic_job_pb2.DynamicJobSpec:
    return dynamic_job_pb2.DynamicJobSpec(
        nodes=nodes, outputs=building.bind(result), tasks=tasks, subworkflows=subworkflows
    )


def making(
    house: House, made: dict[str, dynamic_job_pb2.DynamicJobSpec | bytes]
) -> Callable[[TaskRequest], AttemptUpdate | None]:
    """Attempts of these tasks make these workflows; all others add one."""

    def behave(request: TaskRequest) -> AttemptUpdate:
        what = made.get(request.task_id.name)
        if what is None:
            return house.scripted.echo(request, plus=1)
        data = what if isinstance(what, bytes) else what.SerializeToString()
        house.objects.put(f"{request.output_prefix}/futures.pb", data)
        return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))

    return behave


def register(house: House, maker: tasks_pb2.TaskTemplate = MAKER) -> int:
    """A workflow whose first node makes another one; the second adds one to what comes of it."""
    outer = workflow("outer", [run("n0", template=maker), run("n1", "n0", PYTHON)], "n1")
    return house.register(outer, [maker, PYTHON])


def metadata(house: House, row: executions.Execution, node: str) -> node_execution_pb2.NodeExecutionMetaData:
    found = house.nodes(row.execution)[node].metadata
    return node_execution_pb2.NodeExecutionMetaData.FromString(found)


def test_what_a_task_made_runs_inside_of_its_node(house: House) -> None:
    inner = workflow("in", [run("n0", template=PYTHON)], "n0")
    decision = branch("dn2", "dn1", [(5, run("small", "dn1", PYTHON))], run("large", "dn1", PYTHON))
    made = spec([run("dn0", 1, PYTHON), subworkflow("dn1", "dn0", "in"), decision], "dn2", [PYTHON], [inner])
    house.scripted.behave = making(house, {"maker": made})
    row = register(house)
    with house.engine():
        execution = house.launch(row, x=100)
        ended = house.wait(execution)
    assert ended.phase == "SUCCEEDED"
    assert house.output(execution) == 5
    nodes = house.nodes(execution)
    assert {name for name in nodes if nodes[name].parent_node == "n0"} >= {"n0-0-dn0", "n0-0-dn1", "n0-0-dn2"}
    told = metadata(house, ended, "n0")
    assert told.is_dynamic
    assert told.is_parent_node
    inside = metadata(house, ended, "n0-0-dn0")
    assert (inside.spec_node_id, inside.retry_group, inside.is_parent_node) == ("dn0", "0", False)
    shown = node_execution_pb2.DynamicWorkflowNodeMetadata.FromString(nodes["n0"].dynamic_workflow or b"")
    assert shown.compiled_workflow.primary.template.id.name == "dynamic_n0"
    assert shown.id == shown.compiled_workflow.primary.template.id
    assert shown.dynamic_job_spec_uri.endswith("/n0/data/0/futures.pb")
    closure = node_execution_pb2.NodeExecutionClosure.FromString(nodes["n0"].closure)
    assert closure.output_uri.endswith("/n0/data/0/outputs.pb")
    assert house.objects.exists(closure.output_uri)
    [attempt] = house.attempts(execution, "n0")
    assert attempt.phase == "SUCCEEDED"
    assert attempt.is_parent


def test_a_dynamic_task_inside_of_a_dynamic_task(house: House) -> None:
    outer = spec([run("dn0", 1, INNER_MAKER), run("dn1", "dn0", PYTHON)], "dn1", [INNER_MAKER, PYTHON])
    house.scripted.behave = making(
        house, {"maker": outer, "inner-maker": spec([run("dn0", 10, PYTHON)], "dn0")}
    )
    row = register(house)
    with house.engine():
        execution = house.launch(row, max_parallelism=1)
        ended = house.wait(execution)
    assert ended.phase == "SUCCEEDED"
    assert house.output(execution) == 13
    assert metadata(house, ended, "n0-0-dn0").is_dynamic
    assert house.nodes(execution)["n0-0-dn0-0-dn0"].parent_node == "n0-0-dn0"


def test_a_dynamic_workflow_uses_what_is_registered(house: House) -> None:
    """A launch plan, and a child execution of it."""
    house.register(workflow("child", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    house.scripted.behave = making(house, {"maker": spec([launch_plan("dn0", 20, "child")], "dn0", [])})
    row = register(house)
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 22
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(execution)["n0-0-dn0"].closure)
    assert closure.workflow_node_metadata.executionId.name


def test_outputs_that_lie_there_already_do_not_hide_what_the_task_made(house: House) -> None:
    """An engine may have died after the end node wrote them and before anything was stored."""
    ends_well = making(house, {"maker": spec([run("dn0", 1, PYTHON)], "dn0")})

    def behave(request: TaskRequest) -> AttemptUpdate | None:
        if request.task_id.name == "maker":
            house.scripted.echo(request)
        return ends_well(request)

    house.scripted.behave = behave
    row = register(house)
    with house.engine():
        execution = house.launch(row, x=50)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 3


def test_the_right_to_compute_what_is_cached_lasts_until_the_whole_is_done(house: House) -> None:
    maker = task("maker", type="python-task", cache=True, serialise=True)
    ends_well = making(house, {"maker": spec([run("dn0", 1, PYTHON)], "dn0")})
    house.scripted.behave = lambda request: None if request.task_id.name == "python" else ends_well(request)
    row = register(house, maker)
    with dying_engine(house):
        house.launch(row)
        eventually(lambda: len(house.scripted.started) == 2)
    with house.engine() as engine:
        eventually(lambda: len(engine._core.holdings.reservations()) == 1)
        house.scripted.behave = ends_well
        inner = house.scripted.started[1]
        house.scripted.end(house.scripted.echo(house.scripted.requests[inner]))
        eventually(lambda: not engine._core.holdings.reservations())


def test_a_workflow_that_does_not_compile_fails_the_node_for_good(house: House) -> None:
    row = register(house, task("maker", type="python-task", retries=3))
    for bad, told in (
        (spec([run("dn0", "nowhere", PYTHON)], "dn0"), "nowhere"),
        (spec([run("dn0", 1, PYTHON)], "dn0", []), "python"),
        (spec([launch_plan("dn0", 1, "missing")], "dn0"), "missing"),
        (b"\xff\xff", "DynamicJobSpec"),
    ):
        house.scripted.behave = making(house, {"maker": bad})
        with house.engine():
            execution = house.launch(row)
            ended = house.wait(execution)
        assert ended.phase == "FAILED"
        error = execution_pb2.ExecutionError.FromString(ended.error or b"")
        assert error.code == "DynamicWorkflowBuildFailed"
        assert told in error.message
        assert len(house.attempts(execution, "n0")) == 1


def test_a_failure_inside_is_the_nodes_and_is_not_retried(house: House) -> None:
    maker = task("maker", type="python-task", retries=3)
    ends_well = making(house, {"maker": spec([run("dn0", 1, PYTHON)], "dn0")})
    house.scripted.behave = lambda request: (
        failed(request) if request.task_id.name == "python" else ends_well(request)
    )
    row = register(house, maker)
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert ended.phase == "FAILED"
    error = execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert error.code == "RetriesExhausted|Boom"
    assert len(house.attempts(execution, "n0")) == 1
    assert {name: node.phase for name, node in house.nodes(execution).items()}["n0"] == "FAILED"


def test_the_outputs_of_the_whole_are_cached(house: House) -> None:
    maker = task("maker", type="python-task", cache=True, serialise=True)
    house.scripted.behave = making(house, {"maker": spec([run("dn0", 1, PYTHON)], "dn0")})
    row = register(house, maker)
    statuses = []
    with house.engine():
        for _ in range(2):
            execution = house.launch(row, x=77)
            assert house.wait(execution).phase == "SUCCEEDED"
            assert house.output(execution) == 3
            statuses.append(house.nodes(execution)["n0"].cache_status)
    assert statuses == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [key.node for key in house.scripted.started].count("n0-0-dn0") == 1


def test_an_abort_ends_what_runs_inside(house: House) -> None:
    ends_well = making(house, {"maker": spec([run("dn0", 1, PYTHON)], "dn0")})
    house.scripted.behave = lambda request: None if request.task_id.name == "python" else ends_well(request)
    row = register(house)
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 2)
        assert eventually(lambda: house.nodes(execution)["n0"].phase == "DYNAMIC_RUNNING")
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="me")
        assert house.wait(execution).phase == "ABORTED"
    assert [key.node for key in house.scripted.aborted] == ["n0-0-dn0"]
    phases = {name: node.phase for name, node in house.nodes(execution).items()}
    assert phases["n0"] == phases["n0-0-dn0"] == "ABORTED"


def test_a_restarted_engine_goes_on_inside_and_starts_nothing_twice(house: House) -> None:
    made = spec([run("dn0", 1, PYTHON), run("dn1", "dn0", PYTHON)], "dn1")
    ends_well = making(house, {"maker": made})
    house.scripted.behave = lambda request: None if request.task_id.name == "python" else ends_well(request)
    row = register(house)
    with dying_engine(house):
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 2)
    inner = house.scripted.started[1]
    assert inner.node == "n0-0-dn0"
    house.scripted.end(house.scripted.echo(house.scripted.requests[inner], plus=1))
    house.scripted.behave = ends_well
    with house.engine():
        assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(execution) == 4
    assert len(house.scripted.started) == len(set(house.scripted.started)) == 4
    assert house.nodes(execution)["n0"].dynamic_workflow
