"""The secrets that every project and domain gets, those made later too: one Secret beside the control
plane, with an entry for each group.

One object and no more, so that the cluster-resource sync may read it by its name, and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.executors.kubernetes import errors, secret_names, secret_store
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.secrets import MAX_BYTES, SecretName, UnusableSecretError

NAME = "flyte-shared-secrets"
_TRIES = 5
Groups = dict[str, dict[str, bytes]]
"""Group → key → value."""


class SharedSecrets:
    """Raises KubernetesError from all methods. Thread-safe."""

    def __init__(self, client: Client, namespace: str) -> None:
        """`namespace`: the control plane's."""
        self._client = client
        self._collection = f"/api/v1/namespaces/{namespace}/secrets"
        self._namespace = namespace

    def put(self, name: SecretName, value: bytes) -> None:
        """Keep a value, in place of the one before. Raises UnusableSecretError."""
        secret_store.check(name, value)

        def add(groups: Groups) -> bool:
            groups.setdefault(name.group, {})[name.key] = value
            return True

        self._change(add)

    def delete(self, name: SecretName) -> bool:
        """Forget a value; False if there is none."""

        def remove(groups: Groups) -> bool:
            found = groups.get(name.group, {}).pop(name.key, None) is not None
            if found and not groups[name.group]:
                del groups[name.group]
            return found

        return self._change(remove)

    def names(self) -> list[SecretName]:
        """All of them, sorted."""
        groups = _groups(self._find())
        return sorted(SecretName(group, key) for group, values in groups.items() for key in values)

    def objects(self, namespace: str) -> list[dict[str, Any]]:
        """As the Secrets of another namespace."""
        groups = _groups(self._find())
        return [secret_store.as_object(namespace, group, values) for group, values in groups.items()]

    def _find(self) -> Mapping[str, Any] | None:
        try:
            return self._client.get(f"{self._collection}/{NAME}")
        except errors.NotFound:
            return None

    def _change(self, act: Callable[[Groups], bool]) -> bool:
        """Read, change, write; again if somebody else wrote meanwhile."""
        for _ in range(_TRIES - 1):
            try:
                return self._change_once(act)
            except errors.Conflict:
                continue
        return self._change_once(act)

    def _change_once(self, act: Callable[[Groups], bool]) -> bool:
        found = self._find()
        groups = _groups(found)
        if not act(groups):
            return False
        data = _data(groups)
        if sum(map(len, data.values())) > MAX_BYTES:
            raise UnusableSecretError(
                f"the secrets of all projects together may have {MAX_BYTES} bytes with their names: "
                "set this one for the project and domain that need it"
            )
        if found is None:
            metadata = {"name": NAME, "namespace": self._namespace}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
            self._client.create(self._collection, body)
        else:
            self._client.replace(f"{self._collection}/{NAME}", {**found, "data": data})
        return True


def _groups(found: Mapping[str, Any] | None) -> Groups:
    groups: Groups = {}
    for entry in ((found or {}).get("data") or {}).values():
        document = json.loads(base64.b64decode(entry))
        values = {key: base64.b64decode(value) for key, value in document["values"].items()}
        groups[document["group"]] = values
    return groups


def _data(groups: Groups) -> dict[str, str]:
    data = {}
    for group, values in groups.items():
        encoded = {key: base64.b64encode(value).decode() for key, value in values.items()}
        document = json.dumps({"group": group, "values": encoded})
        data[secret_names.name(group)] = base64.b64encode(document.encode()).decode()
    return data
