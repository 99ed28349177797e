"""Executors of a test's own, in a namespace of its own, on a cluster that knows all custom resources."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.executors.kubernetes import errors, ownership
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.executor import KubernetesExecutor
from sandbox.executors.kubernetes.kinds import Api, Kind
from sandbox.executors.kubernetes.plugins.task_types import KINDS
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId
from sandbox.store.objects import DirectoryObjectStore
from tests import templates
from tests.cluster.plugins import definitions
from tests.cluster.plugins.operators import LIVES
from tests.unit.executors.kubernetes import requests
from tests.waiting import eventually


def install(client: Client, api: Api, kind: str) -> None:
    """Have the API server know a kind of resource."""
    with contextlib.suppress(errors.Conflict):
        client.create(definitions.DEFINITIONS, definitions.of(api, kind))
    eventually(lambda: get(client, api.all()), timeout=30)


def get(client: Client, path: str) -> dict[str, Any]:
    """An object; empty if there is none."""
    try:
        return client.get(path)
    except errors.NotFound:
        return {}


@pytest.fixture(scope="session")
def informed(client: Client) -> Iterator[Client]:
    """Speaks to an API server that knows all kinds."""
    for task_type, life in LIVES.items():
        install(client, KINDS[task_type].api, life.kind)
    yield client
    for task_type in LIVES:
        with contextlib.suppress(errors.NotFound):
            client.delete(f"{definitions.DEFINITIONS}/{definitions.name(KINDS[task_type].api)}")


def _takes_pods(client: Client, namespace: str) -> bool:
    """Whether the service account is there, and before 1.24 its token."""
    pod = {"metadata": {"generateName": "a-"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    try:
        return bool(client.create(f"/api/v1/namespaces/{namespace}/pods", pod, {"dryRun": "All"}))
    except (errors.Busy, errors.Refused):
        return False


@pytest.fixture(scope="module")
def namespace(client: Client) -> Iterator[str]:
    """Of a module's resources."""
    name = f"p-test-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}})
    eventually(lambda: _takes_pods(client, name), timeout=60)
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


@dataclass
class Engine:
    """The engine's side: what executors said."""

    told: list[AttemptUpdate] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sink(self, update: AttemptUpdate) -> None:
        with self.lock:
            self.told.append(update)

    def of(self, request: TaskRequest) -> list[AttemptUpdate]:
        with self.lock:
            return [update for update in self.told if update.key == request.key]

    def until(self, request: TaskRequest, phase: AttemptPhase, timeout: float = 60.0) -> AttemptUpdate:
        """Wait for a phase."""
        found: list[AttemptUpdate] = eventually(
            lambda: [update for update in self.of(request) if update.phase is phase], timeout=timeout
        )
        return found[-1]


@dataclass
class House:
    """Executors, the requests for them, and an operator that a test speaks for."""

    client: Client
    settings: KubernetesSettings
    objects: DirectoryObjectStore
    name: str
    executors: list[KubernetesExecutor] = field(default_factory=list)

    def executor(
        self, engine: Engine, kinds: Mapping[str, Kind] = KINDS, **changes: Any
    ) -> KubernetesExecutor:
        """A control plane's."""
        settings = replace(self.settings, **changes)
        made = KubernetesExecutor(settings, self.client, self.objects, kinds=kinds)
        made.connect(engine.sink)
        self.executors.append(made)
        return made

    def request(self, task_type: str, number: int = 0, **changes: Any) -> TaskRequest:
        """An attempt of a plugin's task."""
        key = AttemptKey(ExecutionId("p", "d", self.name), UniqueNodeId(f"n{number}"), 0)
        labels = {"execution-id": self.name, "node-id": f"n{number}"}
        template = templates.read(LIVES[task_type].task)
        name = f"{self.name}-n{number}-0"
        return requests.of(template, key=key, unique_name=name, labels=labels, **changes)

    def path(self, kind: Kind, request: TaskRequest) -> str:
        return kind.api.object(ownership.namespace(request, self.settings), request.unique_name)

    def found(self, kind: Kind, request: TaskRequest) -> dict[str, Any]:
        """The attempt's resource; empty if there is none."""
        return get(self.client, self.path(kind, request))

    def say(self, kind: Kind, request: TaskRequest, status: Mapping[str, Any]) -> None:
        """As the operator would: write the status."""
        eventually(lambda: self.found(kind, request), timeout=60)
        self.client.patch(f"{self.path(kind, request)}/status", {"status": status})


@pytest.fixture
def house(informed: Client, namespace: str, tmp_path: Path) -> Iterator[House]:
    """Executors in this test see nothing of other tests; their resources are gone at its end."""
    name = f"p{uuid.uuid4().hex[:8]}"
    settings = KubernetesSettings(
        namespace=namespace,
        owner=name,
        logs_prefix="s3://bucket/logs",
        keep_finished=timedelta(seconds=1),
        grace=timedelta(seconds=1),
    )
    made = House(informed, settings, DirectoryObjectStore(tmp_path, sidecars=False), name)
    yield made
    for executor in made.executors:
        executor.close()
    for kind in KINDS.values():
        query = {"labelSelector": ownership.selector(settings)}
        for found in informed.get(kind.api.objects(namespace), query)["items"]:
            path = kind.api.object(namespace, found["metadata"]["name"])
            with contextlib.suppress(errors.NotFound):
                informed.patch(path, {"metadata": {"finalizers": None}})
                informed.delete(path)
