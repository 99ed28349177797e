"""The secrets of one namespace: Kubernetes' own, called as tasks ask for them (`secret_names`).

Those that were made otherwise (by `kubectl`, by an operator) work the same: one is only added to. What names
were before Kubernetes' rules were applied to them is noted in annotations.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from sandbox.executors.kubernetes import errors, secret_names
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.secrets import MAX_BYTES, SecretName, UnusableSecretError

_LABEL = "flyte.org/secrets"
_LABELS = {_LABEL: "true", "app.kubernetes.io/managed-by": "flyte-sandbox"}
_GROUP = "flyte.org/secret-group"
"""Annotation: the group."""
_KEY = "key.secrets.flyte.org/"
"""Begin of annotations: the key that a key in Kubernetes stands for, where they differ."""
_TRIES = 5


class KubernetesSecretStore:
    """Raises KubernetesError from all methods: NotFound if there is no such namespace. Thread-safe."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._namespace = namespace

    def put(self, name: SecretName, value: bytes) -> None:
        """Keep a value, in place of the one before. Raises UnusableSecretError."""
        check(name, value)
        body = as_object(self._namespace, name.group, {name.key: value})
        for _ in range(_TRIES - 1):
            try:
                self._write(name, body)
            except (errors.Conflict, errors.NotFound) as error:
                # Made or deleted by somebody else in between; but the namespace itself may not be there.
                if isinstance(error, errors.NotFound) and not self._exists():
                    raise
            else:
                return
        self._write(name, body)

    def delete(self, name: SecretName) -> bool:
        """Remove a secret; False if there is none of exactly this name."""
        path, key = f"{self._path}/{secret_names.name(name.group)}", secret_names.key(name.key)
        try:
            found = self._client.get(path)
            data = found.get("data") or {}
            if key not in data:
                return False
            if len(data) == 1 and _is_ours(found):
                metadata = found["metadata"]
                guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
                self._client.delete(path, {"preconditions": guard})
            else:
                note = {"metadata": {"annotations": {_note(key): None}}}
                self._client.patch(path, {"data": {key: None}, **note})
        except errors.NotFound:
            return False
        except errors.Conflict:
            return self.delete(name)  # Another key came in between.
        return True

    def names(self) -> list[SecretName]:
        """Those that were put here, sorted."""
        found = set()
        for page in self._client.list(self._path, {"labelSelector": _LABEL}):
            for one in page.get("items") or ():
                notes = one["metadata"].get("annotations") or {}
                group = notes.get(_GROUP, one["metadata"]["name"])
                for key in one.get("data") or {}:
                    found.add(SecretName(group, _original(notes, key)))
        return sorted(found)

    def _write(self, name: SecretName, body: Mapping[str, Any]) -> None:
        try:
            self._client.create(self._path, body)
        except errors.Conflict:
            changed = {"data": body["data"], "metadata": {"annotations": body["metadata"]["annotations"]}}
            changed["metadata"]["labels"] = {_LABEL: "true"}
            self._client.patch(f"{self._path}/{secret_names.name(name.group)}", changed)

    def _exists(self) -> bool:
        try:
            self._client.get(f"/api/v1/namespaces/{self._namespace}")
        except errors.NotFound:
            return False
        return True


def check(name: SecretName, value: bytes) -> None:
    """Raises UnusableSecretError for what can't be kept."""
    if not name.key:
        raise UnusableSecretError("a secret needs a key")
    for part in (name.group, name.key):
        if "/" in part or "\0" in part or part in (".", ".."):
            raise UnusableSecretError(f"{part!r} can't be the name of a secret, nor of a group")
    if len(value) > MAX_BYTES:
        raise UnusableSecretError(f"a secret may have {MAX_BYTES} bytes, this one has {len(value)}")


def as_object(namespace: str, group: str, values: Mapping[str, bytes]) -> dict[str, Any]:
    """The `Secret` of a group: its keys, and their values."""
    notes = {_GROUP: group}
    data = {}
    for original, value in values.items():
        key = secret_names.key(original)
        if key != original:
            notes[_note(key)] = json.dumps(original)
        data[key] = base64.b64encode(value).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_names.name(group),
            "namespace": namespace,
            "labels": _LABELS,
            "annotations": notes,
        },
        "type": "Opaque",
        "data": data,
    }


def _is_ours(found: Mapping[str, Any]) -> bool:
    labels = found["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in _LABELS.items())


def _note(key: str) -> str:
    """The name of an annotation has 63 letters after its prefix."""
    return _KEY + secret_names.short(key)


def _original(notes: Mapping[str, str], key: str) -> str:
    noted = notes.get(_note(key))
    return str(json.loads(noted)) if noted else key
