"""What is known about a cluster at one moment: Kubernetes' objects, in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Object = Mapping[str, Any]
RECENT = timedelta(minutes=15)
"""Events that are older tell of troubles that may be over."""


_REPLACING = ("ReplicaSet", "StatefulSet", "DaemonSet")


class Place(NamedTuple):
    """One container of a pod."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at everything that matters; any part may be missing."""

    now: datetime
    """Aware, UTC: when it was looked."""
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    nodes: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    """PersistentVolumeClaims."""
    quotas: Sequence[Object] = ()
    """ResourceQuotas."""
    logs: Mapping[Place, str] = field(default_factory=dict)
    """The last lines of what `crashes.wanted_logs` names."""

    def about(self, found: Object) -> list[Object]:
        """The warnings about an object, the newest first."""
        uid = found["metadata"].get("uid")
        return self._sorted(
            event
            for event in self.events
            if event.get("type") == "Warning" and (event.get("involvedObject") or {}).get("uid") == uid
        )

    def recent(self, kind: str) -> list[Object]:
        """Warnings about objects of a kind within the last minutes, the newest first."""
        return self._sorted(
            event
            for event in self.events
            if event.get("type") == "Warning"
            and (event.get("involvedObject") or {}).get("kind") == kind
            and self.now - seen_at(event, self.now) < RECENT
        )

    def _sorted(self, events: Iterable[Object]) -> list[Object]:
        return sorted(events, key=lambda event: seen_at(event, self.now), reverse=True)


def seen_at(event: Object, default: datetime) -> datetime:
    """When an event happened last."""
    series = event.get("series") or {}
    for text in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")):
        if text:
            return moment(text, default)
    return moment(event["metadata"].get("creationTimestamp"), default)


def moment(text: str | None, default: datetime) -> datetime:
    """A time as Kubernetes writes it."""
    if not text:
        return default
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def name(found: Object) -> str:
    """An object for a person: `flyteadmin-7d in flyte`; of an execution's pod, whose it is."""
    metadata = found["metadata"]
    labels = metadata.get("labels") or {}
    there = (
        f"{metadata['name']} in {metadata['namespace']}" if metadata.get("namespace") else metadata["name"]
    )
    execution, node = labels.get("execution-id"), labels.get("node-id")
    if not execution:
        return there
    return f"{there} (execution {execution}, node {node})" if node else f"{there} (execution {execution})"


def is_over(pod: Object) -> bool:
    """Whether a pod has come to its end and holds nothing any more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_replaced(pod: Object) -> bool:
    """Whether somebody makes another pod when this one has ended for good."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(one.get("controller") and one.get("kind") in _REPLACING for one in owners)


def containers(pod: Object) -> list[Object]:
    """The statuses of all its containers, those that come first in front."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def waiting(container: Object) -> Object:
    """Why a container's status says that it waits; empty: it doesn't."""
    found: Object = (container.get("state") or {}).get("waiting") or {}
    return found


def image_of(pod: Object, container: str) -> str:
    """The image that a container asks for, as its author wrote it."""
    spec = pod.get("spec") or {}
    for one in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        if one.get("name") == container:
            return str(one.get("image", ""))
    return ""
