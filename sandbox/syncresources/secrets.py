"""The secrets that a new namespace is given: once, for what is changed there later is somebody's own doing.

An annotation of the namespace says that it has them. It is written last, so that whoever dies in between has
it done again; what is there by then stays as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.shared_secrets import SharedSecrets

_GIVEN = "flyte-sandbox/secrets"


def are_given(annotations: Mapping[str, str]) -> bool:
    """Whether the namespace with these annotations has been given its secrets."""
    return annotations.get(_GIVEN) == "given"


class Secrets:
    """Of one cluster."""

    def __init__(self, client: Client, control_namespace: str) -> None:
        self._client = client
        self._shared = SharedSecrets(client, control_namespace)

    def give(self, namespace: str) -> None:
        """Create those that are not there. Raises KubernetesError."""
        for wanted in self._shared.objects(namespace):
            with contextlib.suppress(errors.Conflict):
                self._client.create(f"/api/v1/namespaces/{namespace}/secrets", wanted)
        note = {"metadata": {"annotations": {_GIVEN: "given"}}}
        self._client.patch(f"/api/v1/namespaces/{namespace}", note)
