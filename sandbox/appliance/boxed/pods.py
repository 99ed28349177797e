"""Pods, as a person wants to see them. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.appliance.diagnosis import facts

COMPONENT = "app.kubernetes.io/name"
EXECUTION = "execution-id"
NODE = "node-id"


@dataclass(frozen=True, slots=True)
class PodStatus:
    """One pod."""

    namespace: str
    name: str
    component: str
    """Of the control plane; empty: a task's pod."""
    phase: str
    """As kubectl shows it: the phase, or what keeps it from running (`CrashLoopBackOff`)."""
    ready: int
    containers: int
    restarts: int
    image: str
    """Of its first container."""
    age: float
    """Seconds."""
    message: str
    """Why it is not well, in Kubernetes' words; empty otherwise."""
    replaced: bool = False
    """It ended for good, thrown off its node say, and its Deployment has made another one."""

    @property
    def lasting(self) -> bool:
        """It is there to do its work; False: it has done it, or another one takes its place."""
        return self.phase not in ("Succeeded", "Terminating") and not self.replaced

    @property
    def healthy(self) -> bool:
        """It does its work, or has done it."""
        return self.phase == "Succeeded" or (self.phase == "Running" and self.ready == self.containers)


def of(pod: Mapping[str, Any], now: dt.datetime) -> PodStatus:
    """From an object of the API."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    statuses = status.get("containerStatuses") or []
    initial = status.get("initContainerStatuses") or []
    reason, message = _trouble(status, [*initial, *statuses])
    if metadata.get("deletionTimestamp"):
        reason = "Terminating"
    containers = spec.get("containers") or []
    return PodStatus(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        component=(metadata.get("labels") or {}).get(COMPONENT, ""),
        phase=reason or status.get("phase", "Unknown"),
        ready=sum(1 for one in statuses if one.get("ready")),
        containers=len(containers),
        restarts=sum(int(one.get("restartCount") or 0) for one in statuses),
        image=containers[0].get("image", "") if containers else "",
        age=max(0.0, (now - _time(metadata["creationTimestamp"])).total_seconds()),
        message=message,
        replaced=status.get("phase") == "Failed" and facts.is_replaced(pod),
    )


def _trouble(status: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> tuple[str, str]:
    """The word and the sentence for what is wrong; empty ones if nothing is."""
    if status.get("reason"):
        return str(status["reason"]), str(status.get("message") or "")
    for one in containers:
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return str(waiting["reason"]), str(waiting.get("message") or "")
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            return str(ended.get("reason") or "Error"), str(ended.get("message") or "")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return "", str(condition.get("message") or "")
    return "", ""


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
