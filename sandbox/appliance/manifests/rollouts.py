"""Waits until what was applied is ready, and says why if it does not get there.

One list of each kind is asked for per look, however many objects there are. What can never become ready
(an image whose name is nonsense, a container that keeps dying, a job that failed) ends the wait before its
deadline. Only pods of the newest revision count: a rollout may be there to mend those before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from sandbox.appliance.manifests import resources, revisions, troubles
from sandbox.appliance.manifests.cluster import Cluster, Refused
from sandbox.appliance.manifests.errors import RolloutFailed
from sandbox.appliance.manifests.resources import Object
from sandbox.appliance.manifests.troubles import Suspects, Trouble

KINDS = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "Job": ("batch/v1", "jobs"),
}
"""What is waited for."""
_LOG_LINES = 15
_INTERVAL = 0.25


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
    suspects = Suspects()
    before = troubles.deaths(_pods(cluster, pending.values(), _states(cluster, pending.values())))
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
        found: list[Trouble] = []
        if now > 1 or lost:
            found = troubles.of(_pods(cluster, pending.values(), states), before)
        if lost or any(trouble.hopeless for trouble in suspects.judge(found, clock())) or now > timeout:
            raise _failed(cluster, pending, found, now, timeout)
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


def _states(cluster: Cluster, wanted: Iterable[Object]) -> dict[str, Object]:
    """Title → the object as it is, of all kinds and namespaces that are wanted."""
    places = {(found["kind"], found["metadata"]["namespace"]) for found in wanted}
    states: dict[str, Object] = {}
    for kind, namespace in sorted(places):
        version, plural = KINDS[kind]
        for item in _list(cluster, f"/apis/{version}/namespaces/{namespace}/{plural}"):
            states[f"{kind} {resources.name_of(item)}"] = {**item, "kind": kind}
    return states


def _pods(cluster: Cluster, wanted: Iterable[Object], states: Mapping[str, Object]) -> list[Object]:
    """The pods of what is wanted, of its newest revision."""
    there = [states[title] for found in wanted if (title := resources.title(found)) in states]
    found: list[Object] = []
    for namespace in sorted({each["metadata"]["namespace"] for each in there}):
        inside = [each for each in there if each["metadata"]["namespace"] == namespace]
        replica_sets: list[Object] = []
        if any(each["kind"] == "Deployment" for each in inside):
            replica_sets = _list(cluster, f"/apis/apps/v1/namespaces/{namespace}/replicasets")
        newest = {revisions.newest(each, replica_sets) for each in inside}
        pods = _list(cluster, f"/api/v1/namespaces/{namespace}/pods")
        found += [pod for pod in pods if (revision := revisions.of(pod)) and revision in newest]
    return found


def _list(cluster: Cluster, path: str) -> list[Object]:
    return list(cluster.ask("GET", path).get("items", ()))


def _failed(
    cluster: Cluster,
    pending: Mapping[str, Object],
    found: Sequence[Trouble],
    seconds: float,
    timeout: float,
) -> RolloutFailed:
    names = ", ".join(sorted(pending))
    lines = [str(trouble) for trouble in found[:8]]
    namespace = next(iter(pending.values()))["metadata"]["namespace"]
    worst = next((trouble for trouble in found if trouble.container), None)
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
