"""`sandbox doctor` of a sandbox in a container: its node, its disk, its cluster, and why pods don't run."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Protocol

from sandbox.appliance.boxed import pods
from sandbox.appliance.boxed.opened import NAMESPACE, Opened, opened
from sandbox.appliance.diagnosis import crashes, examination
from sandbox.appliance.diagnosis.facts import Facts, Object, Place
from sandbox.appliance.errors import ApplianceError, NotFound, command
from sandbox.appliance.findings import Finding, Verdict
from sandbox.appliance.manifests.cluster import Refused
from sandbox.appliance.node import execution
from sandbox.appliance.node.errors import NodeError
from sandbox.appliance.node.specification import STATE

_PODS, _EVENTS, _NODES = "/api/v1/pods", "/api/v1/events", "/api/v1/nodes"
_CLAIMS, _QUOTAS = "/api/v1/persistentvolumeclaims", "/api/v1/resourcequotas"
_LINES = 20
_LOGS = 10
_SCARCE, _TIGHT = 0.05, 0.10
"""Parts of the disk that are free. k3s throws pods off its node at the first, `debian` at a hundredth."""


class Cluster(Protocol):
    """What is asked of a cluster; `manifests.cluster.KubeconfigCluster` is one."""

    def items(self, path: str) -> list[dict[str, object]]: ...
    def text(self, path: str, *, query: dict[str, str]) -> str: ...


def examine(name: str) -> list[Finding]:
    """All checks, in order. What can't be asked is a finding, too."""
    try:
        with opened(name, running=False) as box:
            return _examine(box)
    except NotFound:
        return [Finding("Sandbox", Verdict.GOOD, "not started yet")]
    except ApplianceError as exc:
        return [_failed("Docker", exc)]


def _examine(box: Opened) -> list[Finding]:
    found = [Finding("Docker", Verdict.GOOD, f"version {box.docker.version()}")]
    if not box.node.running or box.node.status == "paused":
        return [*found, _at_rest(box)]
    found.append(
        Finding("Node", Verdict.GOOD, f"{box.node.spec.container} runs ({box.node.spec.distribution})")
    )
    found.append(_disk(box))
    try:
        known = collect(box.cluster(), dt.datetime.now(dt.UTC))
    except ApplianceError as exc:
        return [*found, _failed("Kubernetes", exc)]
    return [*found, control_plane(known), *examination.examine(known, own=NAMESPACE)]


def collect(cluster: Cluster, now: dt.datetime) -> Facts:
    """Everything that the diagnosis reads, and the last words of what keeps ending."""
    known = Facts(
        now=now,
        pods=_items(cluster, _PODS),
        events=_items(cluster, _EVENTS),
        nodes=_items(cluster, _NODES),
        claims=_items(cluster, _CLAIMS),
        quotas=_items(cluster, _QUOTAS),
    )
    logs: dict[Place, str] = {}
    for place in crashes.wanted_logs(known)[:_LOGS]:
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/log"
        query = {"container": place.container, "previous": "true", "tailLines": str(_LINES)}
        with contextlib.suppress(Refused):  # It lives again, or is gone.
            logs[place] = cluster.text(path, query=query)
    return Facts(now, known.pods, known.events, known.nodes, known.claims, known.quotas, logs)


def _items(cluster: Cluster, path: str) -> list[Object]:
    return list(cluster.items(path))


def _at_rest(box: Opened) -> Finding:
    name = box.node.spec.name
    if box.node.status == "paused":
        return Finding("Node", Verdict.GOOD, f"paused; `{command('resume', name)}` lets it go on")
    return Finding("Node", Verdict.GOOD, f"stopped; `{command('start', name)}` starts it")


def _disk(box: Opened) -> Finding:
    df = ["df", "--output=avail,size", "--block-size=1", STATE]
    try:
        told = execution.check(box.docker, box.node, df).text
        free, size = (int(word) for word in told.splitlines()[-1].split())
    except (NodeError, ValueError, IndexError) as exc:
        return Finding("Disk", Verdict.WARNING, f"the node does not tell: {exc}")
    return disk(free, size, box.node.spec.name)


def disk(free: int, size: int, name: str) -> Finding:
    """What so many free bytes of so many mean, where Docker has the volume of the sandbox of that name."""
    detail = f"{free / 2**30:.0f} GiB of {size / 2**30:.0f} GiB free where Docker has its data"
    if free > _TIGHT * size:
        return Finding("Disk", Verdict.GOOD, detail)
    remedy = (
        "Free space: `docker system df` shows what takes it, `docker system prune` removes what nobody uses; "
        f"in the sandbox, `{command('exec', name)} -- docker image prune`."
    )
    if free > _SCARCE * size:
        return Finding("Disk", Verdict.WARNING, f"{detail}: soon Kubernetes will start no more pods", remedy)
    return Finding(
        "Disk", Verdict.BAD, f"{detail}: Kubernetes starts no more pods and throws some off", remedy
    )


def control_plane(known: Facts) -> Finding:
    """Whether its pods are there and ready."""
    ours = [pods.of(pod, known.now) for pod in known.pods if pod["metadata"].get("namespace") == NAMESPACE]
    lasting = [pod for pod in ours if pod.lasting]
    well = [pod for pod in lasting if pod.healthy]
    restarts = sum(pod.restarts for pod in lasting)
    times = "once" if restarts == 1 else f"{restarts} times"
    detail = f"{len(well)} of {len(lasting)} pods are ready" + (
        f"; started again {times}" if restarts else ""
    )
    if lasting and len(well) == len(lasting):
        return Finding("Control plane", Verdict.GOOD, detail)
    remedy = "What follows says why. `sandbox start` brings back what is missing."
    return Finding("Control plane", Verdict.BAD, detail, remedy)


def _failed(title: str, exc: ApplianceError) -> Finding:
    return Finding(title, Verdict.BAD, f"{exc.what}: {exc.cause}" if exc.cause else exc.what, exc.remedy)
