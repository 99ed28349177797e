"""What the cluster is able to do, as far as objects are built differently for it: asked once."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.settings import KubernetesSettings

_SIDECARS = (1, 29)
"""From here on, init containers that go on are there without being asked for."""
_NUMBER = re.compile(r"\d+")


class Abilities:
    """Knows the cluster's version; thread-safe."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._version: tuple[int, int] | None = None

    def complete(self, settings: KubernetesSettings) -> KubernetesSettings:
        """The settings, with what the cluster is able to do. Raises KubernetesError."""
        if settings.native_sidecars or self._known() < _SIDECARS:
            return settings
        return replace(settings, native_sidecars=True)

    def _known(self) -> tuple[int, int]:
        with self._lock:
            if self._version is None:
                found = self._client.get("/version")
                self._version = (_number(found.get("major")), _number(found.get("minor")))
            return self._version


def _number(text: object) -> int:
    """Providers write `29+`."""
    found = _NUMBER.match(str(text))
    return int(found[0]) if found else 0
