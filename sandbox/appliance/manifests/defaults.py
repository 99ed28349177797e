"""What each profile begins with, and which manifests it is made of: data, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.appliance.manifests.values import Values
from sandbox.appliance.node import distributions

DEMO = "demo"
SANDBOX = "sandbox"
CLUSTER = "cluster"

_FOUNDATION = ("namespace", "networkpolicies", "config", "credentials", "postgres", "minio", "migrate")
_ROLES = (
    "flyteadmin",
    "flytepropeller",
    "datacatalog",
    "flyteconsole",
    "flytescheduler",
    "flyte-pod-webhook",
    "syncresources",
)
_OPTIONAL = ("docker-registry", "kubernetes-dashboard")

MANIFESTS: Mapping[str, tuple[str, ...]] = {
    DEMO: (*_FOUNDATION, "flyte", *_OPTIONAL),
    SANDBOX: (*_FOUNDATION, *_ROLES, *_OPTIONAL),
    CLUSTER: (*_FOUNDATION, *_ROLES, *_OPTIONAL),
}
"""Profile → templates in `manifests/`, in the order in which they are rendered. Of something that is switched
off in the values, a template renders nothing."""

_NODE: Mapping[str, Any] = {"expose": {"type": "NodePort"}}

PROFILES: Mapping[str, Mapping[str, Any]] = {
    DEMO: _NODE,
    SANDBOX: _NODE,
    CLUSTER: {
        "expose": {"edge": "flyte.example.com:443", "objectStore": ""},
        "registry": {"enabled": False},
        "migrations": "job",
        "flyteadmin": {"replicas": 2},
        "flytepropeller": {"replicas": 2},
        "flyteconsole": {"replicas": 2},
        "flytePodWebhook": {"replicas": 2},
    },
}
"""Profile → what differs from the fields' own defaults, as a values file would say it."""


def of_node(distribution: str) -> Mapping[str, Any]:
    """What manifests need to know of a node."""
    return {"storage": {"className": distributions.get(distribution).facts.storage_class}}


def names(values: Values) -> tuple[str, ...]:
    """The templates of a profile."""
    return MANIFESTS[values.profile]
