"""What a pod's status means for its attempt. Pure: a pod as Kubernetes' API gives it, in JSON, and the time.

The rules are Flyte's (`flyteplugins/go/tasks/pluginmachinery/flytek8s/pod_helper.go`): who is to blame
decides which retry budget pays; what may heal by itself (an image that cannot be pulled, a container that
cannot be created) gets a time of grace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind, LogLink
from sandbox.executors.kubernetes.pods import PRIMARY_ANNOTATION
from sandbox.executors.kubernetes.settings import KubernetesSettings

_OOM_KILLED = "OOMKilled"
_INTERRUPTED = "Interrupted"
_KILLED = (137, 247)
"""Exit codes of a container that got SIGKILL."""
_NODE_GONE = frozenset({"Shutdown", "Terminated", "NodeShutdown", "NodeLost", "Evicted", "Preempting"})
"""Reasons of a failed pod that tell of its node, not of the task."""
_STARTING = frozenset({"", "ErrImagePull", "ContainerCreating", "PodInitializing"})
_HEALING = {
    "ImagePullBackOff": True,
    "CreateContainerError": False,
    "CreateContainerConfigError": False,
}
"""Reasons to wait that get a time of grace; whether another attempt may help after it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to report."""

    phase: AttemptPhase
    reason: str = ""
    error: AttemptError | None = None
    look_again: timedelta | None = None
    """The status will mean something else after this time, even if nothing changes."""
    logs: tuple[LogLink, ...] = ()
    """Beside the attempt's own log."""
    custom_info: Mapping[str, Any] | None = None
    """What whoever runs it has to say about it: JSON."""
    ends_others: bool = False
    """The attempt is as good as over, but what is beside it has to be ended before it is."""


def of(pod: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
    """What the pod says about its attempt."""
    status = pod.get("status") or {}
    match status.get("phase"):
        case "Succeeded":
            return _succeeded(status)
        case "Failed":
            return _failed(status, primary(pod))
        case "Running":
            return _running(pod, status)
        case _:
            return _pending(status, now, settings)


def gone(reason: str = "") -> Verdict:
    """The pod was deleted by someone else."""
    message = reason or "the pod was deleted from outside before its task was over"
    error = AttemptError("ResourceDeletedExternally", message, ErrorKind.SYSTEM, recoverable=True)
    return Verdict(AttemptPhase.FAILED, error=error)


def refused(code: int, message: str) -> Verdict:
    """The API server did not take the pod."""
    error = AttemptError(
        "BadTaskFormat" if code in (400, 422) else "RuntimeFailure",
        message,
        ErrorKind.USER,
        recoverable=code not in (400, 403, 404, 422),
    )
    return Verdict(AttemptPhase.FAILED, error=error)


def primary(pod: Mapping[str, Any]) -> str:
    """The name of the container that decides."""
    metadata = pod.get("metadata") or {}
    return str((metadata.get("annotations") or {}).get(PRIMARY_ANNOTATION) or metadata.get("name", ""))


def _succeeded(status: Mapping[str, Any]) -> Verdict:
    for container in _all_containers(status):
        terminated = (container.get("state") or {}).get("terminated") or {}
        if _OOM_KILLED in terminated.get("reason", ""):
            return _user_error(_OOM_KILLED, "the pod succeeded, although a container of it ran out of memory")
    return Verdict(AttemptPhase.SUCCEEDED)


def _running(pod: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    """A pod runs until all its containers are over, an attempt until the primary one is."""
    name = primary(pod)
    found = [one for one in status.get("containerStatuses") or () if one.get("name") == name]
    terminated = (found[0].get("state") or {}).get("terminated") if found else None
    if not terminated:
        node = (pod.get("spec") or {}).get("nodeName", "")
        return Verdict(AttemptPhase.RUNNING, f"runs on the node {node}" if node else "")
    if terminated.get("exitCode") == 0 and _OOM_KILLED not in terminated.get("reason", ""):
        return Verdict(AttemptPhase.SUCCEEDED)
    return _ended_badly(terminated.get("reason", "") or "Error", terminated, name)


def _ended_badly(code: str, terminated: Mapping[str, Any], name: str) -> Verdict:
    message = _end_of(name, terminated)
    if _OOM_KILLED in terminated.get("reason", ""):
        return _user_error(_OOM_KILLED, message)
    if terminated.get("exitCode") in _KILLED:
        return _system_error(_INTERRUPTED, message)
    return _user_error(code, message)


def _failed(status: Mapping[str, Any], primary: str) -> Verdict:
    reason = status.get("reason", "")
    if reason == "DeadlineExceeded":
        message = status.get("message", "") or "the task took longer than its timeout"
        return _user_error("TimeoutExpired", message)
    code, system = reason or "UnknownError", reason in _NODE_GONE
    words = [status.get("message", "") or "the pod failed, and Kubernetes does not say why"]
    for container in _all_containers(status):
        last = (container.get("lastState") or {}).get("terminated")
        terminated = last or (container.get("state") or {}).get("terminated")
        if not terminated:
            continue
        words.append(_end_of(container.get("name", ""), terminated))
        if _OOM_KILLED in terminated.get("reason", ""):
            code = _OOM_KILLED
        elif terminated.get("exitCode") in _KILLED:
            code = _INTERRUPTED
            system = system or container.get("name") == primary
        elif terminated.get("exitCode") and code == "UnknownError":
            code = terminated.get("reason", "") or "Error"
    message = "\n".join(words)
    if system or code == "UnknownError":
        return _system_error(_INTERRUPTED, message)
    return _user_error(code, message)


def _pending(status: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
    for condition in status.get("conditions") or ():
        if condition.get("status") != "False":
            continue
        if condition.get("type") == "PodScheduled":
            reason, message = condition.get("reason", ""), condition.get("message", "")
            return Verdict(AttemptPhase.QUEUED, f"{reason}: {message}")
        if condition.get("type") in ("Ready", "Initialized"):
            waiting = _waiting(status, condition, now, settings)
            if waiting is not None:
                return waiting
    return Verdict(AttemptPhase.QUEUED)


def _waiting(
    status: Mapping[str, Any], condition: Mapping[str, Any], now: datetime, settings: KubernetesSettings
) -> Verdict | None:
    for container in _all_containers(status):
        state = (container.get("state") or {}).get("waiting")
        if container.get("ready") or not state:
            continue
        reason, message = state.get("reason", ""), state.get("message", "")
        words = f"{reason}: {message}" if message else reason
        if reason in _STARTING:
            return Verdict(AttemptPhase.INITIALIZING, words)
        if reason in _HEALING:
            return _in_grace(reason, words, condition, now, settings)
        if reason == "InvalidImageName":
            error = AttemptError(reason, words, ErrorKind.USER, recoverable=False)
            return Verdict(AttemptPhase.FAILED, error=error)
        return _system_error(reason or "Waiting", words)
    return None


def _in_grace(
    reason: str, words: str, condition: Mapping[str, Any], now: datetime, settings: KubernetesSettings
) -> Verdict:
    grace = settings.image_pull_grace if reason == "ImagePullBackOff" else settings.create_grace
    left = grace - (now - _time(condition.get("lastTransitionTime"), now))
    if left > timedelta(0):
        return Verdict(AttemptPhase.INITIALIZING, words, look_again=left)
    message = f"{words} (for more than {grace.total_seconds():g} s)"
    error = AttemptError(reason, message, ErrorKind.USER, recoverable=_HEALING[reason])
    return Verdict(AttemptPhase.FAILED, error=error)


def _all_containers(status: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for word in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        yield from status.get(word) or ()


def _end_of(name: str, terminated: Mapping[str, Any]) -> str:
    code = terminated.get("exitCode", 0)
    if code == 0:
        return f"[{name}] terminated with exit code 0."
    said = terminated.get("message", "")
    return f"[{name}] terminated with exit code {code}: {terminated.get('reason', '')}. {said}".rstrip()


def _user_error(code: str, message: str) -> Verdict:
    return Verdict(AttemptPhase.FAILED, error=AttemptError(code, message, ErrorKind.USER, recoverable=True))


def _system_error(code: str, message: str) -> Verdict:
    return Verdict(AttemptPhase.FAILED, error=AttemptError(code, message, ErrorKind.SYSTEM, recoverable=True))


def _time(text: str | None, default: datetime) -> datetime:
    if not text:
        return default
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
