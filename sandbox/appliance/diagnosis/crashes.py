"""Containers that end again and again, and pods that were thrown off their node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from sandbox.appliance.diagnosis import facts
from sandbox.appliance.diagnosis.facts import Facts, Object, Place
from sandbox.appliance.diagnosis.troubles import Trouble

_OFTEN = 3
_LATELY = timedelta(minutes=10)
_LINES = 5
_PROGRAM = re.compile(r"""exec: \\?"(?P<program>[^"\\]+)\\?": """)
_NO_LOG = "unable to retrieve container logs"


def wanted_logs(pods: Facts) -> list[Place]:
    """The containers of which the end of the *previous* log is wanted in `Facts.logs`."""
    return [
        Place(pod["metadata"]["namespace"], pod["metadata"]["name"], container.get("name", ""))
        for pod in pods.pods
        for container in facts.containers(pod)
        if _crashes(pods, container)
    ]


def look(known: Facts) -> list[Trouble]:
    """What each of them died of."""
    found = [
        _of_container(known, pod, container)
        for pod in known.pods
        for container in facts.containers(pod)
        if _crashes(known, container)
    ]
    return found + [_evicted(pod) for pod in known.pods if _was_thrown_off(known, pod)]


def _crashes(known: Facts, container: Object) -> bool:
    if facts.waiting(container).get("reason") == "CrashLoopBackOff":
        return True
    ended = _ended(container)
    if int(container.get("restartCount") or 0) < _OFTEN or not ended:
        return False
    return known.now - facts.moment(ended.get("finishedAt"), known.now) < _LATELY


def _ended(container: Object) -> Object:
    for word in ("lastState", "state"):
        found: Object | None = (container.get(word) or {}).get("terminated")
        if found:
            return found
    return {}


def _of_container(known: Facts, pod: Object, container: Object) -> Trouble:
    ended, name = _ended(container), container.get("name", "")
    times = int(container.get("restartCount") or 0)
    what = f"keeps ending: its container {name} was started again {times} times"
    said = str(ended.get("message", ""))
    program = _PROGRAM.search(said)
    place = Place(pod["metadata"]["namespace"], pod["metadata"]["name"], name)
    if ended.get("reason") == "OOMKilled":
        limit = _limit(pod, name)
        cause = f"it needs more memory than its limit of {limit}" if limit else "the node ran out of memory"
        remedy = "Give it a higher limit of memory."
    elif program:
        cause = f"its image has no program {program['program']!r}"
        remedy = "Correct its command, or build the program into the image."
    else:
        cause = (
            f"it ends with the exit code {ended.get('exitCode', '?')}{_last_lines(known.logs, place, said)}"
        )
        remedy = (
            f"See more with `kubectl logs --previous --namespace {place.namespace} {place.pod} "
            f"--container {name}`."
        )
    return Trouble(pod, what, cause, remedy, shared=False)


def _last_lines(logs: Mapping[Place, str], place: Place, said: str) -> str:
    text = logs.get(place, "")
    if not text.strip() or text.startswith(_NO_LOG):
        text = said
    lines = [line for line in text.strip().splitlines() if line.strip()][-_LINES:]
    return "; its last words:\n" + "\n".join(lines) if lines else ", and says nothing"


def _limit(pod: Object, name: str) -> str:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container.get("name") == name:
            return str(((container.get("resources") or {}).get("limits") or {}).get("memory", ""))
    return ""


def _was_thrown_off(known: Facts, pod: Object) -> bool:
    """Of a pod that is replaced, only lately: Kubernetes keeps it for long, and nothing is amiss any more."""
    if (pod.get("status") or {}).get("reason") != "Evicted":
        return False
    if not facts.is_replaced(pod):
        return True
    seen = [facts.seen_at(event, known.now) for event in known.about(pod) if event.get("reason") == "Evicted"]
    return any(known.now - moment < facts.RECENT for moment in seen)


def _evicted(pod: Object) -> Trouble:
    message = str((pod.get("status") or {}).get("message", "")).strip()
    what = "was thrown off its node"
    if re.search(r"ephemeral|emptydir|nodefs|imagefs|inodes", message, re.IGNORECASE):
        if re.search(r"exceed", message, re.IGNORECASE):
            cause = f"it wrote more to the disk than it may: {message}"
            remedy = "Raise the limit (`ephemeral_storage`, or the volume's `sizeLimit`), or write less."
        else:
            cause = f"the node's disk was nearly full: {message}"
            remedy = "Free space on the disk that Docker uses; tasks that were evicted are tried again."
    elif "DiskPressure" in message:
        cause = "the node's disk was nearly full (DiskPressure)"
        remedy = "Free space on the disk that Docker uses; what was thrown off is started again."
    elif "memory" in message.lower():
        cause = f"the node had too little memory left: {message}"
        remedy = "Have tasks ask for the memory that they need, so that fewer run at once."
    else:
        cause, remedy = message or "Kubernetes does not say why", "Look with `kubectl describe pod`."
    return Trouble(pod, what, cause, remedy)
