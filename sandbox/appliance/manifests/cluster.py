"""The API server as this room asks it: JSON over HTTP, errors in our own words.

`Cluster` is what applying, waiting and looking need; `connect` makes one from a kubeconfig.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sandbox.appliance.manifests.errors import ClusterUnreachable, ManifestError
from sandbox.executors.kubernetes import connections, errors
from sandbox.executors.kubernetes.client import Client

APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_REMEDY = "Look whether the cluster runs and the kube context is the right one, then try again."


class Refused(ManifestError):
    """The API server answered, and it said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.message = message or reason or str(status)
        super().__init__(
            "the cluster refuses what it was asked",
            self.message,
            "Use a kube context with more rights, or ask the cluster's administrator.",
        )
        self.status = status
        self.reason = reason
        """In Kubernetes' words: `NotFound`, `Forbidden`, `Invalid`; may be empty."""


class Cluster(Protocol):
    """One API server, with somebody's rights."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """One request; raises Refused, or ClusterUnreachable if nobody answers."""

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        """An answer that is no JSON, such as a log; raises as `ask` does."""


def find(cluster: Cluster, path: str) -> dict[str, Any] | None:
    """The object, or None if there is none."""
    try:
        return cluster.ask("GET", path)
    except Refused as exc:
        if exc.status == 404:
            return None
        raise


def group_versions(cluster: Cluster) -> set[str]:
    """All versions of API groups that are served: `apps/v1`, `policy/v1beta1`, …"""
    groups = cluster.ask("GET", "/apis")["groups"]
    return {version["groupVersion"] for group in groups for version in group["versions"]}


class KubeconfigCluster:
    """A `Cluster` by what a kubeconfig says. All methods raise Refused, and ClusterUnreachable if nobody
    answers."""

    def __init__(self, client: Client, server: str, remedy: str = _REMEDY) -> None:
        self.client = client
        """What asks: raises the errors of `executors.kubernetes`."""
        self.server = server
        """Its URL, for people."""
        self._remedy = remedy

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        with self._errors():
            if method == "GET":
                return self.client.get(path, query)
            if method == "POST":
                return self.client.create(path, body or {}, query)
            if method == "PATCH":
                return self.client.patch(path, body, content_type, query)
            if method == "PUT":
                return self.client.replace(path, body or {})
            if method == "DELETE":
                return self.client.delete(path, body)
        raise ValueError(f"no method: {method}")

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        with self.stream(path, query=query) as pieces:
            return b"".join(pieces).decode("utf-8", "replace")

    @contextmanager
    def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, read_timeout: float = 60.0
    ) -> Iterator[Iterator[bytes]]:
        """An answer as it comes; `read_timeout`: seconds without a byte."""
        with self._errors(), self.client.open(path, query, read_timeout=read_timeout) as pieces:
            yield pieces

    def items(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """All objects of a list."""
        with self._errors():
            return [item for page in self.client.list(path, query) for item in page.get("items") or ()]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except errors.Refused as exc:
            raise Refused(exc.code, exc.reason, exc.message) from exc
        except errors.KubernetesError as exc:
            raise ClusterUnreachable(
                f"the Kubernetes API server {self.server} does not do what it is asked",
                str(exc),
                self._remedy,
            ) from exc


def connect(
    kubeconfig: Path | None = None, context: str | None = None, environ: Mapping[str, str] | None = None
) -> KubeconfigCluster:
    """By a kubeconfig (None: the person's own) and one of its contexts (None: the current one); raises
    ClusterUnreachable if they can't be used. Nothing is asked yet."""
    given = os.environ if environ is None else environ
    try:
        connection = connections.by_kubeconfig(kubeconfig or _own(context, given), context, given)
    except errors.KubernetesError as exc:
        raise ClusterUnreachable(
            f"the kube context {context!r} can't be used" if context else "there is no usable kube context",
            str(exc),
            "Look at `kubectl config get-contexts`.",
        ) from exc
    return KubeconfigCluster(Client(connection), connection.server)


def _own(context: str | None, environ: Mapping[str, str]) -> Path:
    """The person's kubeconfig: of several in $KUBECONFIG, the first that has the context."""
    paths = [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    found = [path for path in paths if context is None or _has(path, context)]
    return next(iter(found or paths), Path.home() / ".kube" / "config")


def _has(path: Path, context: str) -> bool:
    import yaml  # noqa: PLC0415 - only where there are several kubeconfigs

    try:
        content = yaml.safe_load(path.read_bytes())
        return any(each.get("name") == context for each in content.get("contexts") or ())
    except (OSError, yaml.YAMLError, AttributeError):
        return False
