"""The API of the cluster in the container, as `sandbox.appliance.manifests` asks one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sandbox.appliance.manifests.cluster import JSON, Refused
from sandbox.appliance.manifests.errors import ClusterUnreachable
from sandbox.executors.kubernetes import connections, errors
from sandbox.executors.kubernetes.client import Client


class BoxedCluster:
    """A `Cluster` that imports in a tenth of the time that Kubernetes' own client takes."""

    def __init__(self, kubeconfig: Mapping[str, Any]) -> None:
        """`kubeconfig`: with its credentials inside. Raises ClusterUnreachable if it is no use."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(dict(kubeconfig), file)
            file.flush()
            try:
                connection = connections.by_kubeconfig(Path(file.name), None, os.environ)
            except errors.KubernetesError as exc:
                raise ClusterUnreachable(
                    "the node's kubeconfig can't be used", str(exc), "Start the sandbox again."
                ) from exc
        self.server = connection.server
        self.client = Client(connection)
        """What asks: raises the errors of `executors.kubernetes`."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """See `sandbox.appliance.manifests.cluster.Cluster`."""
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
                return self.client.delete(path, {"propagationPolicy": "Background", **(body or {})})
        raise ValueError(f"no method: {method}")

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        """An answer that is no JSON, such as a log."""
        with self.stream(path, query=query) as pieces:
            return b"".join(pieces).decode("utf-8", "replace")

    @contextmanager
    def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, read_timeout: float = 60.0
    ) -> Iterator[Iterator[bytes]]:
        """An answer as it comes."""
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
                f"the Kubernetes API {self.server} does not answer",
                str(exc),
                "Look with `sandbox status`; `sandbox start` brings it up again.",
            ) from exc
