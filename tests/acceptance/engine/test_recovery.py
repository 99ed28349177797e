"""Recovery through the unmodified SDK: a tree of everything fails in many places and goes on from there."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import execution_pb2 as admin_pb2
from flyteidl.core import execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import DOMAIN, PROJECT, Client, Sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution
NodePhase = execution_pb2.NodeExecution
LEAVES = ["inner", "case", "made", "grandchild"]
TOTAL = 12 + 11 + 12 + 6 + 13


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A file that names what is broken."""
    path = tmp_path / "broken"
    path.touch()
    return path


def launch(remote: FlyteRemote, workflow: str, **inputs: Any) -> FlyteWorkflowExecution:
    plan = remote.fetch_launch_plan(name=f"workflows.recovery.{workflow}", version=VERSION)
    given = {name: str(value) if isinstance(value, Path) else value for name, value in inputs.items()}
    return remote.execute(plan, inputs=given)


def wait(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> FlyteWorkflowExecution:
    return remote.wait(execution, timeout=timedelta(seconds=120), poll_interval=timedelta(milliseconds=50))


def recover(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> FlyteWorkflowExecution:
    """As `pyflyte execution recover` does, to the end."""
    made = remote.client.recover_execution(execution.id)
    return wait(remote, remote.fetch_execution(name=made.name))


def ran(journal: Path) -> Counter[str]:
    return Counter(journal.read_text().splitlines())


def test_a_tree_goes_on_from_where_it_failed(
    remote: FlyteRemote, journal: Path, broken: Path, client: Client
) -> None:
    broken.write_text(" ".join([*LEAVES, "element-1"]))
    first = wait(remote, launch(remote, "tree", broken=broken, journal=journal))
    assert first.closure.phase == Phase.FAILED
    before = ran(journal)
    assert {name: before[f"fragile {name}"] for name in LEAVES} == dict.fromkeys(LEAVES, 1)

    broken.write_text("made element-2 grandchild")
    second = recover(remote, first)
    assert second.closure.phase == Phase.FAILED
    assert ran(journal) - before == Counter(
        ["fragile inner", "fragile case", "fragile made", "fragile grandchild", "element 1", "element 2"]
    )

    broken.write_text("")
    before = ran(journal)
    third = recover(remote, second)
    assert third.closure.phase == Phase.SUCCEEDED, third.error
    assert third.outputs.get("o0", as_type=int) == TOTAL
    assert ran(journal) - before == Counter(["fragile made", "fragile grandchild", "element 2", "element 3"])
    assert third.spec.metadata.mode == admin_pb2.ExecutionMetadata.RECOVERED
    told = client.get(third.id.to_flyte_idl()).spec.metadata
    assert told.reference_execution.name == second.id.name

    synced = remote.sync_execution(third, sync_nodes=True)
    nodes = synced.node_executions
    phases = Counter(node.closure.phase for name, node in nodes.items() if name != "start-node")
    assert phases[NodePhase.RECOVERED] == 3  # the first task, the subworkflow, the branch
    dynamic = next(node for node in nodes.values() if node.metadata.is_dynamic)
    inside = Counter(node.closure.phase for node in dynamic.subworkflow_node_executions.values())
    assert inside[NodePhase.RECOVERED] == 1
    launched = next(node for node in nodes.values() if node.workflow_executions)
    [child] = launched.workflow_executions
    assert child.spec.metadata.mode == admin_pb2.ExecutionMetadata.RECOVERED


def test_a_task_counts_on_from_its_checkpoint(remote: FlyteRemote, journal: Path, broken: Path) -> None:
    broken.write_text("counting")
    first = wait(remote, launch(remote, "counting", broken=broken, journal=journal))
    assert first.closure.phase == Phase.FAILED
    broken.write_text("")
    assert recover(remote, first).closure.phase == Phase.SUCCEEDED
    assert ran(journal) == Counter([f"count {number}" for number in range(10)])


def test_pyflyte_recovers(sandbox: Sandbox, remote: FlyteRemote, journal: Path, broken: Path) -> None:
    broken.write_text("inner")
    first = wait(remote, launch(remote, "inner", x=0, broken=broken, journal=journal))
    broken.write_text("")
    options = ("-p", PROJECT, "-d", DOMAIN, "--execution-id", first.id.name)
    said = sandbox.pyflyte("execution", *options, "recover").stdout
    assert "Launched execution" in said
    eventually(lambda: ran(journal)["fragile inner"] == 2, 30)
    assert ran(journal)["sound inner"] == 1
