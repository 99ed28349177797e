"""Failure nodes through the unmodified SDK: they run when their workflow fails, and are told why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flyteidl.core import execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution
NodePhase = execution_pb2.NodeExecution


def run(remote: FlyteRemote, workflow: str, b: int, journal: Path) -> FlyteWorkflowExecution:
    """Execute `workflows.failure_nodes.WORKFLOW` to its end, with its nodes."""
    plan = remote.fetch_launch_plan(name=f"workflows.failure_nodes.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs={"b": b, "journal": str(journal)})
    ended = remote.wait(execution, timeout=timedelta(seconds=120), poll_interval=timedelta(milliseconds=50))
    return remote.sync_execution(ended, sync_nodes=True)


def test_a_failure_node_is_told_what_failed_and_where(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned", 0, journal)
    assert execution.closure.phase == Phase.FAILED
    assert "ZeroDivisionError" in execution.error.message
    [line] = journal.read_text().splitlines()
    assert line.startswith("clean up 0: n1: ")
    assert "division" in line
    assert execution.node_executions["fn0"].closure.phase == NodePhase.SUCCEEDED
    assert len(execution.node_executions["fn0"].task_executions) == 1


def test_a_failure_node_of_what_succeeds_is_not_run(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned", 2, journal)
    assert execution.closure.phase == Phase.SUCCEEDED
    assert "fn0" not in execution.node_executions
    assert journal.read_text() == ""


def test_the_failure_of_a_failure_node_masks_the_first(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned_badly", 0, journal)
    assert execution.closure.phase == Phase.FAILED
    assert "cleaning up made it worse" in execution.error.message
    assert execution.node_executions["fn0"].closure.phase == NodePhase.FAILED


def test_a_workflow_may_be_the_failure_node(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned_by_workflow", 0, journal)
    assert execution.closure.phase == Phase.FAILED
    assert "ZeroDivisionError" in execution.error.message
    told, untold = sorted(journal.read_text().splitlines())
    assert told.startswith("clean up 0: n0: ")
    assert untold == "clean up 0: no error"


def test_failure_nodes_run_inside_first_and_then_outside(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned_inside_and_outside", 0, journal)
    assert execution.closure.phase == Phase.FAILED
    start, inside, outside = journal.read_text().splitlines()
    assert start == "start"
    assert inside.startswith("clean up 0: n1: ")
    assert outside.startswith("clean up 0: n1: ")  # the subworkflow's node
    inner = execution.node_executions["n1"].subworkflow_node_executions
    assert inner["n1-0-fn0"].closure.phase == NodePhase.SUCCEEDED


def test_a_parent_is_told_of_its_childs_failure(remote: FlyteRemote, journal: Path) -> None:
    execution = run(remote, "cleaned_child", 0, journal)
    assert execution.closure.phase == Phase.FAILED
    in_child, in_parent = journal.read_text().splitlines()
    assert in_child.startswith("clean up 0: n1: ")
    assert in_parent.startswith("clean up 0: n0: ")
    assert "division" in in_parent
