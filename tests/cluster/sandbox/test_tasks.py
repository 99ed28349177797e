"""Workflows in pods: secrets, memory, missing images, quotas, and what is killed at a bad moment."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from flytekit.exceptions.system import FlyteSystemUnavailableException
from flytekit.remote import FlyteWorkflowExecution

from tests.boxes import NAMESPACE, Box
from tests.cluster.sandbox import workflows
from tests.waiting import eventually

pytestmark = [pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

PODS = "flytesnacks-development"


def _pods(box: Box) -> list[dict[str, Any]]:
    return list(box.get("pods", "-n", PODS)["items"])


def _quotas(box: Box) -> list[str | None]:
    """How many pods each quota of the namespace allows."""
    found = box.get("resourcequotas", "-n", PODS)["items"]
    return [quota["spec"].get("hard", {}).get("pods") for quota in found]


def _lingering(box: Box, seconds: float) -> tuple[str, str]:
    """A workflow whose task takes so long: the names of its execution and of the task's pod, which runs."""
    name = box.flyte.launch(workflows.lingering, {"seconds": seconds}).id.name
    return name, eventually(lambda: _running(box, name), timeout=90, interval=0.2)


def _running(box: Box, execution: str) -> str:
    """The name of a running pod of an execution."""
    for pod in _pods(box):
        if pod["metadata"]["labels"].get("execution-id") == execution and pod["status"]["phase"] == "Running":
            return str(pod["metadata"]["name"])
    return ""


def _finished(box: Box, name: str) -> FlyteWorkflowExecution:
    """An execution at its end; meanwhile the control plane may be away."""
    remote = box.flyte.remote()

    def ended() -> bool:
        try:
            return remote.fetch_execution(name=name).is_done
        except FlyteSystemUnavailableException:
            return False

    eventually(ended, timeout=300, interval=0.5)
    return remote.wait(remote.fetch_execution(name=name))


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
    name = box.flyte.launch(workflows.without_image, {"x": 1}).id.name
    assert eventually(
        lambda: "no-such-image" in box.run("doctor", check=False).stdout, timeout=150, interval=2
    )
    error = _finished(box, name).error
    assert error is not None
    assert "no-such-image" in error.message


def test_what_a_quota_has_no_room_for_waits(box: Box) -> None:
    place = ("-p", "flytesnacks", "-d", "development")
    box.run("quota", "set", *place, "--tasks", "1")
    try:
        eventually(lambda: _quotas(box) == ["1"], timeout=30, interval=0.2)
        names = [box.flyte.launch(workflows.lingering, {"seconds": 4.0}).id.name for _ in range(3)]
        counts: list[int] = []
        remote = box.flyte.remote()

        def all_ended() -> bool:
            counts.append(sum(1 for pod in _pods(box) if pod["status"]["phase"] == "Running"))
            return all(remote.fetch_execution(name=name).is_done for name in names)

        eventually(all_ended, timeout=200, interval=0.3)
        assert [_finished(box, name).error for name in names] == [None, None, None]
        assert max(counts) == 1
    finally:
        box.run("quota", "delete", *place)
    eventually(lambda: _quotas(box) == [None], timeout=30, interval=0.2)


def test_a_pod_that_somebody_deletes_is_tried_again(box: Box) -> None:
    name, pod = _lingering(box, 15.0)
    box.kubectl("delete", "pod", pod, "-n", PODS, "--grace-period=0", "--force")
    ended = _finished(box, name)
    assert ended.error is None
    assert ended.outputs["o0"] != pod


@pytest.mark.parametrize("component", ["flytepropeller", "flyteadmin", "postgres"])
def test_a_component_that_is_killed_loses_nothing(box: Box, component: str) -> None:
    name, pod = _lingering(box, 15.0)
    selector = f"app.kubernetes.io/name={component}"
    box.kubectl("delete", "pod", "-n", NAMESPACE, "-l", selector, "--grace-period=0", "--force")
    ended = _finished(box, name)
    assert ended.error is None
    assert ended.outputs["o0"] == pod  # the pod went on meanwhile
    eventually(lambda: box.status()["healthy"], timeout=180, interval=1)


def test_the_nodes_container_killed_and_started_again_keeps_everything(box: Box) -> None:
    before = box.flyte.run(workflows.doubled, {"x": 2})
    meanwhile, _ = _lingering(box, 15.0)
    subprocess.run(["docker", "kill", box.container], check=True, capture_output=True)
    assert "stopped" in box.run("status", check=False).stdout
    box.run("start", "--no-client-config", "--no-kubeconfig")
    again = box.flyte.remote().fetch_execution(name=before.id.name)
    assert again.closure.outputs is not None
    assert _finished(box, meanwhile).error is None
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
