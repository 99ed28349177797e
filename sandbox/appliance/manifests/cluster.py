"""The API server as this room asks it: JSON over HTTP, errors in our own words.

`Cluster` is what applying, waiting and looking need; `connect` makes one from a kubeconfig.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from sandbox.appliance.manifests.errors import ClusterUnreachable

APPLY = "application/apply-patch+yaml"
JSON = "application/json"


class Refused(Exception):
    """The API server answered, and it said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message or reason or str(status))
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
    """A `Cluster` by what a kubeconfig says: certificates, tokens and whatever renews these."""

    def __init__(self, client: Any) -> None:
        self._pool = client.rest_client.pool_manager
        self._configuration = client.configuration
        self.server = str(client.configuration.host)
        """Its URL, for people."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        answer = self._send(method, path, query, body, content_type)
        return json.loads(answer) if answer else {}

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        return self._send("GET", path, query, None, JSON).decode("utf-8", "replace")

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> bytes:
        # Only commands about a cluster need it.
        import urllib3  # noqa: PLC0415

        headers = {"Accept": "*/*", "Content-Type": content_type}
        for setting in self._configuration.auth_settings().values():
            if setting.get("in") == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"]
        try:
            response = self._pool.request(
                method,
                f"{self.server}{path}{'?' + urlencode(query) if query else ''}",
                headers=headers,
                body=None if body is None else json.dumps(body),
                timeout=urllib3.Timeout(connect=5, read=60),
                retries=urllib3.Retry(2, redirect=0, status=0),
            )
        except urllib3.exceptions.HTTPError as exc:
            raise ClusterUnreachable(
                f"the Kubernetes API server {self.server} does not answer",
                str(exc),
                "Look whether the cluster runs and the kube context is the right one.",
            ) from exc
        if response.status >= 400:
            raise _refusal(response.status, response.data)
        return bytes(response.data)


def connect(kubeconfig: Path | None = None, context: str | None = None) -> KubeconfigCluster:
    """By a kubeconfig (None: the person's own) and one of its contexts (None: the current one); raises
    ClusterUnreachable if they can't be used. Nothing is asked yet."""
    import kubernetes.config  # noqa: PLC0415 - takes a second
    import yaml  # noqa: PLC0415

    try:
        load: Any = kubernetes.config.new_client_from_config
        client = load(
            config_file=str(kubeconfig) if kubeconfig else None,
            context=context,
            persist_config=False,
        )
    except (kubernetes.config.ConfigException, yaml.YAMLError, OSError) as exc:
        raise ClusterUnreachable(
            f"the kube context {context!r} can't be used" if context else "there is no usable kube context",
            str(exc),
            "Look at `kubectl config get-contexts`.",
        ) from exc
    return KubeconfigCluster(client)


def _refusal(status: int, body: bytes) -> Refused:
    text = body.decode("utf-8", "replace")
    try:
        told = json.loads(text)
        return Refused(status, str(told.get("reason", "")), str(told.get("message", "")))
    except (ValueError, AttributeError):
        return Refused(status, "", text.strip())
