"""`map_task` as a Flyte user sees it: registered and run with the unmodified SDK."""

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
from tests.acceptance.engine.test_workflows import output
from tests.sandboxes import Client

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
Cache = catalog_pb2.CatalogCacheStatus


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.maps.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.maps.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def elements(remote: FlyteRemote, client: Client, execution: FlyteWorkflowExecution) -> Any:
    """What the one task execution of the array node tells of its elements."""
    synced = remote.sync_execution(execution, sync_nodes=True)
    [node] = [node for node in synced.node_executions.values() if node.metadata.is_array]
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id.to_flyte_idl(), limit=10)
    [attempt] = client.admin.ListTaskExecutions(request).task_executions
    return attempt.closure.metadata.external_resources


def test_a_map_task_maps_and_its_elements_are_told_of(remote: FlyteRemote, client: Client) -> None:
    execution = run(remote, "sum_of_squares", n=20)
    assert output(execution, int) == sum(x * x for x in range(20))
    told = elements(remote, client, execution)
    assert [one.index for one in told] == list(range(20))
    assert {one.phase for one in told} == {execution_pb2.TaskExecution.SUCCEEDED}
    assert all(len(one.logs) == 1 and one.logs[0].name.endswith(f"-{one.index}") for one in told)
    synced = remote.sync_execution(execution, sync_nodes=True)
    [node] = [node for node in synced.node_executions.values() if node.metadata.is_array]
    assert node.inputs["x"] == list(range(20))
    assert node.outputs["o0"] == [x * x for x in range(20)]


def test_partial_inputs_are_the_same_for_all_elements(remote: FlyteRemote) -> None:
    execution = run(remote, "scaled", xs=[1, 2, 3, 4, 5], factor=10)
    assert output(execution, list[str]) == ["item 10", "item 20", "item 30", "item 40", "item 50"]


def test_an_empty_list_maps_to_an_empty_list(remote: FlyteRemote) -> None:
    assert output(run(remote, "sum_of_squares", n=0), int) == 0


def test_several_lists_go_side_by_side_and_must_be_equally_long(remote: FlyteRemote) -> None:
    assert output(run(remote, "differences", xs=[5, 7], ys=[1, 2]), list[int]) == [4, 5]
    refused = run(remote, "differences", xs=[5, 7], ys=[1])
    assert refused.closure.phase == Phase.FAILED
    assert refused.error.code == "InvalidArrayLength"


def test_failed_elements_are_none_where_enough_succeed(remote: FlyteRemote) -> None:
    assert output(run(remote, "tolerant", n=6), str) == "0 - 2 - 4 -"


def test_one_failed_element_fails_the_map_with_its_traceback(remote: FlyteRemote) -> None:
    execution = run(remote, "strict", n=2)
    assert execution.closure.phase == Phase.FAILED
    assert "[1]: " in execution.error.message
    assert "1 is odd" in execution.error.message


def test_each_element_is_tried_again_by_itself(remote: FlyteRemote, client: Client, journal: Path) -> None:
    execution = run(remote, "retried", n=3, journal=str(journal))
    assert output(execution, int) == 3
    assert sorted(journal.read_text().splitlines()) == [
        "0 attempt 0",
        "1 attempt 0",
        "1 attempt 1",
        "2 attempt 0",
        "2 attempt 1",
        "2 attempt 2",
    ]
    assert [one.retry_attempt for one in elements(remote, client, execution)] == [0, 1, 2]


def test_elements_are_remembered_one_by_one(remote: FlyteRemote, client: Client, journal: Path) -> None:
    start = uuid.uuid4().int % 1_000_000
    first = run(remote, "cached", xs=[start, start + 1], journal=str(journal))
    second = run(remote, "cached", xs=[start + 2, start + 1], journal=str(journal))
    assert output(first, list[int]) == [start + 1, start + 2]
    assert output(second, list[int]) == [start + 3, start + 2]
    assert sorted(journal.read_text().splitlines()) == [f"computed {start + i}" for i in range(3)]
    statuses = [one.cache_status for one in elements(remote, client, second)]
    assert statuses == [Cache.CACHE_POPULATED, Cache.CACHE_HIT]
