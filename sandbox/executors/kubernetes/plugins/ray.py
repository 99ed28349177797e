"""Ray tasks as RayJobs: a head, groups of workers, and a pod that submits the task's command. Pure.

`pyflyte-execute` runs on the cluster, as the job's entry point: the head's and the workers' own containers
begin Ray and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml
from flyteidl.plugins import ray_pb2

from sandbox.executors.api import AttemptPhase, TaskRequest
from sandbox.executors.kubernetes import ownership, pods
from sandbox.executors.kubernetes.kinds import Api, Printer
from sandbox.executors.kubernetes.plugins import roles, statuses
from sandbox.executors.kubernetes.plugins.roles import Role
from sandbox.executors.kubernetes.plugins.settings import RaySettings
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

_PORTS = (("redis", 6379), ("head", 10001), ("dashboard", 8265))
_UPSCALING = {
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_DEFAULT: "Default",
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_CONSERVATIVE: "Conservative",
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_AGGRESSIVE: "Aggressive",
}
_WAITING = {"Suspended": "Suspended", "Suspending": "Suspending", "Waiting": "waits to be tried again"}
_WORKER_RESOURCES = {
    "CPU_REQUEST": "requests.cpu",
    "CPU_LIMITS": "limits.cpu",
    "MEMORY_REQUESTS": "requests.memory",
    "MEMORY_LIMITS": "limits.memory",
}


class Ray:
    """`RayJob`, of KubeRay."""

    api = Api("ray.io", "v1", "rayjobs")
    operator = "the KubeRay operator"

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The job of an attempt; raises BadTaskError and RenderingError."""
        job = ray_pb2.RayJob()
        roles.custom(request, job)
        own = settings.plugins.ray
        task = _pod(request, settings)
        own_end = job.shutdown_after_job_finishes
        cluster = {
            "headGroupSpec": _head(request, settings, job.ray_cluster),
            "workerGroupSpecs": [
                _workers(request, settings, group) for group in job.ray_cluster.worker_group_spec
            ],
            "enableInTreeAutoscaling": job.ray_cluster.enable_autoscaling,
        }
        if job.ray_cluster.HasField("autoscaler_options"):
            cluster["autoscalerOptions"] = _autoscaler(job.ray_cluster.autoscaler_options, settings)
        spec = {
            "entrypoint": " ".join(word or "''" for word in task.container.get("args") or ()),
            "shutdownAfterJobFinishes": own_end or own.shutdown_after_job,
            "ttlSecondsAfterFinished": (
                job.ttl_seconds_after_finished if own_end else round(own.ttl.total_seconds())
            ),
            "rayClusterSpec": cluster,
            "submitterPodTemplate": task.template(),
        }
        environment = job.runtime_env_yaml or _decoded(job.runtime_env)
        if environment:
            spec["runtimeEnvYAML"] = environment
        return {
            "apiVersion": f"{self.api.group}/{self.api.version}",
            "kind": "RayJob",
            "metadata": ownership.metadata(request, settings),
            "spec": spec,
        }

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        """What the job's deployment means for the attempt: first comes the cluster, then the job on it."""
        status = statuses.of(found)
        phase = str(status.get("jobDeploymentStatus") or "")
        info = roles.without_empty(
            {name: status.get(name) for name in ("jobId", "rayClusterName", "dashboardURL")}
        )
        match phase:
            case "" if not status and not (found.get("spec") or {}).get("suspend"):
                return statuses.untouched(found, now, settings, operator=self.operator)
            case "":
                return Verdict(AttemptPhase.QUEUED, "Scheduling")
            case "Initializing":
                return Verdict(AttemptPhase.INITIALIZING, "cluster is creating", custom_info=info or None)
            case "Complete" if status.get("jobStatus") != "FAILED":
                return Verdict(AttemptPhase.SUCCEEDED, custom_info=info or None)
            case "Complete" | "Failed":
                words = f"[{status.get('reason') or phase}] {status.get('message', '')}".strip()
                return statuses.system_failure("TaskFailedWithError", f"the Ray job failed: {words}")
            case _ if phase in _WAITING:
                return Verdict(AttemptPhase.QUEUED, _WAITING[phase], custom_info=info or None)
            case _:
                return Verdict(AttemptPhase.RUNNING, custom_info=info or None)

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        """The cluster and the submitting pod belong to the job."""
        return dict(statuses.WITH_ALL)

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        """The pod that submitted: it shows what the job prints."""
        name = str((found.get("metadata") or {}).get("name", ""))
        if not statuses.of(found).get("jobId"):
            return None
        return Printer(f"job-name={name}", "", _submitter(found))


def _submitter(found: Mapping[str, Any]) -> str:
    template = (found.get("spec") or {}).get("submitterPodTemplate") or {}
    containers = (template.get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("name", ""))


def _pod(request: TaskRequest, settings: KubernetesSettings) -> Role:
    role = roles.of(request, settings)
    if settings.plugins.ray.service_account:
        role.spec["serviceAccountName"] = settings.plugins.ray.service_account
    return role


def _head(request: TaskRequest, settings: KubernetesSettings, cluster: ray_pb2.RayCluster) -> dict[str, Any]:
    own, role = settings.plugins.ray, _pod(request, settings)
    _become(role, "ray-head", [_field("MY_POD_IP", "status.podIP")])
    role.overlay(cluster.head_group_spec.k8s_pod, settings)
    params = dict(cluster.head_group_spec.ray_start_params)
    params.setdefault("include-dashboard", str(own.dashboard).lower())
    params.setdefault("dashboard-host", own.dashboard_host)
    return {
        "serviceType": own.service_type,
        "enableIngress": False,
        "rayStartParams": _params(params, own),
        "template": role.template(),
    }


def _workers(
    request: TaskRequest, settings: KubernetesSettings, group: ray_pb2.WorkerGroupSpec
) -> dict[str, Any]:
    role = _pod(request, settings)
    name = "ray-worker"
    given: list[dict[str, Any]] = [
        {"name": "RAY_DISABLE_DOCKER_CPU_WARNING", "value": "1"},
        {"name": "TYPE", "value": "worker"},
        *(
            {
                "name": word,
                "valueFrom": {"resourceFieldRef": {"containerName": name, "resource": resource}},
            }
            for word, resource in _WORKER_RESOURCES.items()
        ),
        _field("MY_POD_NAME", "metadata.name"),
        _field("MY_POD_IP", "status.podIP"),
    ]
    _become(role, name, given)
    role.container["lifecycle"] = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "ray stop"]}}}
    role.overlay(group.k8s_pod, settings)
    return {
        "groupName": group.group_name,
        "replicas": group.replicas,
        "minReplicas": min(group.min_replicas, group.replicas),
        "maxReplicas": max(group.max_replicas, group.replicas),
        "rayStartParams": _params(dict(group.ray_start_params), settings.plugins.ray),
        "template": role.template(),
    }


def _become(role: Role, name: str, variables: list[dict[str, Any]]) -> None:
    """A node of the cluster: KubeRay gives it its command."""
    role.rename(name)
    container = role.container
    container["args"] = []
    container["env"] = [*(container.get("env") or ()), *variables]
    container["ports"] = [
        *(container.get("ports") or ()),
        *({"name": port, "containerPort": number} for port, number in _PORTS),
    ]


def _params(params: dict[str, str], own: RaySettings) -> dict[str, str]:
    params.setdefault("node-ip-address", own.ip_address)
    if not own.usage_stats:
        params.setdefault("disable-usage-stats", "true")
    return params


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _autoscaler(options: ray_pb2.AutoscalerOptions, settings: KubernetesSettings) -> dict[str, Any]:
    return roles.without_empty(
        {
            "idleTimeoutSeconds": options.idle_timeout_seconds,
            "upscalingMode": _UPSCALING.get(options.upscaling_mode),
            "image": options.image,
            "resources": pods.amounts(options.resources, settings),
            "env": [{"name": pair.key, "value": pair.value} for pair in options.env],
        }
    )


def _decoded(text: str) -> str:
    """A runtime environment as plugins gave it that knew no YAML: JSON, in base 64."""
    if not text:
        return ""
    try:
        return yaml.safe_dump(json.loads(base64.b64decode(text)))
    except (binascii.Error, ValueError) as exc:
        raise BadTaskError(f"the task's Ray runtime environment can't be read: {exc}") from exc
