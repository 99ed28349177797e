"""Keeps the certificate in its Secret, and tells the API server whom to trust.

Replicas that start together agree on one: who writes the Secret first wins, the others take what is there. A
look now and then renews what runs out, and mends what somebody changed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import JSON_PATCH, Client
from sandbox.webhook import certificates
from sandbox.webhook.certificates import Bundle

_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_TRIES = 5


class Trust:
    """Of one webhook: its Service, Secret and MutatingWebhookConfiguration."""

    def __init__(
        self, client: Client, *, namespace: str, service: str, secret: str, configuration: str
    ) -> None:
        self._client = client
        self._secrets = f"/api/v1/namespaces/{namespace}/secrets"
        self._namespace = namespace
        self._secret = secret
        self._configuration = f"{_CONFIGURATIONS}/{configuration}"
        self._names = certificates.names(service, namespace)

    def bundle(self) -> Bundle:
        """The certificate of now, written first if need be. Raises KubernetesError."""
        for _ in range(_TRIES - 1):
            try:
                return self._agree()
            except errors.Conflict:
                continue  # Another replica was faster: what it wrote will do.
        return self._agree()

    def announce(self, bundle: Bundle) -> bool:
        """Have the API server trust it; whether that was news. Raises KubernetesError."""
        authority = base64.b64encode(bundle.authority).decode()
        found = self._client.get(self._configuration)
        operations = []
        for number, webhook in enumerate(found.get("webhooks") or ()):
            if (webhook.get("clientConfig") or {}).get("caBundle") != authority:
                path = f"/webhooks/{number}"
                operations += [
                    {"op": "test", "path": f"{path}/name", "value": webhook.get("name")},
                    {"op": "add", "path": f"{path}/clientConfig/caBundle", "value": authority},
                ]
        if operations:
            self._client.patch(self._configuration, operations, JSON_PATCH)
        return bool(operations)

    def _agree(self) -> Bundle:
        try:
            found = self._client.get(f"{self._secrets}/{self._secret}")
        except errors.NotFound:
            bundle = certificates.current({}, self._names, datetime.now(UTC))
            self._client.create(self._secrets, self._object(bundle))
            return bundle
        data = _decoded(found.get("data") or {})
        bundle = certificates.current(data, self._names, datetime.now(UTC))
        written = bundle.to_data()
        if {name: data.get(name) for name in written} != written:
            version = (found.get("metadata") or {}).get("resourceVersion")
            self._client.replace(f"{self._secrets}/{self._secret}", self._object(bundle, found, version))
        return bundle

    def _object(
        self, bundle: Bundle, found: Mapping[str, Any] | None = None, version: str | None = None
    ) -> dict[str, Any]:
        metadata = dict((found or {}).get("metadata") or {"name": self._secret, "namespace": self._namespace})
        if version is not None:
            metadata["resourceVersion"] = version
        data = {name: base64.b64encode(value).decode() for name, value in bundle.to_data().items()}
        kind = (found or {}).get("type") or "Opaque"
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}


def _decoded(data: Mapping[str, str]) -> dict[str, bytes]:
    found = {}
    for name, value in data.items():
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue  # As if it were not there: it is written anew.
    return found
