"""Executions that eager tasks start: aborted with the execution that started them, and found by its name."""

from __future__ import annotations

import grpc
import pytest
from flyteidl.admin import common_pb2, execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.refusals import refused
from tests.integration.admin.test_executions import get, listed

Phase = core_execution_pb2.WorkflowExecution


@pytest.fixture(autouse=True)
def started(admin: Admin) -> None:
    """`eager` started `child` and `inner`, which is eager itself and started `grandchild`."""
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateWorkflow(builders.workflow())
    admin.admin.CreateLaunchPlan(builders.launch_plan())
    admin.admin.CreateExecution(builders.execution("eager"))
    for name, starter in {"child": "eager", "inner": "eager", "grandchild": "inner"}.items():
        start(admin, name, starter)
    admin.admin.CreateExecution(builders.execution("bystander"))


def start(admin: Admin, name: str, starter: str) -> None:
    """As the SDK does inside of an eager task."""
    request = builders.execution(name)
    request.spec.labels.values.update({"eager-exec": starter, "eager-root-exec": "eager"})
    admin.admin.CreateExecution(request)


def terminate(admin: Admin, name: str) -> None:
    identifier = builders.execution_id(name)
    admin.admin.TerminateExecution(execution_pb2.ExecutionTerminateRequest(id=identifier, cause="enough"))


def test_what_an_eager_execution_started_is_found_as_the_sdks_cleanup_looks_for_it(admin: Admin) -> None:
    filters = "value_in(execution_tag.key,eager-exec)+value_in(execution_tag.value,eager)"
    living = filters + "+value_in(phase,UNDEFINED;QUEUED;RUNNING)"
    sort = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
    assert listed(admin, living, sort_by=sort) == ["inner", "child"]


def test_a_single_task_that_an_eager_execution_started_is_found_too(admin: Admin) -> None:
    request = builders.execution("lone")
    request.spec.launch_plan.CopyFrom(builders.task_id())
    request.spec.labels.values.update({"eager-exec": "eager"})
    admin.admin.CreateExecution(request)
    filters = "value_in(execution_tag.key,eager-exec)+value_in(execution_tag.value,eager)"
    assert "lone" in listed(admin, filters)


def test_an_abort_takes_along_what_was_started(admin: Admin) -> None:
    terminate(admin, "eager")
    ended = {name: get(admin, name).closure for name in ("eager", "child", "inner", "grandchild")}
    assert {closure.phase for closure in ended.values()} == {Phase.ABORTING}
    assert ended["eager"].abort_metadata.cause == "enough"
    assert "eager execution id [eager] aborted, reason [enough]" in ended["child"].abort_metadata.cause
    assert "eager execution id [inner]" in ended["grandchild"].abort_metadata.cause
    assert get(admin, "bystander").closure.phase == Phase.UNDEFINED


def test_an_abort_of_what_was_started_leaves_the_starter_and_its_other_children(admin: Admin) -> None:
    terminate(admin, "inner")
    assert get(admin, "grandchild").closure.phase == Phase.ABORTING
    for name in ("eager", "child"):
        assert get(admin, name).closure.phase == Phase.UNDEFINED


def test_an_aborted_eager_execution_starts_nothing_more(admin: Admin) -> None:
    terminate(admin, "eager")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "eager", "is being aborted"):
        start(admin, "late", "eager")


def test_an_eager_task_outside_of_the_sandbox_may_start_executions(admin: Admin) -> None:
    start(admin, "local", "no-execution-of-this-name")
    assert get(admin, "local").closure.phase == Phase.UNDEFINED


def test_a_relaunch_stands_by_itself(admin: Admin) -> None:
    terminate(admin, "eager")
    again = execution_pb2.ExecutionRelaunchRequest(id=builders.execution_id("child"), name="again")
    admin.admin.RelaunchExecution(again)
    relaunched = get(admin, "again")
    assert relaunched.closure.phase == Phase.UNDEFINED
    assert "eager-exec" not in relaunched.spec.labels.values
