"""Kinds of objects in Kubernetes that an attempt may become: a pod, or a resource that an operator runs.

A kind is pure: it turns a request into the object, and the object as the API server gives it into what to
report. Everything else (creating, watching, aborting, forgetting) is the executor's, and the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes import pods, verdicts
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API server has a kind's objects. All of them are namespaced."""

    group: str
    """Empty: the core group."""
    version: str
    plural: str

    @property
    def root(self) -> str:
        """The path of the group's version: what the API server knows about it."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def all(self) -> str:
        """The path of the objects in all namespaces."""
        return f"{self.root}/{self.plural}"

    def objects(self, namespace: str) -> str:
        """The path of the objects in one namespace."""
        return f"{self.root}/namespaces/{namespace}/{self.plural}"

    def object(self, namespace: str, name: str) -> str:
        """The path of one object."""
        return f"{self.objects(namespace)}/{name}"


@dataclass(frozen=True, slots=True)
class Printer:
    """The container whose log is the attempt's."""

    selector: str
    """Chooses its pod by labels; empty: `pod` is its name."""
    pod: str
    container: str


class Kind(Protocol):
    """One kind of object. All methods are pure."""

    api: Api
    operator: str
    """What has to be installed for the API server to know this kind, for a person; empty: it always does."""

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The object to create. Its metadata is `ownership.metadata(...)`.

        Raises pods.BadTaskError and rendering.RenderingError: the attempt can never be run.
        """

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        """What the object says about its attempt. That it is being deleted is the executor's matter."""

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        """`DeleteOptions`: how the object is deleted together with what it started."""

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        """Whose log is the attempt's; None: nobody's (yet)."""


class Pod:
    """A pod: what every task type becomes that has no kind of its own."""

    api = Api("", "v1", "pods")
    operator = ""

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        return pods.build(request, settings)

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        return verdicts.of(found, now, settings)

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        return {
            "propagationPolicy": "Background",
            "gracePeriodSeconds": round(settings.grace.total_seconds()),
        }

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        if not verdicts.has_begun(found):
            return None
        return Printer("", str((found.get("metadata") or {}).get("name", "")), verdicts.primary(found))
