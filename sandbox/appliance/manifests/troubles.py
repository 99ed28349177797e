"""What keeps pods from being ready, and which of it no time mends: by what the kubelet wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.appliance.manifests import resources
from sandbox.appliance.manifests.resources import Object

HOPELESS = frozenset(("InvalidImageName", "ErrImageNeverPull"))
"""Reasons of a waiting container that no time mends."""
PATIENCE = {
    "ErrImagePull": 45.0,
    "ImagePullBackOff": 45.0,
    "CreateContainerConfigError": 30.0,
    "CreateContainerError": 60.0,
}
"""Reasons that may go by → seconds after which they are believed."""
RESTARTS = 3
"""So often a container may die while its rollout is waited for."""
Deaths = Mapping[tuple[str, str], int]
"""Pod and container → how often it has died."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod is not ready."""

    pod: str
    container: str
    """Empty: the pod as a whole."""
    reason: str
    message: str
    hopeless: bool = False

    def __str__(self) -> str:
        where = f"{self.pod}/{self.container}" if self.container else self.pod
        return f"{where}: {self.reason}{': ' + self.message if self.message else ''}"


def deaths(pods: Iterable[Object]) -> Deaths:
    """How often the containers of pods have died."""
    return {
        (resources.name_of(pod), str(each["name"])): int(each.get("restartCount", 0))
        for pod in pods
        for each in _containers(pod)
    }


def of(pods: Iterable[Object], before: Deaths) -> list[Trouble]:
    """What keeps pods from being ready, worst first. `before`: deaths that say nothing of now, for what they
    were about may be mended."""
    found = []
    for pod in pods:
        if (pod.get("status") or {}).get("phase") == "Succeeded" or pod["metadata"].get("deletionTimestamp"):
            continue
        found += _pod_troubles(pod, before)
    return sorted(found, key=lambda trouble: not trouble.hopeless)


def _containers(pod: Object) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _pod_troubles(pod: Object, before: Deaths) -> list[Trouble]:
    name, status = resources.name_of(pod), pod.get("status") or {}
    found = [
        Trouble(name, "", str(condition.get("reason", "Unschedulable")), str(condition.get("message", "")))
        for condition in status.get("conditions", ())
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    if status.get("phase") == "Failed":
        found.append(Trouble(name, "", str(status.get("reason", "Failed")), str(status.get("message", ""))))
    for each in _containers(pod):
        trouble = _container_trouble(name, each, before.get((name, str(each["name"])), 0))
        if trouble:
            found.append(trouble)
    return found


def _container_trouble(pod: str, status: Mapping[str, Any], before: int) -> Trouble | None:
    container, state = str(status["name"]), status.get("state") or {}
    restarts = int(status.get("restartCount", 0))
    waiting, ended = state.get("waiting"), state.get("terminated")
    last = (status.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") in HOPELESS:
        return Trouble(pod, container, waiting["reason"], str(waiting.get("message", "")), hopeless=True)
    if restarts and last and not status.get("ready"):
        message = f"ended with {last.get('exitCode')} ({last.get('reason', '')}), restarted {restarts} times"
        reason = str((waiting or {}).get("reason") or "restarting")
        return Trouble(pod, container, reason, message, hopeless=restarts - before >= RESTARTS)
    if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return Trouble(pod, container, waiting["reason"], str(waiting.get("message", "")))
    if ended and ended.get("exitCode"):
        return Trouble(pod, container, str(ended.get("reason", "Error")), f"ended with {ended['exitCode']}")
    if state.get("running") and not status.get("ready"):
        return Trouble(pod, container, "not ready", "it runs, but its readiness probe fails")
    return None


class Suspects:
    """Remembers since when pods have had which trouble."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], float] = {}

    def judge(self, troubles: Sequence[Trouble], now: float) -> list[Trouble]:
        """Those of `troubles` that are to be believed; what pulls images alternates between two reasons."""
        keys = {self._key(trouble): trouble for trouble in troubles}
        self._since = {key: self._since.get(key, now) for key in keys}
        return [
            replace(each, hopeless=True)
            for key, each in keys.items()
            if each.hopeless or now - self._since[key] > PATIENCE.get(each.reason, float("inf"))
        ]

    @staticmethod
    def _key(trouble: Trouble) -> tuple[str, str, str]:
        pulling = trouble.reason in ("ErrImagePull", "ImagePullBackOff")
        return trouble.pod, trouble.container, "pull" if pulling else trouble.reason
