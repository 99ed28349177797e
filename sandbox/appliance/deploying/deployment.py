"""`sandbox deploy` and `undeploy`: a cluster is looked at, then changed in an order that never leaves new
programs with an old database.

First what others need (accounts, configuration, volumes, the database and the object store), then the
migration job, then everything else; what is no longer in the manifests goes last. A step that is done is
found to be done the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.appliance.deploying import attempts, preflight
from sandbox.appliance.manifests import (
    applying,
    configuration,
    discovery,
    rendering,
    resources,
    rollouts,
    validation,
)
from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests.applying import Action, Change
from sandbox.appliance.manifests.cluster import Cluster
from sandbox.appliance.manifests.errors import RolloutFailed
from sandbox.appliance.manifests.resources import Object
from sandbox.appliance.manifests.values import Values
from sandbox.appliance.progress import Progress, Silent, StepTiming

DATA = frozenset(("postgres", "minio"))
"""What has to be ready before the database can be migrated."""
_LATER = frozenset(("Deployment", "Ingress", "Job", "MutatingWebhookConfiguration"))
_GONE_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment did, or would do."""

    changes: tuple[Change, ...]
    seconds: float

    def count(self, action: Action) -> int:
        """How many objects were created, changed, …"""
        return sum(change.action is action for change in self.changes)


def plan(cluster: Cluster, values: Values) -> Deployed:
    """What `deploy` would change: asked of the API server, nothing is changed."""
    began = time.monotonic()
    objects = _objects(cluster, values)
    preflight.check(cluster, values, objects)
    changes = applying.apply(cluster, objects, dry_run=True)
    changes += applying.prune(cluster, objects, values.namespace, dry_run=True)
    return Deployed(tuple(changes), time.monotonic() - began)


def deploy(cluster: Cluster, values: Values, *, timeout: float, progress: Progress | None = None) -> Deployed:
    """Bring the cluster to the values, whatever is there now; raises ManifestError.

    `timeout`: seconds for each wait.
    """
    began = time.monotonic()
    steps = _Steps(progress or Silent())
    with steps.step("preflight", "cluster") as told:
        objects = _objects(cluster, values)
        told(preflight.check(cluster, values, objects))
    changes: list[Change] = []

    def change(some: Iterable[Object]) -> str:
        made = applying.apply(cluster, some)
        changes.extend(made)
        return _summary(made)

    data = [
        found for found in objects if found["kind"] in rollouts.KINDS and resources.name_of(found) in DATA
    ]
    jobs = [found for found in objects if found["kind"] == "Job"]
    with steps.step("foundation", "foundation") as told:
        told(change([found for found in objects if found["kind"] not in _LATER or found in data]))
    if jobs:
        if data:
            with steps.step("data", "database and objects"):
                rollouts.wait(cluster, data, timeout=timeout)
        with steps.step("migration", "database migration"):
            _discard_failed(cluster, jobs)
            change(jobs)
            rollouts.wait(cluster, jobs, timeout=timeout)
    with steps.step("components", "components") as told:
        told(change([found for found in objects if found["kind"] in _LATER - {"Job"} and found not in data]))
        changes.extend(applying.prune(cluster, objects, values.namespace))
    with steps.step("rollouts", "rollouts") as told:
        done = rollouts.wait(cluster, objects, timeout=timeout)
        told(f"{len(done)} ready")
    return Deployed(tuple(changes), time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Undeployed:
    """What was taken from a cluster."""

    changes: tuple[Change, ...]
    attempts: int
    """Pods and custom resources of tasks that were let go, or deleted with the volumes."""


def undeploy(cluster: Cluster, namespace: str, *, volumes: bool = False) -> Undeployed:
    """Delete what `deploy` made; volumes and the namespace, thus all data, only with `volumes`. Ends when the
    pods are gone.

    Namespaces of projects stay: what is in them is their users'. Tasks that run go on, and the next
    deployment finds them again; with the data they go too.
    """
    changes = applying.remove(cluster, namespace, volumes=volumes)
    deadline = time.monotonic() + _GONE_TIMEOUT
    while left := _pods_left(cluster, namespace):
        if time.monotonic() > deadline:
            raise RolloutFailed(
                f"pods of {namespace} do not end",
                ", ".join(left),
                f"Look at `kubectl -n {namespace} get pods`, then run it again.",
            )
        time.sleep(0.5)
    let_go = attempts.let_go(cluster, configuration.owner(namespace), delete=volumes)
    return Undeployed(tuple(changes), let_go)


def _objects(cluster: Cluster, values: Values) -> list[Object]:
    versions = discovery.of(clusters.group_versions(cluster))
    objects = rendering.render(values, versions).objects()
    validation.check(objects, validation.Schema.of(cluster))
    return objects


def _discard_failed(cluster: Cluster, jobs: Iterable[Object]) -> None:
    """A job that failed once is not tried again under its name, so it is removed first."""
    for job in jobs:
        path = resources.path(job)
        there = clusters.find(cluster, path)
        if there is None or not rollouts.has_failed(there):
            continue
        cluster.ask("DELETE", path, body={"propagationPolicy": "Background"})
        while clusters.find(cluster, path) is not None:
            time.sleep(0.2)


def _pods_left(cluster: Cluster, namespace: str) -> list[str]:
    selector = {"labelSelector": f"app.kubernetes.io/part-of={rendering.PART_OF}"}
    found = cluster.ask("GET", f"/api/v1/namespaces/{namespace}/pods", query=selector)
    return [resources.name_of(pod) for pod in found.get("items", ())]


def _summary(changes: Iterable[Change]) -> str:
    counts: dict[Action, int] = {}
    for change in changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    return ", ".join(f"{count} {action.value}" for action, count in counts.items())


class _Steps:
    """Tells a `Progress` about steps."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[Callable[[str], None]]:
        """A step from its begin to its end; yields a function that takes what it found or did."""
        detail = ""

        def told(text: str) -> None:
            nonlocal detail
            detail = text

        began = time.monotonic()
        self._progress.step_started(name, title)
        try:
            yield told
        except Exception as exc:
            self._progress.step_failed(StepTiming(name, title, time.monotonic() - began), exc)
            raise
        self._progress.step_finished(StepTiming(name, title, time.monotonic() - began, detail))
