"""What an attempt printed: from its pod while there is one, afterwards from where it was kept.

A pod's log is the primary container's. The API server gives it from the beginning only, so a piece from the
middle costs all that is before it; what is kept is read whole, too. Both are bounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from sandbox.executors.kubernetes import errors, ownership
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.kinds import Kind, Printer
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl import names
from sandbox.idl.identifiers import AttemptKey

_MOST = 64 * 1024 * 1024
"""Bytes of a log that are kept or shown."""
_POD_PATH = "/api/v1/namespaces/{namespace}/pods"


class Kept(Protocol):
    """Where logs are kept; `store.objects.ObjectStore` is one."""

    def exists(self, uri: str) -> bool: ...
    def get(self, uri: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a log."""

    data: bytes
    offset: int
    """Where it begins, in bytes from the start of the log."""
    size: int
    """Bytes of the whole log, as far as it is known."""


def kept_at(prefix: str, key: AttemptKey) -> str:
    """The URI of the kept log."""
    execution = key.execution
    parts = (execution.project, execution.domain, execution.name, str(key.node), str(key.attempt))
    return "/".join((prefix.rstrip("/"), *(quote(part, safe="") for part in parts), "log"))


def read(
    client: Client, namespace: str, printer: Printer, *, read_timeout: float = 10.0, limit: int = _MOST
) -> Iterator[bytes]:
    """What the container printed so far. Raises KubernetesError."""
    pod = printer.pod or _find(client, namespace, printer.selector)
    path = f"{_POD_PATH.format(namespace=namespace)}/{pod}/log"
    query: dict[str, str | int] = {"container": printer.container, "limitBytes": limit}
    with client.open(path, query, read_timeout=read_timeout) as pieces:
        yield from pieces


def _find(client: Client, namespace: str, selector: str) -> str:
    """The name of the pod that an operator made."""
    query: dict[str, str | int] = {"labelSelector": selector, "limit": 1}
    found = client.get(_POD_PATH.format(namespace=namespace), query)["items"]
    if not found:
        raise errors.NotFound(404, f"there is no pod {selector} in the namespace {namespace}")
    return str(found[0]["metadata"]["name"])


class KubernetesLogs:
    """Reads logs of attempts; thread-safe."""

    def __init__(
        self, client: Client, objects: Kept, settings: KubernetesSettings, kinds: tuple[Kind, ...]
    ) -> None:
        self._client = client
        self._objects = objects
        self._settings = settings
        self._kinds = kinds

    def read(self, key: AttemptKey, offset: int, limit: int) -> Piece | None:
        """Up to `limit` bytes from `offset`; a negative offset counts from the end. None: no log (yet).

        Raises KubernetesError, and what the object store raises.
        """
        data = self._kept(key)
        if data is None:
            data = self._live(key)
        if data is None:
            return None
        begin = max(0, len(data) + offset) if offset < 0 else min(offset, len(data))
        return Piece(data[begin : begin + limit], begin, len(data))

    def _kept(self, key: AttemptKey) -> bytes | None:
        if not self._settings.logs_prefix:
            return None
        uri = kept_at(self._settings.logs_prefix, key)
        return self._objects.get(uri) if self._objects.exists(uri) else None

    def _live(self, key: AttemptKey) -> bytes | None:
        execution = key.execution
        namespace = self._settings.namespace.format(project=execution.project, domain=execution.domain)
        called = names.unique_task_names(execution.name, key.node, key.attempt)
        for kind, name in itertools.product(self._kinds, called):
            try:
                found = self._client.get(kind.api.object(namespace, name))
            except errors.Refused:  # it isn't there, or nobody here may look at this kind
                continue
            printer = kind.printer(found) if ownership.key_of(found) == key else None
            if printer is not None:
                return self._whole(namespace, printer)
        return None

    def _whole(self, namespace: str, printer: Printer) -> bytes | None:
        try:
            return b"".join(read(self._client, namespace, printer))
        except errors.Refused:  # nothing was printed yet, or the container is gone
            return None
