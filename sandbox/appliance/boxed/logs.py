"""What components and tasks of a sandbox in a container printed.

A component's logs are those of its pods; `node` is what the node's first process said. A task's log is its
pod's while there is one; of a pod that is gone, the control plane kept it, and the execution's own data says
where.
"""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from urllib.parse import urlsplit

from sandbox.appliance import executed
from sandbox.appliance.boxed import pods
from sandbox.appliance.boxed.opened import NAMESPACE, Opened, opened
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.logs import NoLog
from sandbox.appliance.manifests.cluster import KubeconfigCluster, Refused
from sandbox.appliance.node import container
from sandbox.executors.kubernetes.client import lines

NODE = "node"
_FOLLOW_SECONDS = 24 * 3600.0
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    title: str
    """Whose: `flyteadmin`, or `a7f… n0 attempt 0`."""
    data: bytes
    """With its line break."""


@dataclass(frozen=True, slots=True)
class _Pod:
    title: str
    namespace: str
    name: str
    container: str


def component(name: str, word: str | None, *, tail: int, follow: bool) -> Iterator[Line] | None:
    """Lines of a component's pods, of all with None; None if the word names no component. Raises NotFound,
    NotRunning."""
    if word == NODE:
        return _node(name, tail)
    with opened(name) as box:
        found = [pod for pod in _of_control_plane(box.cluster()) if word in (None, pod.title)]
    return _read(name, found, tail=tail, follow=follow) if found else None


def task(
    name: str, execution: str, node: str | None, *, attempt: int | None, tail: int | None, follow: bool
) -> Iterator[Line]:
    """Lines of an execution's tasks: each node's last attempt, or the one asked for. Raises NoLog."""
    with opened(name) as box:
        endpoints = Endpoints.of(box.node.spec.ports)
        runs = executed.attempts(endpoints, execution, node, attempt)
        cluster = box.cluster()
        live = _live(cluster, runs)
        known = [] if runs else sorted({NODE, *(pod.title for pod in _of_control_plane(cluster))})
    if not runs:
        raise NoLog(
            f"there is no log of {execution!r}" + (f", node {node!r}" if node else ""),
            "no task of such an execution ran (cached nodes print nothing), and it is none of the components "
            f"{', '.join(known)}",
            "Look at an execution's nodes in the console; `sandbox console` opens it.",
        )
    for run in runs:
        pod = live.get(run.unique_name)
        if pod is not None:
            yield from _read(name, [pod], tail=_ALL if tail is None else tail, follow=follow)
        elif run.logs:
            yield from _kept(run, endpoints, tail)
        else:
            why = f": {run.said}" if run.said else ", or is about to begin"
            yield Line(run.title, f"(it has printed nothing{why})\n".encode())


def _node(name: str, tail: int) -> Iterator[Line]:
    with opened(name, running=False) as box:
        text = container.last_words(box.docker, box.node, tail)
    for line in text.splitlines():
        yield Line(NODE, line.encode() + b"\n")


def _of_control_plane(cluster: KubeconfigCluster) -> list[_Pod]:
    found = []
    for pod in cluster.items(f"/api/v1/namespaces/{NAMESPACE}/pods"):
        labels = pod["metadata"].get("labels") or {}
        title = labels.get(pods.COMPONENT) or pod["metadata"]["name"]
        first = pod["spec"]["containers"][0]["name"]
        found.append(_Pod(title, NAMESPACE, pod["metadata"]["name"], first))
    return sorted(found, key=lambda pod: (pod.title, pod.name))


def _live(cluster: KubeconfigCluster, runs: list[executed.Attempt]) -> dict[str, _Pod]:
    """The pods that are still there, by name."""
    if not runs:
        return {}
    wanted = {run.unique_name: run for run in runs}
    selector = {"labelSelector": f"{pods.EXECUTION}={runs[0].execution}"}
    found = {}
    for pod in cluster.items("/api/v1/pods", selector):
        run = wanted.get(pod["metadata"]["name"])
        started = (pod.get("status") or {}).get("phase") in ("Running", "Succeeded", "Failed")
        if run is not None and started:
            annotations = pod["metadata"].get("annotations") or {}
            first = annotations.get("primary_container_name") or pod["spec"]["containers"][0]["name"]
            place = pod["metadata"]["namespace"], pod["metadata"]["name"]
            found[run.unique_name] = _Pod(run.title, *place, first)
    return found


def _read(name: str, sources: list[_Pod], *, tail: int, follow: bool) -> Iterator[Line]:
    with opened(name) as box:
        if not follow:
            cluster = box.cluster()
            for pod in sources:
                yield from _lines(cluster, pod, tail=tail, follow=False)
            return
        yield from _together(box, sources, tail)


def _together(box: Opened, sources: list[_Pod], tail: int) -> Iterator[Line]:
    """Follow several pods at once, until all have ended."""
    queue: Queue[Line | None] = Queue(maxsize=1000)

    def read(pod: _Pod) -> None:
        try:
            with contextlib.suppress(ApplianceError):  # the pod, or the node, has gone: that is the log's end
                for line in _lines(box.cluster(), pod, tail=tail, follow=True):
                    queue.put(line)
        finally:
            queue.put(None)

    for pod in sources:
        threading.Thread(target=read, args=(pod,), daemon=True).start()
    ended = 0
    while ended < len(sources):
        line = queue.get()
        if line is None:
            ended += 1
        else:
            yield line


def _lines(cluster: KubeconfigCluster, pod: _Pod, *, tail: int, follow: bool) -> Iterator[Line]:
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log"
    query = {"container": pod.container, "tailLines": str(tail)}
    if follow:
        query["follow"] = "true"
    try:
        with cluster.stream(path, query=query, read_timeout=_FOLLOW_SECONDS if follow else 60.0) as pieces:
            for line in lines(_ended(pieces)):
                yield Line(pod.title, line + b"\n")
    except Refused as exc:
        if exc.status not in (400, 404):  # its container has not started, or the pod has just gone
            raise
        yield Line(pod.title, f"({exc})\n".encode())


def _ended(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """With a line break at the very end: a program may have ended without one."""
    last = b""
    for last in pieces:
        yield last
    if last and not last.endswith(b"\n"):
        yield b"\n"


def _here(uri: str, endpoints: Endpoints) -> str:
    """The console's address of a log, on the port that the console has now."""
    parts = urlsplit(uri)
    ours = parts.path.startswith("/logs/") and parts.hostname == "localhost"
    return parts._replace(netloc=endpoints.target).geturl() if ours else uri


def _kept(run: executed.Attempt, endpoints: Endpoints, tail: int | None) -> Iterator[Line]:
    """What the control plane kept of a pod that is gone."""
    for uri in run.logs:
        try:
            with urllib.request.urlopen(_here(uri, endpoints), timeout=30) as answer:
                found = answer.read().splitlines(keepends=True)
        except (urllib.error.URLError, OSError) as exc:
            found = [f"(the log is gone: {exc})\n".encode()]
        for line in found[-tail:] if tail else found if tail is None else []:
            yield Line(run.title, line)
