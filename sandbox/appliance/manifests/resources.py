"""The kinds of objects that manifests are made of: where the API server keeps them, and in which order they
are made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.appliance.manifests.errors import ManifestInvalid

Object = Mapping[str, Any]
"""A Kubernetes object as JSON has it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind."""

    name: str
    groups: tuple[str, ...]
    """Versions of its API that we know, newest first: `policy/v1`."""
    plural: str
    namespaced: bool = True
    kept: bool = False
    """Holds what is nobody's to delete but a person's: never pruned."""

    @property
    def group(self) -> str:
        """Without its version; empty for the core."""
        return self.groups[0].rpartition("/")[0]


KINDS = (
    Kind("Namespace", ("v1",), "namespaces", namespaced=False, kept=True),
    Kind("ServiceAccount", ("v1",), "serviceaccounts"),
    Kind("ClusterRole", ("rbac.authorization.k8s.io/v1",), "clusterroles", namespaced=False),
    Kind("ClusterRoleBinding", ("rbac.authorization.k8s.io/v1",), "clusterrolebindings", namespaced=False),
    Kind("Role", ("rbac.authorization.k8s.io/v1",), "roles"),
    Kind("RoleBinding", ("rbac.authorization.k8s.io/v1",), "rolebindings"),
    Kind("ConfigMap", ("v1",), "configmaps"),
    Kind("Secret", ("v1",), "secrets"),
    Kind("PersistentVolumeClaim", ("v1",), "persistentvolumeclaims", kept=True),
    Kind("NetworkPolicy", ("networking.k8s.io/v1",), "networkpolicies"),
    Kind("Service", ("v1",), "services"),
    Kind("PodDisruptionBudget", ("policy/v1", "policy/v1beta1"), "poddisruptionbudgets"),
    Kind("StatefulSet", ("apps/v1",), "statefulsets"),
    Kind("Job", ("batch/v1",), "jobs"),
    Kind("Deployment", ("apps/v1",), "deployments"),
    Kind("Ingress", ("networking.k8s.io/v1",), "ingresses"),
    Kind(
        "MutatingWebhookConfiguration",
        ("admissionregistration.k8s.io/v1",),
        "mutatingwebhookconfigurations",
        namespaced=False,
    ),
)
"""In the order in which objects are made: what others need comes first."""

_BY_NAME = {kind.name: kind for kind in KINDS}
_ORDER = {kind.name: index for index, kind in enumerate(KINDS)}


def kind_of(found: Object) -> Kind:
    """Raises ManifestInvalid for a kind that manifests are not made of."""
    name, version = found.get("kind", ""), found.get("apiVersion", "")
    kind = _BY_NAME.get(name)
    if kind is None or version not in kind.groups:
        raise ManifestInvalid(
            f"{version} {name} is no kind that manifests are made of", "", "Report it with the values used."
        )
    return kind


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are made."""
    return sorted(objects, key=lambda found: _ORDER[kind_of(found).name])


def name_of(found: Object) -> str:
    """`metadata.name`"""
    return str(found["metadata"]["name"])


def title(found: Object) -> str:
    """`Deployment flyteadmin`, for people."""
    return f"{found['kind']} {name_of(found)}"


def path(found: Object) -> str:
    """The object's own path at the API server."""
    kind = kind_of(found)
    where = collection(kind, str(found["apiVersion"]), found["metadata"].get("namespace"))
    return f"{where}/{name_of(found)}"


def collection(kind: Kind, version: str, namespace: str | None) -> str:
    """The path of all objects of a kind, in one namespace if it has them."""
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = f"/namespaces/{namespace}" if kind.namespaced and namespace else ""
    return f"{root}{inside}/{kind.plural}"
