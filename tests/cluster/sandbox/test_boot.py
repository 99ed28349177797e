"""What runs after a boot, and what the commands say about it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from kubernetes.client import CoreV1Api

from sandbox.testing import commands
from tests.boxes import NAMESPACE, Box
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(1800)

COMPONENTS = (
    "postgres",
    "minio",
    "flyteadmin",
    "flytepropeller",
    "datacatalog",
    "flyteconsole",
    "flyte-pod-webhook",
    "syncresources",
    "flytescheduler",
)


def test_every_component_runs_in_a_pod_of_its_own_and_none_was_restarted(box: Box) -> None:
    pods = box.get("pods", "-n", NAMESPACE)["items"]
    lasting = [pod for pod in pods if pod["status"]["phase"] != "Succeeded"]
    names = {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in lasting}
    assert names >= set(COMPONENTS)
    for pod in lasting:
        assert pod["status"]["phase"] == "Running", pod["metadata"]["name"]
        restarts = [one["restartCount"] for one in pod["status"]["containerStatuses"]]
        assert restarts == [0] * len(restarts), pod["metadata"]["name"]


def test_no_pod_of_the_control_plane_is_privileged_or_root(box: Box) -> None:
    for pod in box.get("pods", "-n", NAMESPACE)["items"]:
        for one in pod["spec"]["containers"]:
            security = {**(pod["spec"].get("securityContext") or {}), **(one.get("securityContext") or {})}
            assert security.get("runAsNonRoot") is True, pod["metadata"]["name"]
            assert not security.get("privileged")


def test_a_test_of_a_user_sees_the_cluster_by_the_kubernetes_library(box: Box) -> None:
    postgres = "app.kubernetes.io/name=postgres"
    with box.flyte.kubernetes() as cluster:
        found = CoreV1Api(cluster).list_namespaced_pod(NAMESPACE, label_selector=postgres)
    assert [pod.metadata.name for pod in found.items] == ["postgres-0"]


def test_status_tells_pods_images_memory_and_volume(box: Box) -> None:
    status = box.status()
    assert status["healthy"]
    assert {pod["component"] for pod in status["pods"]} >= set(COMPONENTS)
    assert status["memory"] > 200 * 2**20
    assert status["disk"] > 100 * 2**20
    assert any(image["tag"].startswith("flyte-sandbox/control-plane:") for image in status["images"])
    text = box.run("status").stdout
    assert "flyteadmin" in text
    assert "healthy" in text


def test_a_second_start_verifies_and_changes_nothing(box: Box) -> None:
    before = {pod["metadata"]["name"] for pod in box.get("pods", "-n", NAMESPACE)["items"]}
    said = box.run("start", "--no-client-config", "--no-kubeconfig").stdout
    assert "was running, and is ready" in said
    assert {pod["metadata"]["name"] for pod in box.get("pods", "-n", NAMESPACE)["items"]} >= before


def test_logs_of_components_are_shown(box: Box) -> None:
    assert box.run("logs", "flyteadmin").stdout.strip()
    assert "==> flytepropeller <==" in box.run("logs").stdout
    assert "ready" in box.run("logs", "node").stdout
    assert "no-such-thing" in box.run("logs", "no-such-thing", check=False).stderr


def test_commands_run_in_the_node_in_the_mounted_source(box: Box) -> None:
    assert box.run("exec", "--", "cat", "Dockerfile").stdout == (box.source / "Dockerfile").read_text()
    assert box.run("exec", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    assert "no command 'pyflyte' in the node" in box.run("exec", "--", "pyflyte", check=False).stderr


def test_a_project_gets_its_namespaces_within_seconds(box: Box) -> None:
    words = ("create", "project", "--id", "newcomers", "--sandbox", box.flyte.name)
    commands.run(*words, environ=commands.environ(None))
    wanted = {f"newcomers-{domain}" for domain in ("development", "staging", "production")}
    eventually(
        lambda: wanted <= {one["metadata"]["name"] for one in box.get("namespaces")["items"]}, timeout=60
    )


def test_the_doctor_finds_nothing_bad(box: Box) -> None:
    done = box.run("doctor", check=False)
    assert done.returncode == 0, done.stdout


def test_a_bundle_holds_what_support_needs_and_no_secrets(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    box.run("bundle", "-o", str(path))
    with tarfile.open(path) as tar:
        names = tar.getnames()
        texts = [tar.extractfile(name).read() for name in names]  # type: ignore[union-attr]
    assert any("/logs/flyte/flyteadmin" in name for name in names)
    assert any(name.endswith("objects/events.json") for name in names)
    assert not any(b"miniostorage" in text for text in texts)
    assert path.stat().st_mode & 0o077 == 0
