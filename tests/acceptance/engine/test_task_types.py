"""Pods, shell scripts, SQL, echoes and old map tasks: registered and run with the unmodified SDK."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import minio
import pytest
from flyteidl.core import catalog_pb2, execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.acceptance.engine.test_workflows import output
from tests.sandboxes import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.task_types.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.task_types.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def test_the_primary_container_of_a_pod_runs_with_its_environment(remote: FlyteRemote) -> None:
    assert output(run(remote, "pod", name="Ada"), str) == "Ada in a pod"


def test_a_pod_with_more_containers_names_the_profiles_that_can(remote: FlyteRemote) -> None:
    execution = run(remote, "pod_with_company")
    assert execution.closure.phase == Phase.FAILED
    assert "proxy" in execution.error.message
    assert "--profile demo" in execution.error.message


def test_a_shell_task_reads_and_writes_files(remote: FlyteRemote) -> None:
    assert output(run(remote, "shell", n=7), int) == 7


def test_a_shell_task_fails_with_what_the_script_said(remote: FlyteRemote) -> None:
    execution = run(remote, "shell_failure")
    assert execution.closure.phase == Phase.FAILED
    assert "return-code 3" in execution.error.message
    assert "this goes wrong" in execution.error.message


def test_a_query_reads_a_sqlite_database(remote: FlyteRemote, sandbox: Sandbox, tmp_path: Path) -> None:
    database = tmp_path / "planets.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE planets (name TEXT, moons INTEGER)")
    connection.executemany("INSERT INTO planets VALUES (?, ?)", [("Earth", 1), ("Venus", 0), ("Mars", 2)])
    connection.commit()
    connection.close()
    endpoint = sandbox.status()["endpoints"]["object_store"].removeprefix("http://")
    store = minio.Minio(endpoint, "minio", "miniostorage", secure=False)
    store.fput_object("my-s3-bucket", "task-types/planets.sqlite", str(database))
    assert output(run(remote, "sql", least=1), list[str]) == ["Earth", "Mars"]


def test_an_echo_between_tasks_passes_its_input_on(remote: FlyteRemote) -> None:
    assert output(run(remote, "echoed", x=3), int) == 12


def test_an_old_map_task_runs_every_element(remote: FlyteRemote) -> None:
    execution = run(remote, "old_map", xs=[2, 4, 6])
    assert output(execution, list[int]) == [1, 2, 3]
    node = remote.sync_execution(execution, sync_nodes=True).node_executions["n0"]
    assert not node.metadata.is_array
    assert node.outputs["o0"] == [1, 2, 3]
    [attempt] = node.task_executions
    assert [resource.index for resource in attempt.closure.metadata.external_resources] == [0, 1, 2]
    assert run(remote, "old_map", xs=[2, 5]).closure.phase == Phase.FAILED


def test_an_old_map_task_may_lose_elements(remote: FlyteRemote) -> None:
    execution = run(remote, "old_tolerant_map", xs=[2, 5, 6])
    assert output(execution, list[int | None]) == [1, None, 3]


def test_an_old_map_task_caches_each_element(remote: FlyteRemote) -> None:
    assert output(run(remote, "old_cached_map", xs=[1, 2]), list[str]) == ["number 1", "number 2"]
    second = run(remote, "old_cached_map", xs=[2, 3])
    assert output(second, list[str]) == ["number 2", "number 3"]
    node = remote.sync_execution(second, sync_nodes=True).node_executions["n0"]
    [attempt] = node.task_executions
    statuses = [resource.cache_status for resource in attempt.closure.metadata.external_resources]
    assert statuses == [catalog_pb2.CACHE_HIT, catalog_pb2.CACHE_POPULATED]
