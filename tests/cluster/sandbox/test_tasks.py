"""Workflows in pods: secrets, memory, missing images, quotas, and what is killed at a bad moment."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.sandbox import workflows
from tests.cluster.sandbox.conftest import NAMESPACE, Box
from tests.waiting import eventually

pytestmark = [pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

PODS = "flytesnacks-development"


def _pods(box: Box) -> list[dict[str, Any]]:
    return list(box.get("pods", "-n", PODS)["items"])


def _running(box: Box, fragment: str) -> str:
    """The name of a running pod of a task whose name has this in it."""
    for pod in _pods(box):
        name = str(pod["metadata"]["labels"].get("task-name", ""))
        if fragment in name and pod["status"]["phase"] == "Running":
            return str(pod["metadata"]["name"])
    return ""


def _beside(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(act()))
    thread.start()
    return thread, results


def test_a_workflow_runs_in_a_pod(box: Box) -> None:
    assert box.flyte.run(workflows.doubled, {"x": 21}).outputs["o0"] == 42


def test_a_task_gets_its_secret(box: Box) -> None:
    box.run("secret", "set", "db", "password", "--value", "open sesame")
    assert "password" in box.run("secret", "list").stdout
    assert box.flyte.run(workflows.secretive).outputs["o0"] == "open sesame"
    box.run("secret", "delete", "db", "password")
    assert "No secrets" in box.run("secret", "list").stdout


def test_a_task_that_takes_too_much_memory_is_told_so(box: Box) -> None:
    execution = box.flyte.run(workflows.hungry)
    assert execution.error is not None
    assert "OOMKilled" in execution.error.message or "OOMKilled" in execution.error.code


def test_an_image_that_is_missing_is_named_by_the_doctor_while_it_is_waited_for(box: Box) -> None:
    remote = box.flyte.remote()
    thread, results = _beside(lambda: box.flyte.run(workflows.without_image, {"x": 1}, timeout=600))
    try:
        said = eventually(
            lambda: "no-such-image" in box.run("doctor", check=False).stdout, timeout=150, interval=2
        )
        assert said
    finally:
        thread.join()
    error = results[0].error
    assert error is not None
    assert "no-such-image" in error.message
    assert remote is not None


def test_what_a_quota_has_no_room_for_waits(box: Box) -> None:
    place = ("-p", "flytesnacks", "-d", "development")
    box.run("quota", "set", *place, "--tasks", "1")
    try:
        threads = [_beside(lambda: box.flyte.run(workflows.lingering, {"seconds": 4.0})) for _ in range(3)]
        most = 0
        while any(thread.is_alive() for thread, _ in threads):
            most = max(most, sum(1 for pod in _pods(box) if pod["status"]["phase"] == "Running"))
            threads[0][0].join(0.3)
        assert [results[0].error for _, results in threads] == [None, None, None]
        assert most <= 1
    finally:
        box.run("quota", "delete", *place)


def test_a_pod_that_somebody_deletes_is_tried_again(box: Box) -> None:
    thread, results = _beside(lambda: box.flyte.run(workflows.lingering, {"seconds": 15.0}))
    pod = eventually(lambda: _running(box, "linger"), timeout=90, interval=0.2)
    box.kubectl("delete", "pod", pod, "-n", PODS, "--grace-period=0", "--force")
    thread.join()
    assert results[0].error is None
    assert results[0].outputs["o0"] != pod


@pytest.mark.parametrize("component", ["flytepropeller", "flyteadmin", "postgres"])
def test_a_component_that_is_killed_loses_nothing(box: Box, component: str) -> None:
    thread, results = _beside(lambda: box.flyte.run(workflows.lingering, {"seconds": 15.0}))
    pod = eventually(lambda: _running(box, "linger"), timeout=90, interval=0.2)
    selector = f"app.kubernetes.io/name={component}"
    box.kubectl("delete", "pod", "-n", NAMESPACE, "-l", selector, "--grace-period=0", "--force")
    thread.join()
    assert results[0].error is None
    assert results[0].outputs["o0"] == pod  # the pod went on meanwhile
    eventually(lambda: box.status()["healthy"], timeout=180, interval=1)


def test_the_nodes_container_killed_and_started_again_keeps_everything(box: Box) -> None:
    before = box.flyte.run(workflows.doubled, {"x": 2})
    subprocess.run(["docker", "kill", box.container], check=True, capture_output=True)
    assert "stopped" in box.run("status", check=False).stdout
    box.run("start", "--no-client-config", "--no-kubeconfig")
    again = box.flyte.remote().fetch_execution(name=before.id.name)
    assert again.closure.outputs is not None
    assert box.flyte.run(workflows.doubled, {"x": 3}).outputs["o0"] == 6


def test_a_stop_and_a_start_keep_executions_and_images(box: Box) -> None:
    before = box.flyte.run(workflows.doubled, {"x": 5})
    images = {image["tag"] for image in box.status()["images"]}
    box.run("stop")
    box.run("start", "--no-client-config", "--no-kubeconfig")
    assert {image["tag"] for image in box.status()["images"]} == images
    assert box.flyte.remote().fetch_execution(name=before.id.name).id.name == before.id.name
    assert box.flyte.run(workflows.doubled, {"x": 6}).outputs["o0"] == 12


def test_a_paused_sandbox_goes_on_where_it_was(box: Box) -> None:
    box.run("pause")
    assert "paused" in box.run("status", check=False).stdout
    box.run("resume")
    eventually(lambda: box.status()["healthy"], timeout=120, interval=1)
    assert box.flyte.run(workflows.doubled, {"x": 7}).outputs["o0"] == 14
