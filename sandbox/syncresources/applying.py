"""Writing objects into the cluster by server-side apply: fields of ours are as we say, others stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import APPLY_PATCH, Client

MANAGER = "flyte-syncresources"
MANAGED_BY = "app.kubernetes.io/managed-by"
_QUERY = {"fieldManager": MANAGER, "force": "true"}


class UnknownKind(Exception):
    """The API server knows no such kind of object."""


class Applier:
    """Of one cluster. One thread's."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}
        """By API version and kind: its name in paths, and whether its objects are in namespaces."""

    def namespaces(self) -> dict[str, Mapping[str, str]]:
        """Those that were written by this, and are not about to go, with their annotations. Raises
        KubernetesError."""
        pages = self._client.list("/api/v1/namespaces", {"labelSelector": f"{MANAGED_BY}={MANAGER}"})
        return {
            str(found["metadata"]["name"]): found["metadata"].get("annotations") or {}
            for page in pages
            for found in page.get("items") or ()
            if not found["metadata"].get("deletionTimestamp")
        }

    def apply(self, wanted: Mapping[str, Any], namespace: str) -> None:
        """Have an object be as wanted; what is in no namespace of its own goes into this one.

        Raises KubernetesError, UnknownKind.
        """
        version, kind = str(wanted["apiVersion"]), str(wanted["kind"])
        plural, namespaced = self._plural(version, kind)
        metadata = dict(wanted["metadata"])
        metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED_BY: MANAGER}
        path = _root(version)
        if namespaced:
            metadata.setdefault("namespace", namespace)
            path += f"/namespaces/{metadata['namespace']}"
        body = {**wanted, "metadata": metadata}
        self._client.patch(f"{path}/{plural}/{metadata['name']}", body, APPLY_PATCH, _QUERY)

    def _plural(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._plurals:
            try:
                known = self._client.get(_root(version)).get("resources") or ()
            except errors.NotFound as exc:
                raise UnknownKind(f"the cluster does not know {version}") from exc
            for found in known:
                if "/" not in found["name"]:
                    entry = (str(found["name"]), bool(found["namespaced"]))
                    self._plurals[version, str(found["kind"])] = entry
        try:
            return self._plurals[version, kind]
        except KeyError:
            raise UnknownKind(f"the cluster does not know the kind {kind} of {version}") from None


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
