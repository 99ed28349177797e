"""Which pods are of the newest revision of what made them. Pure.

A Deployment's revisions are ReplicaSets of their own; a StatefulSet writes the revision on its pods; the pods
of a Job are the Job's, which is not another's of the same name before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.appliance.manifests.resources import Object

_NUMBER = "deployment.kubernetes.io/revision"
_HASH = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision."""

    owner: str
    """The uid of the ReplicaSet, StatefulSet or Job that has its pods."""
    name: str = ""
    """Of a StatefulSet's."""


def newest(found: Object, replica_sets: Iterable[Object]) -> Revision | None:
    """The revision that a Deployment, StatefulSet or Job goes to, as it is at the API server; None while its
    controller does not know yet what is wanted."""
    metadata, status = found["metadata"], found.get("status") or {}
    if found["kind"] == "Job":
        return Revision(metadata["uid"])
    if int(status.get("observedGeneration", 0)) < int(metadata.get("generation", 1)):
        return None
    if found["kind"] == "StatefulSet":
        return Revision(metadata["uid"], str(status.get("updateRevision", "")))
    number = (metadata.get("annotations") or {}).get(_NUMBER)
    for each in replica_sets:
        if (
            _owner(each) == metadata["uid"]
            and (each["metadata"].get("annotations") or {}).get(_NUMBER) == number
        ):
            return Revision(each["metadata"]["uid"])
    return None


def of(pod: Object) -> Revision | None:
    """The revision that a pod is of; None: nobody made it."""
    owner = _owner(pod)
    if owner is None:
        return None
    kind = next(each["kind"] for each in pod["metadata"]["ownerReferences"] if each["uid"] == owner)
    labels = pod["metadata"].get("labels") or {}
    return Revision(owner, str(labels.get(_HASH, "")) if kind == "StatefulSet" else "")


def _owner(found: Object) -> str | None:
    """The uid of what controls it."""
    owners = found["metadata"].get("ownerReferences") or ()
    return next((str(each["uid"]) for each in owners if each.get("controller")), None)
