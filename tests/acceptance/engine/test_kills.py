"""Any process may die by SIGKILL at any instant; `sandbox start` afterwards makes everything good."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flyteidl.admin import common_pb2, node_execution_pb2
from flyteidl.admin import execution_pb2 as admin_pb2
from flyteidl.core import execution_pb2, literals_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import histories
from tests.acceptance.engine.conftest import VERSION, registered
from tests.sandboxes import Client, ExecutionProto, Sandbox
from tests.waiting import eventually

TASKS = 50
PLAN = "workflows.basics.fifty_slow_tasks"
EXPECTED = sum(range(25)) + 2 * 25  # every number went through two increments


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of this module's own: it is going to be hurt."""
    with registered(tmp_path_factory.mktemp("victim"), "kill-tests") as sandbox:
        yield sandbox


def _inputs(journal: Path) -> literals_pb2.LiteralMap:
    def scalar(primitive: literals_pb2.Primitive) -> literals_pb2.Literal:
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))

    return literals_pb2.LiteralMap(
        literals={
            "seconds": scalar(literals_pb2.Primitive(float_value=0.3)),
            "journal": scalar(literals_pb2.Primitive(string_value=str(journal))),
        }
    )


def _lines(journal: Path, word: str) -> list[str]:
    return [line for line in journal.read_text().splitlines() if line.startswith(word)]


@pytest.mark.parametrize("component", ["control-plane", "postgres", "object-store", "supervisor"])
def test_a_run_of_fifty_tasks_survives_the_kill_of_one_component(
    victim: Sandbox, tmp_path: Path, component: str
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    client = Client(victim.status()["endpoints"]["target"])
    execution = client.create_execution(PLAN, VERSION, _inputs(journal))
    eventually(lambda: len(_lines(journal, "end")) >= 8, timeout=60)

    victim.kill(component)
    client.close()
    victim.start()

    client = Client(victim.status()["endpoints"]["target"])
    found = client.wait(execution, timeout=120, interval=0.1)
    assert found.closure.phase == execution_pb2.WorkflowExecution.SUCCEEDED, found.closure.error
    assert client.outputs(execution)["o0"].scalar.primitive.integer == EXPECTED
    assert _every_task_ran_once(journal)
    assert _phases(client, execution) == {execution_pb2.NodeExecution.SUCCEEDED: TASKS + 2}
    client.close()


def test_nested_dynamic_tasks_survive_the_kill_of_the_control_plane_twice(
    victim: Sandbox, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    client = Client(victim.status()["endpoints"]["target"])
    execution = client.create_execution("workflows.dynamics.slow_squares", VERSION, _inputs(journal))
    for ended in (2, 8):
        eventually(lambda least=ended: len(_lines(journal, "end")) >= least, timeout=60)
        victim.kill("control-plane")
        client.close()
        victim.start()
        client = Client(victim.status()["endpoints"]["target"])
    found = client.wait(execution, timeout=120, interval=0.1)
    assert found.closure.phase == execution_pb2.WorkflowExecution.SUCCEEDED, found.closure.error
    assert client.outputs(execution)["o0"].scalar.primitive.integer == sum(x * x for x in range(20))
    assert _every_task_ran_once(journal, 20)
    client.close()


def test_a_recovery_survives_the_kill_of_the_control_plane(victim: Sandbox, tmp_path: Path) -> None:
    """Nested dynamic tasks are aborted, recovered, and recovered again: what came to its end runs once."""
    journal = tmp_path / "journal"
    journal.touch()
    client = Client(victim.status()["endpoints"]["target"])
    first = client.create_execution("workflows.dynamics.slow_squares", VERSION, _inputs(journal))
    eventually(lambda: len(_lines(journal, "end")) >= 4, timeout=60)
    client.admin.TerminateExecution(admin_pb2.ExecutionTerminateRequest(id=first, cause="enough"))
    assert client.wait(first, timeout=60).closure.phase == execution_pb2.WorkflowExecution.ABORTED
    ended, started = len(_lines(journal, "end")), len(_lines(journal, "start"))
    second = client.admin.RecoverExecution(admin_pb2.ExecutionRecoverRequest(id=first)).id
    eventually(lambda: len(_lines(journal, "end")) >= ended + 3, timeout=60)
    victim.kill("control-plane")
    client.close()
    victim.start()
    client = Client(victim.status()["endpoints"]["target"])
    found = client.wait(second, timeout=120, interval=0.1)
    assert found.closure.phase == execution_pb2.WorkflowExecution.SUCCEEDED, found.closure.error
    assert client.outputs(second)["o0"].scalar.primitive.integer == sum(x * x for x in range(20))
    again = len(_lines(journal, "start")) - started
    assert again == 20 - _done(victim, first)
    client.close()


def _done(sandbox: Sandbox, execution: ExecutionProto) -> int:
    """How many of the slow tasks came to their end in an execution that was aborted."""
    with sandbox.archive() as archive:
        state = histories.fold(archive.history(ExecutionId.from_proto(execution)))
    tasks = [node for node in state.nodes if node.spec.task and "slow_square" in node.spec.task.id.name]
    return sum(node.attempts[-1].outputs for node in tasks if node.attempts)


def _every_task_ran_once(journal: Path, tasks: int = TASKS) -> bool:
    assert len(_lines(journal, "start")) == len(_lines(journal, "end")) == tasks
    assert len({line.split()[-1] for line in _lines(journal, "start")}) == tasks  # one process each
    return True


def _phases(client: Client, execution: ExecutionProto) -> Counter[int]:
    """How many nodes are in which phase; the start node and the summing one are among them."""
    request = node_execution_pb2.NodeExecutionListRequest(
        workflow_execution_id=execution,
        limit=200,
        sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING),
    )
    return Counter(node.closure.phase for node in client.admin.ListNodeExecutions(request).node_executions)


def test_two_starts_at_once_leave_one_healthy_sandbox(victim: Sandbox) -> None:
    victim.run("stop", "--name", victim.name)
    command = [
        sys.executable,
        "-m",
        "sandbox.cli",
        "start",
        "--name",
        victim.name,
        "--profile",
        "embedded",
    ]
    both = [
        subprocess.Popen(command, env=victim.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    status = victim.status()
    assert status["healthy"]
    assert len({component["pid"] for component in status["components"]}) == len(status["components"])
