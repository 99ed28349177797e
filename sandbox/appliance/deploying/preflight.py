"""Whether a cluster can take a control plane, found out before anything is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sandbox.appliance.manifests import resources
from sandbox.appliance.manifests.cluster import Cluster, Refused
from sandbox.appliance.manifests.errors import ClusterUnfit
from sandbox.appliance.manifests.resources import Object
from sandbox.appliance.manifests.values import Values

OLDEST = (1, 20)
"""The oldest Kubernetes that is known to work."""
_VERBS = ("get", "create", "patch", "delete")
_LOOKED_AT = (
    resources.Kind("Pod", ("v1",), "pods"),
    resources.Kind("ReplicaSet", ("apps/v1",), "replicasets"),
)
"""What a rollout is watched by."""
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def check(cluster: Cluster, values: Values, objects: Iterable[Object]) -> str:
    """The cluster's version, for people; raises ClusterUnfit with all that is missing."""
    objects = list(objects)
    version = cluster.ask("GET", "/version")
    wrong = [
        *_version(version.get("gitVersion", "")),
        *_rights(cluster, values.namespace, objects),
        *_storage(cluster, objects),
        *_secrets(cluster, values),
    ]
    if wrong:
        raise ClusterUnfit(
            "the control plane can't be deployed to this cluster",
            "\n".join(wrong),
            "Mend it, or change the values, then deploy again: nothing was changed.",
        )
    return str(version.get("gitVersion", ""))


def _version(told: str) -> Iterator[str]:
    match = re.match(r"v?(\d+)\.(\d+)", told)
    if match is None or (int(match[1]), int(match[2])) < OLDEST:
        needed = f"{OLDEST[0]}.{OLDEST[1]}"
        yield f"Kubernetes {needed} or newer is needed; this is {told or 'of an unknown version'}."


def _rights(cluster: Cluster, namespace: str, objects: Iterable[Object]) -> Iterator[str]:
    kinds = {kind.name: kind for kind in (resources.kind_of(found) for found in objects)}
    for kind in kinds.values():
        refused = [verb for verb in _VERBS if not _may(cluster, kind, verb, namespace)]
        if refused:
            where = f" in the namespace {namespace}" if kind.namespaced else ""
            yield f"You may not {', '.join(refused)} {kind.plural}{where}."
    for kind in _LOOKED_AT:
        if not _may(cluster, kind, "list", namespace):
            yield f"You may not list {kind.plural} in the namespace {namespace}."


def _may(cluster: Cluster, kind: resources.Kind, verb: str, namespace: str) -> bool:
    attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
    if kind.namespaced:
        attributes["namespace"] = namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(cluster.ask("POST", _REVIEW, body=review)["status"].get("allowed"))


def _storage(cluster: Cluster, objects: Iterable[Object]) -> Iterator[str]:
    claims = [found for found in objects if found["kind"] == "PersistentVolumeClaim"]
    if not claims:
        return
    try:
        items = cluster.ask("GET", "/apis/storage.k8s.io/v1/storageclasses").get("items", ())
    except Refused:
        return  # who may not see them finds out when the claims are not bound
    classes = {
        resources.name_of(found): (found["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
        for found in items
    }
    there = ", ".join(classes) or "none"
    for name in sorted({found["spec"].get("storageClassName", "") for found in claims}):
        if name and name not in classes and name not in _made_by_hand(cluster):
            yield f"There is no StorageClass {name} (there are: {there}): see storage.className."
        elif not name and not any(classes.values()):
            yield (
                f"No StorageClass is the default (there are: {there}): set storage.className, or use an "
                "external PostgreSQL and S3."
            )


def _made_by_hand(cluster: Cluster) -> set[str]:
    """Classes that only volumes have: somebody made these for whoever names the class."""
    try:
        found = cluster.ask("GET", "/api/v1/persistentvolumes").get("items", ())
    except Refused:
        return set()  # who may not see them can't know
    return {str(volume["spec"].get("storageClassName", "")) for volume in found}


def _secrets(cluster: Cluster, values: Values) -> Iterator[str]:
    name = values.credentials.existing_secret
    if not name:
        return
    try:
        found = cluster.ask("GET", f"/api/v1/namespaces/{values.namespace}/secrets/{name}")
    except Refused as exc:
        yield f"The Secret {name} of credentials.existingSecret can't be read: {exc.message}"
        return
    missing = {"database-url", "s3-access-key", "s3-secret-key"} - (found.get("data") or {}).keys()
    if missing:
        yield f"The Secret {name} lacks {', '.join(sorted(missing))}."
