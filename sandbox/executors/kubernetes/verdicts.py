"""What a pod's status means for its attempt. Pure: a pod as Kubernetes' API gives it, in JSON, and the time.

The rules are Flyte's (`flyteplugins/go/tasks/pluginmachinery/flytek8s/pod_helper.go`): who is to blame
decides which retry budget pays; what may heal by itself (an image that cannot be pulled, a container that
cannot be created) gets a time of grace.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.copilot import exit_codes
from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind, LogLink
from sandbox.executors.kubernetes import copilot
from sandbox.executors.kubernetes.pods import PRIMARY_ANNOTATION
from sandbox.executors.kubernetes.settings import KubernetesSettings

_OOM_KILLED = "OOMKilled"
_INTERRUPTED = "Interrupted"
_KILLED = (137, 247)
"""Exit codes of a container that got SIGKILL."""
_NODE_GONE = frozenset({"Shutdown", "Terminated", "NodeShutdown", "NodeLost", "Evicted", "Preempting"})
"""Reasons of a failed pod that tell of its node, not of the task."""
_DISRUPTED = "DisruptionTarget"
"""The condition that says who deletes a pod, and why (Kubernetes 1.26 and later)."""
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
    since: datetime | None = None
    """Aware: when it became so, as far as the object tells."""
    to_end: bool = False
    """Something of the object still runs that is to be ended, by deleting the object: what is beside a task
    that is over. If the phase is not terminal, the attempt is over only when that has ended."""


def of(pod: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
    """What the pod says about its attempt."""
    verdict = _of(pod, now, settings)
    if verdict.error is None or verdict.error.code != _OOM_KILLED:
        return verdict
    limits = [
        f"[{one.get('name')}] may use {one['resources']['limits']['memory']} of memory."
        for one in (pod.get("spec") or {}).get("containers") or ()
        if ((one.get("resources") or {}).get("limits") or {}).get("memory")
    ]
    message = "\n".join([verdict.error.message, *limits])
    return replace(verdict, error=replace(verdict.error, message=message))


def _of(pod: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
    status = pod.get("status") or {}
    match status.get("phase"):
        case "Succeeded":
            return replace(_succeeded(status), since=_ended_at(status))
        case "Failed":
            return replace(_failed(status, primary(pod)), since=_ended_at(status))
        case "Running":
            verdict = _running(pod, status)
        case _:
            verdict = _pending(status, now, settings)
    return replace(verdict, to_end=True) if verdict.phase.is_terminal else verdict


def gone(found: Mapping[str, Any]) -> Verdict:
    """The object was deleted by someone else; this is how it was last."""
    metadata, status = found.get("metadata") or {}, found.get("status") or {}
    words = f"{metadata.get('namespace')}/{metadata.get('name')} was deleted before its task was over"
    node = (found.get("spec") or {}).get("nodeName")
    said = [
        f"{one.get('reason', '')}: {one.get('message', '')}"
        for one in (status, *(status.get("conditions") or ()))
        if one is status or (one.get("type") == _DISRUPTED and one.get("status") == "True")
    ]
    reasons = [text for text in said if text != ": "]
    message = "; ".join([f"{words} (it was on the node {node})" if node else words, *reasons])
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


def has_begun(pod: Mapping[str, Any]) -> bool:
    """Whether its primary container runs, or has run: then there is a log."""
    name = primary(pod)
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if container.get("name") == name:
            state = container.get("state") or {}
            return bool(state.get("running") or state.get("terminated"))
    return False


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
    state = (found[0].get("state") or {}) if found else {}
    terminated = state.get("terminated")
    if not terminated:
        node = (pod.get("spec") or {}).get("nodeName", "")
        began = _moment((state.get("running") or {}).get("startedAt"))
        return Verdict(AttemptPhase.RUNNING, f"runs on the node {node}" if node else "", since=began)
    ended = _moment(terminated.get("finishedAt"))
    if _is_good(terminated):
        return _taken(pod, status) or Verdict(AttemptPhase.SUCCEEDED, since=ended)
    return replace(_ended_badly(terminated.get("reason", "") or "Error", terminated, name), since=ended)


def _taken(pod: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict | None:
    """While the outputs of a task that has ended are taken; None: nobody does."""
    how = copilot.uploader_of(pod)
    if not how:
        return None
    runs = Verdict(AttemptPhase.RUNNING, "its outputs are taken", to_end=how == copilot.CONTAINER)
    terminated = _terminated(status, copilot.UPLOADER)
    if terminated is None or how == copilot.SIDECAR:
        return runs
    return None if _is_good(terminated) else _pilot_failed(copilot.UPLOADER, terminated)


def _pilot_failed(name: str, terminated: Mapping[str, Any]) -> Verdict:
    """A copilot ended badly: it says so itself if that is the data's fault."""
    code = "InputDownloadFailed" if name == copilot.DOWNLOADER else "OutputUploadFailed"
    message = _end_of(name, terminated)
    if terminated.get("exitCode") == exit_codes.UNTRANSFERABLE:
        error = AttemptError(code, message, ErrorKind.USER, recoverable=False)
        return Verdict(AttemptPhase.FAILED, error=error)
    return _system_error(code, message)


def _is_good(terminated: Mapping[str, Any]) -> bool:
    return terminated.get("exitCode") == 0 and _OOM_KILLED not in terminated.get("reason", "")


def _terminated(status: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """How a container ended; None: it has not."""
    for container in _all_containers(status):
        if container.get("name") == name:
            return (container.get("state") or {}).get("terminated") or None
    return None


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
    if not reason:
        own = _terminated(status, primary)
        for name in (copilot.DOWNLOADER, copilot.UPLOADER):
            pilot = _terminated(status, name)
            if pilot is not None and not _is_good(pilot) and (own is None or _is_good(own)):
                return _pilot_failed(name, pilot)
        if own is not None and _is_good(own):
            return Verdict(AttemptPhase.SUCCEEDED)  # What is beside it does not decide.
    code, system = reason or "UnknownError", reason in _NODE_GONE
    words = [status["message"]] if status.get("message") else []
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
    message = "\n".join(words) or "the pod failed, and Kubernetes does not say why"
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
    left = grace - (now - (_moment(condition.get("lastTransitionTime")) or now))
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
    ended = f"exit code {code}{_signal(code)}: {terminated.get('reason', '')}"
    return f"[{name}] terminated with {ended}. {said}".rstrip()


def _signal(code: int) -> str:
    """In brackets, the signal that an exit code stands for, as shells have it."""
    try:
        return f" ({signal.Signals(code - 128).name})"
    except ValueError:
        return ""


def _user_error(code: str, message: str) -> Verdict:
    return Verdict(AttemptPhase.FAILED, error=AttemptError(code, message, ErrorKind.USER, recoverable=True))


def _system_error(code: str, message: str) -> Verdict:
    return Verdict(AttemptPhase.FAILED, error=AttemptError(code, message, ErrorKind.SYSTEM, recoverable=True))


def _ended_at(status: Mapping[str, Any]) -> datetime | None:
    """When the last of its containers ended."""
    ended = [
        _moment(((one.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        for one in _all_containers(status)
    ]
    return max((moment for moment in ended if moment is not None), default=None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None
