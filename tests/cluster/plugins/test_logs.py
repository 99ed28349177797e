"""The log of an attempt that is a custom resource: of the pod that leads, as its operator calls it."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.executors.kubernetes import logs
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.plugins.task_types import KINDS
from tests.waiting import eventually

IMAGE = "python:3.11-slim"
NAME = "abc-n0-0"
BEGUN = {"startTime": "2026-01-01T00:00:00Z"}
SUBMITTER = {"submitterPodTemplate": {"spec": {"containers": [{"name": "submitter"}]}}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, str], str]] = {
    "spark": (
        {},
        {"driverInfo": {"podName": f"{NAME}-driver"}},
        f"{NAME}-driver",
        {},
        "spark-kubernetes-driver",
    ),
    "dask": ({}, {"jobRunnerPodName": f"{NAME}-runner"}, f"{NAME}-runner", {}, "job-runner"),
    "ray": (SUBMITTER, {"jobId": "1"}, f"{NAME}-x7f2k", {"job-name": NAME}, "submitter"),
    "pytorch": ({"pytorchReplicaSpecs": {"Master": {}}}, BEGUN, f"{NAME}-master-0", {}, "pytorch"),
    "tensorflow": ({"tfReplicaSpecs": {"Worker": {}}}, BEGUN, f"{NAME}-worker-0", {}, "tensorflow"),
    "mpi": ({"mpiReplicaSpecs": {"Launcher": {}}}, BEGUN, f"{NAME}-launcher", {}, "mpi"),
}
"""Spec and status of the resource; name, labels and container of the pod."""


@pytest.mark.parametrize("task_type", CASES)
def test_what_the_leading_pod_printed_is_the_attempts_log(
    client: Client, namespace: str, task_type: str
) -> None:
    spec, status, pod, labels, container = CASES[task_type]
    running = {
        "metadata": {"name": pod, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {"name": container, "image": IMAGE, "command": ["echo", f"hello from {task_type}"]}
            ],
        },
    }
    path = f"/api/v1/namespaces/{namespace}/pods"
    client.create(path, running)
    eventually(lambda: client.get(f"{path}/{pod}")["status"].get("phase") == "Succeeded", timeout=120)
    found = {"metadata": {"name": NAME}, "spec": spec, "status": status}
    printer = KINDS[task_type].printer(found)
    assert printer is not None
    assert b"".join(logs.read(client, namespace, printer)) == f"hello from {task_type}\n".encode()
