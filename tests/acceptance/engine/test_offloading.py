"""Large values through the unmodified SDK, in a sandbox that keeps them in files of their own."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flyteidl.admin import node_execution_pb2
from flyteidl.core import execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
KIB = 1500
SIZE = KIB * 1024


@pytest.fixture(scope="module")
def ended(remote: FlyteRemote) -> dict[str, FlyteWorkflowExecution]:
    """All workflows of `large.py`, run side by side."""
    given: dict[str, dict[str, Any]] = {
        "passed": {"kib": KIB},
        "reached": {"kib": KIB},
        "mapped": {"kib": KIB},
        "compared": {"kib": KIB},
        "cached": {"kib": KIB, "salt": uuid.uuid4().hex},
    }
    begun = {}
    for name, inputs in given.items():
        plan = remote.fetch_launch_plan(name=f"workflows.large.{name}", version=VERSION)
        begun[name] = remote.execute(plan, inputs=inputs)
    patience = timedelta(seconds=180)
    waited = {
        name: remote.sync(remote.wait(one, patience, timedelta(milliseconds=200)), sync_nodes=True)
        for name, one in begun.items()
    }
    for name, execution in waited.items():
        assert execution.closure.phase == Phase.SUCCEEDED, (name, execution.error)
    return waited


def outputs(execution: FlyteWorkflowExecution, *kinds: Any) -> tuple[Any, ...]:
    return tuple(execution.outputs.get(f"o{n}", as_type=kind) for n, kind in enumerate(kinds))


def test_a_large_value_goes_through_every_kind_of_node(ended: dict[str, FlyteWorkflowExecution]) -> None:
    *sizes, large = outputs(ended["passed"], int, int, int, int, int, str)
    assert sizes == [SIZE] * 5
    assert large == "x" * SIZE


def test_an_answer_holds_a_large_value_only_if_it_has_room(
    ended: dict[str, FlyteWorkflowExecution], client: Client
) -> None:
    execution = ended["passed"]
    assert client.outputs(execution.id.to_flyte_idl())["o5"].scalar.primitive.string_value == "x" * SIZE
    rows = [row for row in ended["mapped"].node_executions.values() if row.task_executions]
    sizes = []
    for row in rows:
        request = node_execution_pb2.NodeExecutionGetDataRequest(id=row.id.to_flyte_idl())
        given = client.admin.GetNodeExecutionData(request).full_outputs.literals["o0"]
        sizes.append(given.offloaded_metadata.size_bytes)
    assert [size > 3 * SIZE for size in sizes].count(True) == 1, sizes


def test_a_promise_reaches_into_a_large_value(ended: dict[str, FlyteWorkflowExecution]) -> None:
    assert outputs(ended["reached"], str, str, int) == ("said short", "said ada", SIZE)


def test_a_large_list_is_mapped_over_and_a_map_gives_one(ended: dict[str, FlyteWorkflowExecution]) -> None:
    over, again, one = outputs(ended["mapped"], list[int], list[int], int)
    assert over == [SIZE + 1] * 3
    assert again == [SIZE, SIZE, 1024]
    assert one == SIZE


def test_a_condition_compares_a_large_value(ended: dict[str, FlyteWorkflowExecution]) -> None:
    assert outputs(ended["compared"], str) == ("said long",)


def test_equal_large_values_are_one_to_the_cache(ended: dict[str, FlyteWorkflowExecution]) -> None:
    first, second = outputs(ended["cached"], str, str)
    assert first == second
