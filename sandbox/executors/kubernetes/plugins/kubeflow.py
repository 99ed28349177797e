"""What the jobs of Kubeflow's training operator have in common: replicas, policies, conditions. Pure.

A job has a pod template for each type of its replicas; all start from the task's own pod, in which the
primary container has the name that the operator looks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from flyteidl.core import tasks_pb2
from flyteidl.plugins import common_pb2
from flyteidl.plugins.kubeflow import common_pb2 as kubeflow_pb2

from sandbox.executors.api import AttemptPhase, TaskRequest
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.kinds import Api, Printer
from sandbox.executors.kubernetes.plugins import roles, statuses
from sandbox.executors.kubernetes.plugins.roles import Role
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

GROUP, VERSION = "kubeflow.org", "v1"
OPERATOR = "Kubeflow's training operator"
_RESTART = {
    common_pb2.RESTART_POLICY_NEVER: "Never",
    common_pb2.RESTART_POLICY_ON_FAILURE: "OnFailure",
    common_pb2.RESTART_POLICY_ALWAYS: "Always",
}
_CLEAN = {
    kubeflow_pb2.CLEANPOD_POLICY_NONE: "None",
    kubeflow_pb2.CLEANPOD_POLICY_RUNNING: "Running",
    kubeflow_pb2.CLEANPOD_POLICY_ALL: "All",
}


class ReplicaWish(Protocol):
    """What a task says about one type of replicas, in the plugins' messages of version 1."""

    replicas: int
    image: str
    resources: tasks_pb2.Resources
    restart_policy: Any
    common: common_pb2.CommonReplicaSpec

    def HasField(self, name: str) -> bool: ...


def count(wish: ReplicaWish) -> int:
    """How many are wished for."""
    return wish.common.replicas if wish.HasField("common") else wish.replicas


def plain(
    request: TaskRequest, settings: KubernetesSettings, container: str, replicas: int
) -> dict[str, Any]:
    """Replicas that are all like the task's own pod."""
    role = roles.of(request, settings)
    role.rename(container)
    return _replicas(role, replicas, "Never")


def wished(
    request: TaskRequest,
    settings: KubernetesSettings,
    container: str,
    wish: ReplicaWish,
    *,
    replicas: int | None = None,
    command: Iterable[str] = (),
) -> dict[str, Any]:
    """Replicas as a task wishes them: image, resources and `command` in place of the task's own."""
    said = wish.common if wish.HasField("common") else wish
    role = roles.of(request, settings)
    role.rename(container)
    role.take(said.resources, request, settings)
    if said.image:
        role.container["image"] = said.image
    if command:
        role.container["args"] = list(command)
    number = count(wish) if replicas is None else replicas
    return _replicas(role, number, _RESTART.get(said.restart_policy, "Never"))


def _replicas(role: Role, replicas: int, restart: str) -> dict[str, Any]:
    return {"replicas": replicas, "restartPolicy": restart, "template": role.template()}


def run_policy(wish: kubeflow_pb2.RunPolicy | None) -> dict[str, Any]:
    """What becomes of the pods of a job that is over, and how long it may take.

    A task that wishes nothing (None) leaves no pod behind that still runs, as parameter servers would.
    """
    if wish is None:
        return {"cleanPodPolicy": "Running"}
    return roles.without_empty(
        {
            "cleanPodPolicy": _CLEAN.get(wish.clean_pod_policy),
            "ttlSecondsAfterFinished": wish.ttl_seconds_after_finished or None,
            "activeDeadlineSeconds": wish.active_deadline_seconds or None,
            "backoffLimit": wish.backoff_limit or None,
        }
    )


class Training:
    """What is the same for all its jobs."""

    name: str
    """The kind, as Kubernetes writes it."""
    replicas: str
    """The field of the spec that has them."""
    container: str
    """What the operator wants the primary container of every replica to be called."""
    leaders: tuple[str, ...]
    """Types of replicas; the first that a job has is the one whose log is the attempt's."""
    api: Api
    operator = OPERATOR

    def job(
        self, request: TaskRequest, settings: KubernetesSettings, spec: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The object around a spec."""
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": self.name,
            "metadata": ownership.metadata(request, settings),
            "spec": dict(spec),
        }

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        """The newest condition that holds is what the job is in."""
        status = statuses.of(found)
        current = _current(status.get("conditions") or ())
        policy = (found.get("spec") or {}).get("runPolicy") or {}
        if not current and not status.get("startTime") and not policy.get("suspend"):
            return statuses.untouched(found, now, settings, operator=self.operator)
        info = dict(status)
        match current.get("type"):
            case None | "Created":
                return Verdict(AttemptPhase.QUEUED, "JobCreated", custom_info=info or None)
            case "Suspended":
                return Verdict(AttemptPhase.QUEUED, "Suspended", custom_info=info)
            case "Succeeded":
                return Verdict(AttemptPhase.SUCCEEDED, custom_info=info)
            case "Failed":
                words = f"the job failed: {current.get('reason', '')} - {current.get('message', '')}"
                failure = statuses.user_failure("DownstreamSystemError", words)
                return Verdict(failure.phase, error=failure.error, custom_info=info)
            case _:
                reason = current.get("message", "") if current.get("type") == "Restarting" else ""
                return Verdict(AttemptPhase.RUNNING, reason, custom_info=info)

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        """The pods belong to the job."""
        return dict(statuses.WITH_ALL)

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        """The replica that leads, once the job has begun."""
        if not statuses.of(found).get("startTime"):
            return None
        there = (found.get("spec") or {}).get(self.replicas) or {}
        leader = next((one for one in self.leaders if one in there), None)
        if leader is None:
            return None
        name = str((found.get("metadata") or {}).get("name", ""))
        # The operator's own names; of launchers there is one.
        pod = f"{name}-launcher" if leader == "Launcher" else f"{name}-{leader.lower()}-0"
        return Printer("", pod, self.container)


def _current(conditions: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one that changed last among those that hold; of equally new ones, the later in the list."""
    holding = [one for one in conditions if one.get("status") == "True"]
    ordered = sorted(holding, key=lambda one: str(one.get("lastTransitionTime") or ""))
    return ordered[-1] if ordered else {}
