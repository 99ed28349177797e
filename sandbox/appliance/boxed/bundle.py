"""A support bundle: one archive with all that somebody else needs to see what is wrong with a sandbox.

Never in it: the values of Secrets (`redaction`), the kubeconfig, and what tasks read or wrote.
"""

from __future__ import annotations

import io
import json
import platform
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sandbox
from sandbox.appliance.boxed import doctor, status
from sandbox.appliance.boxed.opened import Opened, opened
from sandbox.appliance.boxed.redaction import Redaction, hidden
from sandbox.appliance.diagnosis import facts
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.manifests.cluster import KubeconfigCluster, Refused
from sandbox.appliance.node import container, execution
from sandbox.appliance.node.engine import errors

_LINES = 2000
_COLLECTIONS = {
    "nodes": "/api/v1/nodes",
    "namespaces": "/api/v1/namespaces",
    "pods": "/api/v1/pods",
    "events": "/api/v1/events",
    "services": "/api/v1/services",
    "configmaps": "/api/v1/namespaces/flyte/configmaps",
    "volumes": "/api/v1/persistentvolumes",
    "claims": "/api/v1/persistentvolumeclaims",
    "quotas": "/api/v1/resourcequotas",
    "deployments": "/apis/apps/v1/deployments",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "replicasets": "/apis/apps/v1/replicasets",
    "jobs": "/apis/batch/v1/jobs",
    "webhooks": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
    "storage": "/apis/storage.k8s.io/v1/storageclasses",
}
_SECRETS = "/api/v1/secrets"


def write(name: str, path: Path) -> list[str]:
    """Write the archive; the names of what is in it. What can't be had is told in its place.

    Raises NotFound.
    """
    written = []
    with opened(name, running=False) as box, tarfile.open(path, "w:gz") as tar:
        redaction = _redaction(box)
        for member, content in _contents(box):
            data = redaction.text(content).encode()
            info = tarfile.TarInfo(f"sandbox-{name}/{member}")
            info.size, info.mtime = len(data), int(time.time())
            tar.addfile(info, io.BytesIO(data))
            written.append(member)
    path.chmod(0o600)
    return written


def _redaction(box: Opened) -> Redaction:
    """By the Secrets of a cluster that answers; of one that does not, by names alone."""
    try:
        return Redaction(box.cluster().items(_SECRETS) if box.node.running else ())
    except ApplianceError:
        return Redaction()


def _contents(box: Opened) -> Iterator[tuple[str, str]]:
    yield "versions.json", _json(_versions(box))
    yield "status.json", _told(lambda: _json(_status(box)))
    yield "container.json", _told(lambda: _json(_container(box)))
    yield "node.log", _told(lambda: container.last_words(box.docker, box.node, _LINES))
    yield "doctor.json", _told(lambda: _json(_findings(box)))
    if not box.node.running:
        return
    for member, script in (
        ("disk.txt", "df -h; docker system df"),
        ("images.txt", "docker images"),
        ("processes.txt", "ps aux 2>/dev/null || true"),
    ):
        yield member, _told(lambda script=script: _run(box, script))  # type: ignore[misc]
    for component in _run(box, "ls /var/log/kubernetes 2>/dev/null").split():
        script = f"tail -n {_LINES} /var/log/kubernetes/{component}"
        yield f"kubernetes/{component}", _told(lambda script=script: _run(box, script))  # type: ignore[misc]
    try:
        cluster = box.cluster()
        yield from _of_cluster(cluster)
    except ApplianceError as exc:
        yield "cluster.txt", str(exc)


def _of_cluster(cluster: KubeconfigCluster) -> Iterator[tuple[str, str]]:
    for title, path in _COLLECTIONS.items():
        try:
            found = cluster.items(path)
        except Refused as exc:
            yield f"objects/{title}.txt", str(exc)
            continue
        yield f"objects/{title}.json", _json([hidden(each) for each in found])
        if title == "pods":
            for pod in found:
                yield from _logs(cluster, pod)


def _logs(cluster: KubeconfigCluster, pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    metadata = pod["metadata"]
    place = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    restarted = {one["name"] for one in facts.containers(pod) if one.get("restartCount")}
    for one in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        for previous in (False, True) if one["name"] in restarted else (False,):
            query = {"container": one["name"], "tailLines": str(_LINES)}
            if previous:
                query["previous"] = "true"
            suffix = ".previous.log" if previous else ".log"
            try:
                text = cluster.text(place, query=query)
            except Refused as exc:
                text = f"({exc})\n"
            yield f"logs/{metadata['namespace']}/{metadata['name']}/{one['name']}{suffix}", text


def _versions(box: Opened) -> dict[str, Any]:
    return {
        "appliance": sandbox.__version__,
        "python": sys.version,
        "system": platform.platform(),
        "docker": box.docker.version(),
        "sandbox": box.node.spec.version,
        "distribution": box.node.spec.distribution,
    }


def _status(box: Opened) -> dict[str, Any]:
    told = status.inspect(box.node.spec.name).to_json()
    endpoints = {name: told["endpoints"][name] for name in ("grpc", "console", "object_store")}
    return {**told, "endpoints": endpoints}  # the others tell passwords


def _findings(box: Opened) -> list[dict[str, str]]:
    """What `sandbox doctor` says of it."""
    return [
        {"title": one.title, "verdict": one.verdict.value, "detail": one.detail, "remedy": one.remedy}
        for one in doctor.examine(box.node.spec.name)
    ]


def _container(box: Opened) -> dict[str, Any]:
    with errors("Docker does not describe the node's container"):
        found = dict(box.docker.api.inspect_container(box.node.id))
    shown = ("Config", "HostConfig", "State", "Mounts", "NetworkSettings")
    return hidden({key: found.get(key) for key in shown})


def _run(box: Opened, script: str) -> str:
    output = execution.run(box.docker, box.node, ["sh", "-c", script])
    return output.text + output.stderr.decode(errors="replace")


def _told(tell: Callable[[], str]) -> str:
    try:
        return tell()
    except ApplianceError as exc:
        return f"{exc}\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"
