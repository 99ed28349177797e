"""Waits until what was applied is ready, and says why if it does not get there.

One list of each kind is asked for per look, however many objects there are. What can never become ready
(an image whose name is nonsense, a container that keeps dying, a job that failed) ends the wait before its
deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.appliance.manifests import resources
from sandbox.appliance.manifests.cluster import Cluster, Refused
from sandbox.appliance.manifests.errors import RolloutFailed
from sandbox.appliance.manifests.resources import Object

KINDS = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "Job": ("batch/v1", "jobs"),
}
"""What is waited for."""
HOPELESS = frozenset(("InvalidImageName", "ErrImageNeverPull"))
"""Reasons of a waiting container that no time mends."""
PATIENCE = {
    "ErrImagePull": 45.0,
    "ImagePullBackOff": 45.0,
    "CreateContainerConfigError": 30.0,
    "CreateContainerError": 60.0,
}
"""Reasons that may go by → seconds after which they are believed."""
RESTARTS = 3
"""So often a container may die before its rollout is given up."""
_LOG_LINES = 15
_INTERVAL = 0.25


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod is not ready."""

    pod: str
    container: str
    """Empty: the pod as a whole."""
    reason: str
    message: str
    hopeless: bool = False

    def __str__(self) -> str:
        where = f"{self.pod}/{self.container}" if self.container else self.pod
        return f"{where}: {self.reason}{': ' + self.message if self.message else ''}"


def wait(
    cluster: Cluster,
    objects: Iterable[Object],
    *,
    timeout: float,
    ready: Callable[[str, float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, float]:
    """Wait for all Deployments, StatefulSets and Jobs among `objects`; title → seconds that it took.

    `ready(title, seconds)` is called as each gets there. Raises RolloutFailed.
    """
    began = clock()
    pending = {resources.title(found): found for found in objects if found["kind"] in KINDS}
    done: dict[str, float] = {}
    suspects = _Suspects()
    while pending:
        now = clock() - began
        states = _states(cluster, pending.values())
        for title in [title for title, found in pending.items() if is_ready(states.get(title), found)]:
            done[title] = now
            del pending[title]
            if ready:
                ready(title, now)
        if not pending:
            break
        lost = [title for title in pending if has_failed(states.get(title))]
        troubles = troubles_of(_pods(cluster, pending.values())) if now > 1 or lost else []
        if lost or any(trouble.hopeless for trouble in suspects.judge(troubles, clock())) or now > timeout:
            raise _failed(cluster, pending, troubles, now, timeout)
        pause(_INTERVAL)
    return done


def is_ready(state: Object | None, wanted: Object) -> bool:
    """Whether a Deployment or StatefulSet runs as it is wanted, or a Job is done."""
    if state is None:
        return False
    status = state.get("status") or {}
    if state["kind"] == "Job":
        return any(
            condition["type"] == "Complete" and condition["status"] == "True"
            for condition in status.get("conditions", ())
        )
    replicas = int(state["spec"].get("replicas", 1))
    if int(status.get("observedGeneration", 0)) < int(state["metadata"].get("generation", 1)):
        return False
    if state["kind"] == "StatefulSet":
        updated = (
            status.get("updateRevision") == status.get("currentRevision")
            or int(status.get("updatedReplicas", 0)) >= replicas
        )
        return updated and int(status.get("readyReplicas", 0)) >= replicas
    return (
        int(status.get("updatedReplicas", 0)) >= replicas
        and int(status.get("availableReplicas", 0)) >= replicas
        and int(status.get("replicas", 0)) <= replicas
    )


def has_failed(state: Object | None) -> bool:
    """Whether it is a Job that has given up."""
    return state is not None and any(
        condition["type"] == "Failed" and condition["status"] == "True"
        for condition in (state.get("status") or {}).get("conditions", ())
    )


def troubles_of(pods: Iterable[Object]) -> list[Trouble]:
    """What keeps pods from being ready, worst first."""
    found = []
    for pod in pods:
        if (pod.get("status") or {}).get("phase") == "Succeeded" or pod["metadata"].get("deletionTimestamp"):
            continue
        found += _pod_troubles(pod)
    return sorted(found, key=lambda trouble: not trouble.hopeless)


def _pod_troubles(pod: Object) -> list[Trouble]:
    name, status = resources.name_of(pod), pod.get("status") or {}
    found = [
        Trouble(name, "", str(condition.get("reason", "Unschedulable")), str(condition.get("message", "")))
        for condition in status.get("conditions", ())
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    if status.get("phase") == "Failed":
        found.append(Trouble(name, "", str(status.get("reason", "Failed")), str(status.get("message", ""))))
    for each in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        trouble = _container_trouble(name, each)
        if trouble:
            found.append(trouble)
    return found


def _container_trouble(pod: str, status: Mapping[str, Any]) -> Trouble | None:
    container, state = str(status["name"]), status.get("state") or {}
    restarts = int(status.get("restartCount", 0))
    waiting, ended = state.get("waiting"), state.get("terminated")
    last = (status.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") in HOPELESS:
        return Trouble(pod, container, waiting["reason"], str(waiting.get("message", "")), hopeless=True)
    if restarts and last:
        message = f"ended with {last.get('exitCode')} ({last.get('reason', '')}), restarted {restarts} times"
        reason = str((waiting or {}).get("reason") or "restarting")
        return Trouble(pod, container, reason, message, hopeless=restarts >= RESTARTS)
    if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return Trouble(pod, container, waiting["reason"], str(waiting.get("message", "")))
    if ended and ended.get("exitCode"):
        return Trouble(pod, container, str(ended.get("reason", "Error")), f"ended with {ended['exitCode']}")
    if state.get("running") and not status.get("ready"):
        return Trouble(pod, container, "not ready", "it runs, but its readiness probe fails")
    return None


class _Suspects:
    """Remembers since when pods have had which trouble."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], float] = {}

    def judge(self, troubles: Sequence[Trouble], now: float) -> list[Trouble]:
        """Those of `troubles` that are to be believed; what pulls images alternates between two reasons."""
        keys = {self._key(trouble): trouble for trouble in troubles}
        self._since = {key: self._since.get(key, now) for key in keys}
        return [
            Trouble(each.pod, each.container, each.reason, each.message, hopeless=True)
            for key, each in keys.items()
            if each.hopeless or now - self._since[key] > PATIENCE.get(each.reason, float("inf"))
        ]

    @staticmethod
    def _key(trouble: Trouble) -> tuple[str, str, str]:
        pulling = trouble.reason in ("ErrImagePull", "ImagePullBackOff")
        return trouble.pod, trouble.container, "pull" if pulling else trouble.reason


def _states(cluster: Cluster, wanted: Iterable[Object]) -> dict[str, Object]:
    """Title → the object as it is, of all kinds and namespaces that are wanted."""
    places = {(found["kind"], found["metadata"]["namespace"]) for found in wanted}
    states: dict[str, Object] = {}
    for kind, namespace in sorted(places):
        version, plural = KINDS[kind]
        for item in cluster.ask("GET", f"/apis/{version}/namespaces/{namespace}/{plural}").get("items", ()):
            states[f"{kind} {resources.name_of(item)}"] = {**item, "kind": kind}
    return states


def _pods(cluster: Cluster, wanted: Iterable[Object]) -> list[Object]:
    """The pods of what is wanted."""
    found: list[Object] = []
    by_namespace: dict[str, set[str]] = {}
    for each in wanted:
        labels = each["spec"]["template"]["metadata"]["labels"]
        by_namespace.setdefault(each["metadata"]["namespace"], set()).add(labels["app.kubernetes.io/name"])
    for namespace, names in by_namespace.items():
        items = cluster.ask("GET", f"/api/v1/namespaces/{namespace}/pods").get("items", ())
        found += [
            pod
            for pod in items
            if (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") in names
        ]
    return found


def _failed(
    cluster: Cluster,
    pending: Mapping[str, Object],
    troubles: Sequence[Trouble],
    seconds: float,
    timeout: float,
) -> RolloutFailed:
    names = ", ".join(sorted(pending))
    lines = [str(trouble) for trouble in troubles[:8]]
    namespace = next(iter(pending.values()))["metadata"]["namespace"]
    worst = next((trouble for trouble in troubles if trouble.container), None)
    if worst is not None:
        lines += _last_words(cluster, namespace, worst)
    if not lines:
        lines = _warnings(cluster, namespace)
    when = "in time" if seconds >= timeout else "and never will"
    return RolloutFailed(
        f"{names} did not get ready {when} ({seconds:.0f} s)",
        "\n".join(lines) or "there are no pods of it yet: look at the events",
        f"Look closer with `kubectl -n {namespace} describe pods`, or at `sandbox doctor`.",
    )


def _last_words(cluster: Cluster, namespace: str, trouble: Trouble) -> list[str]:
    path = f"/api/v1/namespaces/{namespace}/pods/{trouble.pod}/log"
    query = {"container": trouble.container, "tailLines": str(_LOG_LINES)}
    for previous in ("false", "true"):
        try:
            text = cluster.text(path, query={**query, "previous": previous})
        except Refused:
            continue
        if text.strip():
            return [f"The last lines of {trouble.container}:", *text.rstrip().splitlines()]
    return []


def _warnings(cluster: Cluster, namespace: str) -> list[str]:
    query = {"fieldSelector": "type=Warning"}
    items = cluster.ask("GET", f"/api/v1/namespaces/{namespace}/events", query=query).get("items", ())
    last = sorted(items, key=lambda event: str(event.get("lastTimestamp") or ""))[-5:]
    return [f"{event['involvedObject'].get('name')}: {event.get('message', '')}" for event in last]
