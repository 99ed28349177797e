"""`sandbox status` of a sandbox in a container: its pods, what it costs, where it is."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.appliance.boxed import pods
from sandbox.appliance.boxed.opened import NAMESPACE, Opened, opened
from sandbox.appliance.boxed.pods import PodStatus
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.node import container, engine, execution
from sandbox.appliance.node.engine import Engine, errors
from sandbox.appliance.node.errors import NodeError
from sandbox.appliance.node.specification import STATE


@dataclass(frozen=True, slots=True)
class ImageSize:
    """An image that pods can use at once."""

    tag: str
    size: str
    """As Docker tells it: `212MB`."""


@dataclass(frozen=True, slots=True)
class BoxedStatus:
    """One sandbox in a container."""

    name: str
    profile: str
    distribution: str
    version: str
    container: str
    condition: str
    """Docker's word: `running`, `paused`, `exited`, …"""
    running: bool
    healthy: bool
    """It runs, and every pod of the control plane is ready."""
    source: str | None
    endpoints: Endpoints
    kubernetes: str
    """URL of the Kubernetes API."""
    pods: tuple[PodStatus, ...]
    """Of the control plane."""
    tasks: dict[str, int]
    """Pods of tasks, by phase."""
    images: tuple[ImageSize, ...]
    memory: int
    """Bytes that the container uses, with everything in it."""
    disk: int
    """Bytes on its volume."""
    uptime: float | None
    """Seconds."""
    detail: str
    """Why it can't be told how it is; empty otherwise."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        return asdict(self)


def inspect(name: str) -> BoxedStatus:
    """Look at a sandbox; raises NotFound. Takes about a second."""
    with opened(name, running=False) as box:
        return _inspect(box, thorough=True)


def inspect_all() -> list[BoxedStatus]:
    """All of this machine, in short: without volumes and images."""
    with contextlib.closing(engine.connect()) as docker:
        nodes = [node for node in container.every(docker) if node.spec.number == 0]
        return [_inspect(Opened(docker, node), thorough=False) for node in nodes]


def _inspect(box: Opened, *, thorough: bool) -> BoxedStatus:
    node, detail = box.node, ""
    found: list[PodStatus] = []
    if node.running:
        try:
            now = dt.datetime.now(dt.UTC)
            found = [pods.of(pod, now) for pod in box.cluster().items("/api/v1/pods")]
        except ApplianceError as exc:
            detail = f"{exc.what}: {exc.cause}"
    ours = tuple(pod for pod in found if pod.namespace == NAMESPACE)
    others = [pod for pod in found if pod.namespace not in (NAMESPACE, "kube-system", "default")]
    lasting = [pod for pod in ours if pod.lasting]
    inside = thorough and node.running
    return BoxedStatus(
        name=node.spec.name,
        profile=node.spec.profile,
        distribution=node.spec.distribution,
        version=node.spec.version,
        container=node.spec.container,
        condition=node.status,
        running=node.status in ("running", "paused"),
        healthy=bool(lasting) and all(pod.healthy for pod in lasting),
        source=str(node.spec.source) if node.spec.source else None,
        endpoints=Endpoints.of(node.spec.ports),
        kubernetes=f"https://127.0.0.1:{node.spec.ports.kubernetes}",
        pods=tuple(sorted(ours, key=lambda pod: pod.name)),
        tasks=dict(Counter(pod.phase for pod in others)),
        images=_images(box) if inside else (),
        memory=memory(box.docker, node.id) if node.running else 0,
        disk=_disk(box) if inside else 0,
        uptime=_uptime(node.started_at) if node.running else None,
        detail=detail,
    )


def memory(docker: Engine, identifier: str) -> int:
    """Bytes that a container uses: without the files that the kernel could forget at once."""
    with errors("Docker does not tell how much memory the node uses"):
        told = docker.api.stats(identifier, stream=False, one_shot=True).get("memory_stats") or {}
    details = told.get("stats") or {}
    idle = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(told.get("usage") or 0) - int(idle))


def _images(box: Opened) -> tuple[ImageSize, ...]:
    listed = execution.run(box.docker, box.node, ["docker", "images", "--format", "{{json .}}"]).text
    rows = [json.loads(line) for line in listed.splitlines() if line.startswith("{")]
    named = [row for row in rows if row["Repository"] != "<none>"]
    images = (ImageSize(f"{row['Repository']}:{row['Tag']}", row["Size"]) for row in named)
    return tuple(sorted(images, key=lambda image: image.tag))


def _disk(box: Opened) -> int:
    """Bytes on the volume; files that vanish meanwhile don't count."""
    try:
        told = execution.run(box.docker, box.node, ["du", "-sx", "--block-size=1", STATE]).text
        return int(told.split()[0])
    except (NodeError, IndexError, ValueError):
        return 0


def _uptime(started: str) -> float | None:
    if not started:
        return None
    moment = dt.datetime.fromisoformat(started[:19] + "+00:00")  # Docker tells nanoseconds
    return max(0.0, (dt.datetime.now(dt.UTC) - moment).total_seconds())
