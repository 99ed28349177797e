"""Dask tasks as DaskJobs: a job runner, a scheduler, and workers, which alone may be interrupted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import Any

from flyteidl.core import tasks_pb2
from flyteidl.plugins import dask_pb2

from sandbox.executors import quantities
from sandbox.executors.api import AttemptPhase, TaskRequest
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.kinds import Api, Printer
from sandbox.executors.kubernetes.plugins import roles, statuses
from sandbox.executors.kubernetes.plugins.roles import Role
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

_RUNNER = "job-runner"
_PORTS = (("tcp-comm", 8786), ("dashboard", 8787))


class Dask:
    """`DaskJob`, of Dask's operator."""

    api = Api("kubernetes.dask.org", "v1", "daskjobs")
    operator = "the Dask operator"

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The job of an attempt; raises BadTaskError and RenderingError."""
        job = dask_pb2.DaskJob()
        roles.custom(request, job)
        runner = roles.of(request, settings, interruptible=False)
        runner.rename(_RUNNER)
        runner.spec["restartPolicy"] = "Never"
        cluster = {
            "worker": _workers(request, settings, job.workers),
            "scheduler": _scheduler(request, settings, job.scheduler),
        }
        return {
            "apiVersion": f"{self.api.group}/{self.api.version}",
            "kind": "DaskJob",
            "metadata": ownership.metadata(request, settings),
            "spec": {
                "job": {"metadata": runner.metadata(), "spec": runner.spec},
                "cluster": {
                    "metadata": runner.metadata(),
                    "spec": cluster,
                },
            },
        }

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        """What the job's status means for the attempt."""
        match statuses.of(found).get("jobStatus"):
            case None | "":
                return statuses.untouched(found, now, settings, operator=self.operator)
            case "JobCreated":
                return Verdict(AttemptPhase.INITIALIZING, "job created")
            case "ClusterCreated":
                return Verdict(AttemptPhase.INITIALIZING, "cluster created")
            case "Failed":
                return statuses.user_failure("DownstreamSystemError", "the Dask job failed")
            case "Successful":
                return Verdict(AttemptPhase.SUCCEEDED)
            case _:
                return Verdict(AttemptPhase.RUNNING)

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        """The cluster and the runner's pod belong to the job."""
        return dict(statuses.WITH_ALL)

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        """The job runner, once there is one."""
        pod = statuses.of(found).get("jobRunnerPodName")
        return Printer("", str(pod), _RUNNER) if pod else None


def _workers(
    request: TaskRequest, settings: KubernetesSettings, group: dask_pb2.DaskWorkerGroup
) -> dict[str, Any]:
    role = _part(roles.of(request, settings), request, settings, group.image, group.resources)
    role.rename("dask-worker")
    limits = (role.container.get("resources") or {}).get("limits") or {}
    args = ["dask-worker", "--name", "$(DASK_WORKER_NAME)"]
    if "cpu" in limits:
        args += ["--nthreads", str(ceil(quantities.to_number(limits["cpu"])))]
    if "memory" in limits:
        args += ["--memory-limit", limits["memory"]]
    role.container["args"] = args
    return {
        "replicas": group.number_of_workers,
        "metadata": role.metadata(),
        "spec": role.spec,
    }


def _scheduler(
    request: TaskRequest, settings: KubernetesSettings, wish: dask_pb2.DaskScheduler
) -> dict[str, Any]:
    role = roles.of(request, settings, interruptible=False)
    role = _part(role, request, settings, wish.image, wish.resources)
    role.rename("scheduler")
    role.container["args"] = ["dask-scheduler"]
    role.container["ports"] = [
        {"name": name, "containerPort": port, "protocol": "TCP"} for name, port in _PORTS
    ]
    return {
        "metadata": role.metadata(),
        "spec": role.spec,
        "service": {
            "type": "NodePort",
            "selector": {"dask.org/cluster-name": request.unique_name, "dask.org/component": "scheduler"},
            "ports": [
                {"name": name, "protocol": "TCP", "port": port, "targetPort": name} for name, port in _PORTS
            ],
        },
    }


def _part(
    role: Role,
    request: TaskRequest,
    settings: KubernetesSettings,
    image: str,
    resources: tasks_pb2.Resources,
) -> Role:
    """A part of the cluster: the operator makes Deployments of them."""
    if image:
        role.container["image"] = image
    role.take(resources, request, settings)
    role.spec["restartPolicy"] = "Always"
    return role
