"""The custom resources' definitions, just enough for an API server to take them: on a real cluster, the
operators bring their own."""

from __future__ import annotations

from typing import Any

from sandbox.executors.kubernetes.kinds import Api

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def name(api: Api) -> str:
    """Of the definition."""
    return f"{api.plural}.{api.group}"


def of(api: Api, kind: str) -> dict[str, Any]:
    """A namespaced resource of any shape, with a status of its own."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": api.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}
        },
    }
    names = {"plural": api.plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    metadata: dict[str, Any] = {"name": name(api)}
    if api.group.endswith(".k8s.io"):
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, for tests"}
    return {
        "metadata": metadata,
        "spec": {"group": api.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
