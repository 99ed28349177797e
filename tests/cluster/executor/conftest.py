"""An executor of a test's own, in a namespace of its own. SANDBOX_TEST_KUBECONFIG names the stage."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import literals_pb2, tasks_pb2

from sandbox.appliance.images import cache, contexts, providing
from sandbox.appliance.images.nodes import NodeDocker
from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.executor import KubernetesExecutor
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId
from sandbox.store.objects import DirectoryObjectStore, ObjectStore
from tests.cluster.nodes import PYTHON, Cluster
from tests.waiting import eventually

IMAGE = PYTHON
LONG = ("sh", "-c", "trap 'exit 143' TERM; sleep 600 & wait")
"""For ever, until it is asked to end: a program alone in a container does not hear that by itself."""
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@pytest.fixture(scope="session")
def copilot_image(request: pytest.FixtureRequest) -> str:
    """The control plane's image, in the cluster."""
    given = os.environ.get("SANDBOX_TEST_IMAGE")
    if given:
        return given
    cluster: Cluster = request.getfixturevalue("cluster")
    context = contexts.of("control-plane", ca_bundle=_CA_BUNDLE.read_bytes() if _CA_BUNDLE.exists() else b"")
    return providing.provide(
        NodeDocker(cluster.engine, cluster.node), context, cache=cache.folder()
    ).reference


@pytest.fixture(scope="module")
def namespace(client: Client) -> Iterator[str]:
    """Where a module's pods run."""
    with fresh_namespace(client) as name:
        yield name


@contextlib.contextmanager
def fresh_namespace(client: Client) -> Iterator[str]:
    """Gone afterwards, with everything in it."""
    name = f"k-test-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: _get(client, account).get("secrets") or _is_new(client), timeout=30)
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


def _get(client: Client, path: str) -> dict[str, Any]:
    try:
        return client.get(path)
    except errors.NotFound:
        return {}


def _is_new(client: Client) -> bool:
    """Whether the cluster's service accounts have no secrets of their own any more."""
    return int(client.get("/version")["minor"].rstrip("+")) >= 24


@dataclass
class Engine:
    """The engine's side of executors: what they said, and a way to wait for it."""

    told: list[AttemptUpdate] = field(default_factory=list)
    forgets: bool = True
    executor: KubernetesExecutor | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sink(self, update: AttemptUpdate) -> None:
        with self.lock:
            self.told.append(update)
        if update.phase.is_terminal and self.forgets and self.executor is not None:
            self.executor.forget(update.key)

    def of(self, key: AttemptKey) -> list[AttemptUpdate]:
        with self.lock:
            return [update for update in self.told if update.key == key]

    def end_of(self, key: AttemptKey, timeout: float = 120.0) -> AttemptUpdate:
        """How the attempt ended."""
        found: list[AttemptUpdate] = eventually(
            lambda: [update for update in self.of(key) if update.phase.is_terminal], timeout=timeout
        )
        return found[0]

    def until(self, key: AttemptKey, phase: AttemptPhase, reason: str = "", timeout: float = 120.0) -> None:
        """Wait for a phase, with these words among its reason."""
        eventually(
            lambda: any(update.phase is phase and reason in update.reason for update in self.of(key)),
            timeout=timeout,
        )


@dataclass
class Stage:
    """Makes executors and requests, and looks at what came of them."""

    client: Client
    namespace: str
    objects: ObjectStore
    settings: KubernetesSettings
    name: str
    executors: list[KubernetesExecutor] = field(default_factory=list)
    count: int = 0

    def executor(self, engine: Engine, **changes: Any) -> KubernetesExecutor:
        """A control plane's."""
        made = KubernetesExecutor(replace(self.settings, **changes), self.client, self.objects)
        engine.executor = made
        made.connect(engine.sink)
        self.executors.append(made)
        return made

    def request(self, *command: str, image: str = IMAGE, **changes: Any) -> TaskRequest:
        """An attempt that runs a command."""
        template = tasks_pb2.TaskTemplate(
            type="python-task", container=tasks_pb2.Container(image=image, args=command)
        )
        return self.request_of(template, **changes)

    def request_of(self, template: tasks_pb2.TaskTemplate, **changes: Any) -> TaskRequest:
        """An attempt of a task."""
        self.count += 1
        execution = ExecutionId("p", "d", self.name)
        node = f"n{self.count}"
        prefix = f"s3://bucket/{self.name}/{node}"
        request = TaskRequest(
            key=AttemptKey(execution, UniqueNodeId(node), 0),
            task_id=EntityId(1, "p", "d", "task", "v1"),
            template=template,
            inputs=literals_pb2.LiteralMap(),
            inputs_uri=f"{prefix}/inputs.pb",
            output_prefix=f"{prefix}/0",
            raw_output_prefix=f"{prefix}/raw",
            checkpoint_prefix=f"{prefix}/raw/_flytecheckpoints",
            previous_checkpoint_prefix='""',
            unique_name=f"{self.name}-{node}-0",
            labels={"execution-id": self.name, "node-id": node},
        )
        return replace(request, **changes)

    def pod(self, request: TaskRequest) -> dict[str, Any]:
        """The attempt's pod; empty if there is none."""
        return _get(self.client, f"/api/v1/namespaces/{self.namespace}/pods/{request.unique_name}")


@pytest.fixture
def stage(client: Client, namespace: str, tmp_path: Path) -> Iterator[Stage]:
    """A test's own."""
    with staged(client, namespace, tmp_path) as made:
        yield made


@contextlib.contextmanager
def staged(client: Client, namespace: str, folder: Path) -> Iterator[Stage]:
    """Executors in the block see nothing of others; their pods are gone at its end."""
    name = f"t{uuid.uuid4().hex[:8]}"
    settings = KubernetesSettings(
        namespace=namespace,
        owner=name,
        logs_prefix="s3://bucket/logs",
        log_url_prefix="http://localhost/logs",
        keep_finished=timedelta(seconds=3),
        grace=timedelta(seconds=1),
    )
    made = Stage(client, namespace, DirectoryObjectStore(folder, sidecars=False), settings, name)
    yield made
    for executor in made.executors:
        executor.close()
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for pod in client.get(pods, {"labelSelector": f"managed-by={name}"})["items"]:
        path = f"{pods}/{pod['metadata']['name']}"
        with contextlib.suppress(errors.NotFound):
            client.patch(path, {"metadata": {"finalizers": None}})
            client.delete(path, {"gracePeriodSeconds": 0})


@pytest.fixture
def engine() -> Engine:
    """Forgets what is over, as the real one does."""
    return Engine()
