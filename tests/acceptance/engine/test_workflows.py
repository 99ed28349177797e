"""What a Flyte user sees: workflows registered and run with the unmodified SDK."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import task_execution_pb2
from flyteidl.core import catalog_pb2, execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
NodePhase = execution_pb2.NodeExecution.Phase
Cache = catalog_pb2.CatalogCacheStatus


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.basics.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.basics.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def output(execution: FlyteWorkflowExecution, kind: type[Any]) -> Any:
    """The single output, after a success."""
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    return execution.outputs.get("o0", as_type=kind)


def test_a_workflow_with_a_default_input_says_hello(remote: FlyteRemote) -> None:
    assert output(run(remote, "hello"), str) == "Hello, world!"
    assert output(run(remote, "hello", name="Ada"), str) == "Hello, Ada!"


def test_a_chain_passes_values_from_task_to_task(remote: FlyteRemote) -> None:
    assert output(run(remote, "chain_of_20", x=1), int) == 21


def test_a_hundred_tasks_side_by_side_all_count(remote: FlyteRemote) -> None:
    assert output(run(remote, "fan_out_of_100", x=1), int) == 200


def test_nested_subworkflows_are_shown_as_parents_with_children(remote: FlyteRemote) -> None:
    execution = run(remote, "nested", x=1)
    assert output(execution, int) == 5
    synced = remote.sync_execution(execution, sync_nodes=True)
    parents = [node for node in synced.node_executions.values() if node.metadata.is_parent_node]
    assert len(parents) == 2
    for parent in parents:
        children = parent.subworkflow_node_executions
        assert {node.closure.phase for node in children.values()} == {NodePhase.SUCCEEDED}
        assert len([node for node in children.values() if node.task_executions]) == 2


@pytest.mark.parametrize(("x", "expected"), [(3, "small 3"), (12, "large 14")])
def test_a_condition_takes_the_right_case(remote: FlyteRemote, x: int, expected: str) -> None:
    assert output(run(remote, "branching", x=x), str) == expected


def test_a_condition_without_a_case_fails_with_the_users_words(remote: FlyteRemote) -> None:
    execution = run(remote, "branching", x=-1)
    assert execution.closure.phase == Phase.FAILED
    assert "x must be positive" in execution.error.message


def test_a_launch_plan_node_runs_a_child_execution_with_fixed_inputs(remote: FlyteRemote) -> None:
    execution = run(remote, "launching")
    assert output(execution, int) == 43
    synced = remote.sync_execution(execution, sync_nodes=True)
    (child,) = [
        node.closure.workflow_node_metadata.execution_id
        for node in synced.node_executions.values()
        if node.closure.workflow_node_metadata is not None
    ]
    assert remote.fetch_execution(name=child.name).closure.phase == Phase.SUCCEEDED


def test_a_named_launch_plan_brings_its_own_defaults(remote: FlyteRemote) -> None:
    plan = remote.fetch_launch_plan(name="basics.hello_plan", version=VERSION)
    execution = remote.wait(
        remote.execute(plan, inputs={}),
        poll_interval=timedelta(milliseconds=50),
        timeout=timedelta(seconds=60),
    )
    assert output(execution, str) == "Hello, launch plan!"


def test_a_recoverable_error_is_tried_again_until_it_works(remote: FlyteRemote, journal: Path) -> None:
    assert output(run(remote, "retrying", attempt=2, journal=str(journal)), int) == 2
    assert journal.read_text().split("\n")[:-1] == ["attempt 0", "attempt 1", "attempt 2"]


def test_exhausted_retries_say_so_with_the_last_error(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "retrying", attempt=9, journal=str(journal))
    assert execution.closure.phase == Phase.FAILED
    assert execution.error.code.startswith("RetriesExhausted|")
    assert "not yet: 2 of 9" in execution.error.message
    assert len(journal.read_text().splitlines()) == 3


def test_a_failure_carries_the_users_traceback(remote: FlyteRemote) -> None:
    execution = run(remote, "failing")
    assert execution.closure.phase == Phase.FAILED
    assert "ZeroDivisionError" in execution.error.message
    assert "return a / b" in execution.error.message


def test_a_cached_task_is_computed_once(remote: FlyteRemote, journal: Path) -> None:
    x = uuid.uuid4().int % 1_000_000
    first = run(remote, "caching", x=x, journal=str(journal))
    second = run(remote, "caching", x=x, journal=str(journal))
    assert output(first, int) == output(second, int) == x * x + 1
    assert journal.read_text().splitlines() == [f"computed {x}"]
    statuses = [_cache_statuses(remote, execution) for execution in (first, second)]
    assert Cache.CACHE_POPULATED in statuses[0]
    assert Cache.CACHE_HIT in statuses[1]


def _cache_statuses(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> set[int]:
    synced = remote.sync_execution(execution, sync_nodes=True)
    return {
        node.closure.task_node_metadata.cache_status
        for node in synced.node_executions.values()
        if node.closure.task_node_metadata is not None
    }


def test_data_classes_enums_files_and_directories_travel(remote: FlyteRemote) -> None:
    found = output(run(remote, "types", colour="red", corners=3), dict[str, str])
    assert found == {"copy.txt": "red 3 4.5 None"}


def test_a_local_file_goes_up_as_an_input(remote: FlyteRemote, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear sandbox")
    assert output(run(remote, "file_input", file=str(path)), str) == "dear sandbox"


def test_a_lone_task_can_be_executed(remote: FlyteRemote) -> None:
    task = remote.fetch_task(name="workflows.basics.increment", version=VERSION)
    execution = remote.wait(
        remote.execute(task, inputs={"x": 41}),
        poll_interval=timedelta(milliseconds=50),
        timeout=timedelta(seconds=60),
    )
    assert output(execution, int) == 42


def test_peak_memory_over_the_limit_is_said_and_not_punished(remote: FlyteRemote, client: Client) -> None:
    execution = run(remote, "memory", megabytes=400)
    assert output(execution, int) == 400_000_000
    node = remote.sync_execution(execution, sync_nodes=True).node_executions["n0"]
    # By the stubs: the SDK's own model of a task execution leaves the reasons out.
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id.to_flyte_idl(), limit=10)
    (attempt,) = client.admin.ListTaskExecutions(request).task_executions
    said = [attempt.closure.reason, *(reason.message for reason in attempt.closure.reasons)]
    assert any("of 200 MiB: a cluster would kill this" in reason for reason in said), said


def test_a_deck_is_kept_and_can_be_fetched(remote: FlyteRemote) -> None:
    execution = run(remote, "deck")
    assert output(execution, str) == "done"
    synced = remote.sync_execution(execution, sync_nodes=True)
    (uri,) = [node.closure.deck_uri for node in synced.node_executions.values() if node.closure.deck_uri]
    assert uri.endswith("deck.html")
