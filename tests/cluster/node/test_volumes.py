"""Claims of the default class get folders on the node's volume."""

from __future__ import annotations

from typing import Any

from sandbox.appliance.node import execution
from tests.cluster.nodes import Cluster, pod
from tests.waiting import eventually

CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
}


def test_data_outlives_the_pod_and_goes_with_the_claim(cluster: Cluster) -> None:
    with cluster.namespace("volumes") as namespace:
        cluster.apply(namespace, CLAIM, _writer("first", "echo kept > /data/file"))
        _wait_until_over(cluster, namespace, "first")
        volume = cluster.get("pvc", "data", "-n", namespace)["spec"]["volumeName"]
        folder = _folder(cluster.get("pv", volume))
        assert cluster.run("cat", f"{folder}/file").text == "kept\n"
        cluster.kubectl("delete", "pod", "first", "-n", namespace)
        cluster.apply(namespace, _writer("second", "cat /data/file"))
        _wait_until_over(cluster, namespace, "second")
        assert cluster.kubectl("logs", "second", "-n", namespace) == "kept\n"
        cluster.kubectl("delete", "pod", "second", "-n", namespace)
        cluster.kubectl("delete", "pvc", "data", "-n", namespace)
        eventually(
            lambda: execution.run(cluster.engine, cluster.node, ["test", "-e", folder]).code == 1,
            40,
            interval=0.5,
        )
        eventually(lambda: volume not in str(cluster.get("pv")), 20, interval=0.5)


def _folder(volume: dict[str, Any]) -> str:
    spec = volume["spec"]
    return str((spec.get("hostPath") or spec.get("local"))["path"])


def _writer(name: str, script: str) -> dict[str, Any]:
    """A pod without root's rights that works on the volume."""
    return pod(
        name,
        *("sh", "-c", script),
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        securityContext={"runAsUser": 65532, "runAsGroup": 65532, "runAsNonRoot": True},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        restartPolicy="Never",
    )


def _wait_until_over(cluster: Cluster, namespace: str, name: str) -> None:
    eventually(
        lambda: cluster.get("pod", name, "-n", namespace)["status"]["phase"] == "Succeeded", 40, interval=0.3
    )
