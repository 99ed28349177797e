"""Every way in which a pod can fail, really produced by a kubelet and an API server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind, TaskRequest
from sandbox.executors.kubernetes.client import Client
from tests.cluster.executor.conftest import IMAGE, Engine, Stage, fresh_namespace, staged
from tests.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def crowded(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, TaskRequest]]:
    """An attempt that fills its disk. A kubelet looks once a minute, so it runs beside the other tests, where
    no quota is."""
    spec = {
        "volumes": [{"name": "little", "emptyDir": {"sizeLimit": "1Mi"}}],
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "command": ["sh", "-c", "head -c 8000000 /dev/zero > /little/x; sleep 600"],
                "volumeMounts": [{"name": "little", "mountPath": "/little"}],
            }
        ],
    }
    engine, folder = Engine(), tmp_path_factory.mktemp("crowded")
    with fresh_namespace(client) as namespace, staged(client, namespace, folder) as stage:
        request = stage.request_of(pod(spec))
        stage.executor(engine).start(request)
        yield engine, request


def failure(stage: Stage, engine: Engine, template: tasks_pb2.TaskTemplate, **changes: Any) -> AttemptError:
    request = stage.request_of(template)
    stage.executor(engine, **changes).start(request)
    error = engine.end_of(request.key, timeout=90).error
    assert error is not None
    return error


def container(*command: str, image: str = IMAGE, **resources: str) -> tasks_pb2.TaskTemplate:
    template = tasks_pb2.TaskTemplate(
        type="python-task", container=tasks_pb2.Container(image=image, args=command)
    )
    for name, value in resources.items():
        kind = tasks_pb2.Resources.ResourceName.Value(name.upper())
        template.container.resources.requests.add(name=kind, value=value)
        template.container.resources.limits.add(name=kind, value=value)
    return template


def pod(spec: dict[str, Any]) -> tasks_pb2.TaskTemplate:
    template = tasks_pb2.TaskTemplate(type="sidecar", task_type_version=2)
    template.config["primary_container_name"] = "main"
    json_format.ParseDict(spec, template.k8s_pod.pod_spec)
    return template


def test_an_exit_code_is_the_users_with_the_last_lines(stage: Stage, engine: Engine) -> None:
    error = failure(stage, engine, container("sh", "-c", "echo it broke >&2; exit 3"))
    assert (error.code, error.kind, error.recoverable) == ("Error", ErrorKind.USER, True)
    assert "exit code 3" in error.message
    assert "it broke" in error.message


def test_too_much_memory_is_the_users(stage: Stage, engine: Engine) -> None:
    # Not at once: what dies before Docker's shim listens for it is told as killed by somebody.
    eat = "import time; time.sleep(2); x = bytearray(200_000_000); print(len(x))"
    error = failure(stage, engine, container("python", "-c", eat, memory="40Mi"))
    assert (error.code, error.kind) == ("OOMKilled", ErrorKind.USER)
    assert "may use 40Mi of memory" in error.message


def test_a_kill_is_the_systems(stage: Stage, engine: Engine) -> None:
    error = failure(stage, engine, container("sh", "-c", "exit 137"))
    assert (error.code, error.kind, error.recoverable) == ("Interrupted", ErrorKind.SYSTEM, True)


def test_an_image_that_does_not_exist_fails_after_its_grace(stage: Stage, engine: Engine) -> None:
    missing = container("true", image="localhost:1/there/is-none:v1")
    error = failure(stage, engine, missing, image_pull_grace=timedelta(seconds=3))
    assert (error.code, error.kind) == ("ImagePullBackOff", ErrorKind.USER)
    assert "there/is-none" in error.message
    reasons = [update.reason for update in engine.told if update.phase is AttemptPhase.INITIALIZING]
    assert any("ImagePull" in reason for reason in reasons)


def test_an_image_without_a_legal_name_fails_at_once(stage: Stage, engine: Engine) -> None:
    error = failure(stage, engine, container("true", image="NOT//legal"))
    assert (error.code, error.recoverable) == ("InvalidImageName", False)


def test_a_secret_that_is_missing_fails_after_its_grace(stage: Stage, engine: Engine) -> None:
    source = {"secretKeyRef": {"name": "there-is-none", "key": "k"}}
    spec = {"containers": [{"name": "main", "image": IMAGE, "env": [{"name": "X", "valueFrom": source}]}]}
    error = failure(stage, engine, pod(spec), create_grace=timedelta(seconds=2))
    assert error.code == "CreateContainerConfigError"
    assert "there-is-none" in error.message


def test_a_command_that_does_not_exist_is_an_error(stage: Stage, engine: Engine) -> None:
    spec = {"containers": [{"name": "main", "image": IMAGE, "command": ["/no/such/program"]}]}
    error = failure(stage, engine, pod(spec), create_grace=timedelta(seconds=2))
    assert "/no/such/program" in error.message


def test_a_failed_init_container_is_named(stage: Stage, engine: Engine) -> None:
    spec = {
        "initContainers": [{"name": "before", "image": IMAGE, "command": ["sh", "-c", "echo no; exit 4"]}],
        "containers": [{"name": "main", "image": IMAGE, "command": ["true"]}],
    }
    error = failure(stage, engine, pod(spec))
    assert "[before] terminated with exit code 4" in error.message
    assert error.kind is ErrorKind.USER


def test_a_deadline_of_the_pods_own_is_a_timeout(stage: Stage, engine: Engine) -> None:
    spec = {
        "activeDeadlineSeconds": 2,
        "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "600"]}],
    }
    error = failure(stage, engine, pod(spec))
    assert (error.code, error.kind) == ("TimeoutExpired", ErrorKind.USER)


def test_what_the_api_server_calls_invalid_fails_for_good(stage: Stage, engine: Engine) -> None:
    spec = {"containers": [{"name": "main", "image": IMAGE, "ports": [{"containerPort": 70000}]}]}
    error = failure(stage, engine, pod(spec))
    assert (error.code, error.recoverable) == ("BadTaskFormat", False)
    assert "70000" in error.message


def test_a_name_that_another_pod_has_is_not_attached_to(stage: Stage, engine: Engine) -> None:
    request = stage.request("true")
    spec = {"containers": [{"name": "x", "image": IMAGE, "command": ["sleep", "600"]}]}
    pods = f"/api/v1/namespaces/{stage.namespace}/pods"
    stage.client.create(pods, {"metadata": {"name": request.unique_name}, "spec": spec})
    stage.executor(engine).start(request)
    error = engine.end_of(request.key).error
    assert error is not None
    assert request.unique_name in error.message
    assert stage.pod(request)["spec"]["containers"][0]["name"] == "x"
    stage.client.delete(f"{pods}/{request.unique_name}", {"gracePeriodSeconds": 0})


def test_a_namespace_that_is_missing_is_waited_for_but_not_for_ever(stage: Stage, engine: Engine) -> None:
    request = stage.request("true")
    patience = timedelta(seconds=3)
    stage.executor(engine, namespace="k-there-is-none", create_patience=patience).start(request)
    engine.until(request.key, AttemptPhase.QUEUED, "namespace k-there-is-none is not there")
    error = engine.end_of(request.key).error
    assert error is not None
    assert (error.kind, error.recoverable) == (ErrorKind.SYSTEM, True)


def test_a_pod_that_no_node_can_take_waits_and_says_why(stage: Stage, engine: Engine) -> None:
    executor = stage.executor(engine)
    request = stage.request_of(container("true", cpu="1000"))
    executor.start(request)
    engine.until(request.key, AttemptPhase.QUEUED, "Insufficient cpu")
    executor.abort(request.key, "")
    assert engine.end_of(request.key).phase is AttemptPhase.ABORTED


def test_a_pod_that_waits_too_long_for_a_node_is_a_system_error(stage: Stage, engine: Engine) -> None:
    error = failure(stage, engine, container("true", cpu="1000"), pending_timeout=timedelta(seconds=3))
    assert (error.code, error.kind) == ("PodPendingTimeout", ErrorKind.SYSTEM)
    assert "Insufficient cpu" in error.message


@pytest.fixture
def quota(stage: Stage) -> dict[str, Any]:
    """The namespace may have two pods that are not over."""
    path = f"/api/v1/namespaces/{stage.namespace}/resourcequotas"
    body = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "2", "requests.cpu": "2"}}}
    made = stage.client.create(path, body)
    eventually(lambda: stage.client.get(f"{path}/few").get("status", {}).get("hard"), timeout=90)
    return made


def test_a_full_quota_is_waited_for_and_what_never_fits_fails(
    stage: Stage, engine: Engine, quota: dict[str, Any]
) -> None:
    executor = stage.executor(engine)
    templates = [container("sleep", "2", cpu="10m") for _ in range(4)]
    requests = [stage.request_of(template) for template in templates]
    for request in requests:
        executor.start(request)
    eventually(lambda: any("quota" in update.reason for update in list(engine.told)), timeout=60)
    for request in requests:
        assert engine.end_of(request.key, timeout=120).phase is AttemptPhase.SUCCEEDED
    huge = stage.request_of(container("true", cpu="3"))
    executor.start(huge)
    error = engine.end_of(huge.key).error
    assert error is not None
    assert (error.code, error.recoverable) == ("ResourceRequestsExceedLimits", False)
    stage.client.delete(f"/api/v1/namespaces/{stage.namespace}/resourcequotas/few")


def test_too_many_files_on_the_disk_evict_the_pod(crowded: tuple[Engine, TaskRequest]) -> None:
    engine, request = crowded
    error = engine.end_of(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("Interrupted", ErrorKind.SYSTEM, True)
    assert "little" in error.message
