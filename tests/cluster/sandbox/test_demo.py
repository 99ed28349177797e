"""The profile `demo`: the control plane as one pod. What comes into it from outside, and what it holds to."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flytekit.image_spec.image_spec import ImageBuildEngine, ImageSpec, ImageSpecBuilder

from sandbox.testing import SandboxContainer, commands
from tests import containers
from tests.boxes import NAMESPACE, ROOT, Box
from tests.cluster.sandbox import workflows
from tests.waiting import eventually

pytestmark = [pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

OPTIONS = ("--env", "HERB=thyme", "--set", "tasks.keep=600", "--set", "tasks.imagePullGrace=20")


@pytest.fixture(scope="module")
def container(distribution: str) -> Iterator[SandboxContainer]:
    with SandboxContainer("demo", distribution=distribution, options=OPTIONS) as made:
        yield made


@pytest.fixture(scope="module")
def demo(container: SandboxContainer) -> Box:
    return Box(container.flyte, ROOT)


@pytest.fixture
def registry(container: SandboxContainer) -> str:
    """As this machine reaches it."""
    return f"localhost:{container.get_exposed_port(30000)}"


def test_the_control_plane_is_one_pod_beside_its_stores(demo: Box) -> None:
    status = demo.status()
    assert status["healthy"]
    assert sorted(pod["component"] for pod in status["pods"]) == [
        "docker-registry",
        "flyte",
        "minio",
        "postgres",
    ]
    assert demo.flyte.run(workflows.doubled, {"x": 21}).outputs["o0"] == 42


def test_an_image_that_is_pushed_from_outside_is_pulled_by_its_name(demo: Box, registry: str) -> None:
    pushed = f"{registry}/carried:v1"
    _docker("tag", containers.image(), pushed)
    try:
        _docker("push", pushed)
    finally:
        _docker("rmi", pushed)
    said = demo.kubectl("run", "carried", f"--image={pushed}", "--restart=Never", "--", "echo", "arrived")
    assert "created" in said
    eventually(lambda: demo.get("pod", "carried")["status"]["phase"] == "Succeeded", timeout=60)
    assert demo.kubectl("logs", "carried") == "arrived\n"
    demo.kubectl("delete", "pod", "carried")


def test_an_image_spec_goes_through_the_registry(
    demo: Box, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flytekit's own builder needs BuildKit, which not every Docker has: another one builds in the node."""
    builder = _InTheSandbox(demo, tmp_path)
    monkeypatch.setenv("SANDBOX_TEST_REGISTRY", registry)
    monkeypatch.setenv("SANDBOX_TEST_BASE", demo.flyte.image)
    monkeypatch.setitem(ImageBuildEngine.get_registry(), "in-the-sandbox", (builder, 1))
    spiced = importlib.import_module("tests.cluster.sandbox.spiced")
    assert spiced.image.exist() is False
    execution = demo.flyte.run(spiced.seasoned, {"dish": "rice"})
    assert execution.error is None
    assert execution.outputs["o0"] == "rice with saffron and thyme"
    assert builder.built == [spiced.image.image_name()]
    assert spiced.image.exist() is True, "flytekit would build it again"
    _see_logs_without_the_pod(demo, execution.id.name, "seasoning rice")


def _see_logs_without_the_pod(demo: Box, execution: str, words: str) -> None:
    assert words in demo.run("logs", execution).stdout
    demo.kubectl("delete", "pods", "-n", "flytesnacks-development", "-l", f"execution-id={execution}")
    assert words in demo.run("logs", execution, "n0").stdout


def test_logs_say_why_a_task_has_printed_nothing(demo: Box) -> None:
    remote = demo.flyte.remote()
    execution = demo.flyte.launch(workflows.without_image, {"x": 1}, remote=remote)
    words = ("logs", execution.id.name)
    try:
        eventually(lambda: "no-such-image" in demo.run(*words, check=False).stdout, timeout=90, interval=1)
    finally:
        remote.terminate(execution, "seen")


def test_later_starts_hold_to_what_the_first_was_told(demo: Box) -> None:
    quiet = ("--no-client-config", "--no-kubeconfig", "--no-wait")
    demo.run("start", "--env", "SPICE=salt", *quiet)
    tasks = _settings(demo)
    assert tasks["env"] == {"HERB": "thyme", "SPICE": "salt"}
    assert tasks["keep"] == 600
    demo.run("start", "--reset-values", *quiet)
    assert _settings(demo)["env"] == {}


def test_a_project_that_is_made_later_gets_the_secrets_of_all(demo: Box) -> None:
    eventually(lambda: demo.status()["healthy"], timeout=120, interval=1)
    demo.run("secret", "set", "db", "password", "--value", "open sesame")
    words = ("create", "project", "--id", "latecomers", "--sandbox", demo.flyte.name)
    commands.run(*words, environ=commands.environ(None))
    get = ("get", "secret", "db", "-n", "latecomers-staging", "--ignore-not-found", "-o", "json")
    found = eventually(lambda: demo.kubectl(*get), timeout=60, interval=0.5)
    assert list(json.loads(found)["data"]) == ["password"]


def test_it_ends_without_a_trace(container: SandboxContainer, demo: Box) -> None:
    label = f"label=flyte-sandbox.name={demo.flyte.name}"
    container.stop()
    for words in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        assert _docker(*words, "--quiet", "--filter", label) == ""


class _InTheSandbox(ImageSpecBuilder):
    """Builds with the node's Docker, and pushes from there; the node keeps nothing of it."""

    def __init__(self, box: Box, folder: Path) -> None:
        self._box = box
        self._folder = folder
        self.built: list[str] = []

    def build_image(self, image_spec: ImageSpec) -> str:
        name = str(image_spec.image_name())
        settings = [f"ENV {key}={value}" for key, value in (image_spec.env or {}).items()]
        (self._folder / "Dockerfile").write_text("\n".join((f"FROM {image_spec.base_image}", *settings)))
        self._box.run("build", str(self._folder), "--tag", name)
        self._box.run("exec", "--", "docker", "push", name)
        self._box.run("exec", "--", "docker", "rmi", name)
        self.built.append(name)
        return name


def _settings(box: Box) -> dict[str, Any]:
    """What the control plane reads about pods of tasks."""
    found = box.get("configmap", "flyte-sandbox-config", "-n", NAMESPACE)
    return dict(json.loads(found["data"]["sandbox.json"])["server"]["kubernetes"]["pods"])


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout
