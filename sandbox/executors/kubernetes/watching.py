"""One watch for all objects of a kind that are ours, in all namespaces: no attempt is ever polled.

A full list says what there is, and from its version on the API server tells every change. The list is taken
anew when that version is too old to go on from, and once in a while anyway: whatever was missed is made good.
A connection is kept for a minute at a time, so one that broke without a word is found out soon.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.executors.kubernetes import errors, ownership
from sandbox.executors.kubernetes.client import Client, lines
from sandbox.executors.kubernetes.kinds import Kind
from sandbox.executors.kubernetes.records import Object
from sandbox.idl.identifiers import AttemptKey

_LOG = logging.getLogger(__name__)
_WATCH_SECONDS = 60
_SLACK_SECONDS = 15.0
"""A watch that says nothing for longer than it was asked to last is broken."""
_RESYNC_SECONDS = 600.0
_ABSENT_SECONDS = 60.0
_FIRST_RETRY = 0.1
_LONGEST_RETRY = 10.0


@dataclass(frozen=True, slots=True)
class Listing:
    """A full list begins."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Listed:
    """A full list ended: this is all there is."""

    kind: Kind
    keys: frozenset[AttemptKey]


@dataclass(frozen=True, slots=True)
class Saw:
    """An object is there, as it is now."""

    kind: Kind
    found: Object


@dataclass(frozen=True, slots=True)
class Vanished:
    """An object is gone."""

    kind: Kind
    found: Object


Sight = Listing | Listed | Saw | Vanished


class Watch:
    """Watches one kind on a thread of its own."""

    def __init__(
        self,
        client: Client,
        kind: Kind,
        selector: str,
        receive: Callable[[Sight], None],
        *,
        resync: float = _RESYNC_SECONDS,
    ) -> None:
        """`resync`: seconds from one full list to the next."""
        self._client = client
        self._kind = kind
        self._selector = selector
        self._receive = receive
        self._resync = resync
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._listed_at = float("-inf")
        self.trouble = ""
        """Why nothing is seen at present; empty: it works."""
        self._thread = threading.Thread(
            target=self._run, name=f"kubernetes-watch-{kind.api.plural}", daemon=True
        )

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; nothing is received after that."""
        self._stopping.set()
        self._wanted.set()

    def want(self) -> None:
        """There is an object of this kind now: look, if there was no such kind before."""
        self._wanted.set()

    def _run(self) -> None:
        version, delay = "", _FIRST_RETRY
        while not self._stopping.is_set():
            try:
                version = self.step(version)
                delay, self.trouble = _FIRST_RETRY, ""
            except errors.Expired:
                version = ""
            except errors.NotFound:
                version = ""
                self._be_absent()
            except errors.KubernetesError as exc:
                self._complain(str(exc))
                self._stopping.wait(delay)
                delay = min(2 * delay, _LONGEST_RETRY)

    def step(self, version: str) -> str:
        """List if there is no version or it is time to, then watch for a while; the version to go on from.

        Raises KubernetesError: Expired if the version is too old, NotFound if there is no such kind.
        """
        if not version or time.monotonic() - self._listed_at > self._resync:
            version = self._list()
            self._listed_at = time.monotonic()
        return self._follow(version)

    def _list(self) -> str:
        self._receive(Listing(self._kind))
        keys: set[AttemptKey] = set()
        version = ""
        for page in self._client.list(self._kind.api.all(), {"labelSelector": self._selector}):
            version = str(page["metadata"].get("resourceVersion", ""))
            for found in page.get("items") or ():
                key = ownership.key_of(found)
                if key is not None:
                    keys.add(key)
                    self._receive(Saw(self._kind, trim(self._kind, found)))
        self._receive(Listed(self._kind, frozenset(keys)))
        return version

    def _follow(self, version: str) -> str:
        query: dict[str, str | int] = {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "labelSelector": self._selector,
            "resourceVersion": version,
            "timeoutSeconds": _WATCH_SECONDS,
        }
        timeout = _WATCH_SECONDS + _SLACK_SECONDS
        with self._client.open(self._kind.api.all(), query, read_timeout=timeout) as pieces:
            for line in lines(pieces):
                if self._stopping.is_set():
                    break
                version = self._tell(line) or version
        return version

    def _tell(self, line: bytes) -> str:
        """Pass on one change; the version that it brought us to."""
        try:
            change = json.loads(line)
            word, found = change["type"], change["object"]
        except (ValueError, KeyError, TypeError) as exc:
            raise errors.Unreachable(f"the API server's watch can't be understood: {exc}") from exc
        match word:
            case "ADDED" | "MODIFIED":
                self._receive(Saw(self._kind, trim(self._kind, found)))
            case "DELETED":
                self._receive(Vanished(self._kind, trim(self._kind, found)))
            case "ERROR":
                raise errors.of_status(found)
        return str((found.get("metadata") or {}).get("resourceVersion", ""))

    def _be_absent(self) -> None:
        """There is no such kind: nothing of it is there, until somebody installs it."""
        self._wanted.clear()
        self._receive(Listing(self._kind))
        self._receive(Listed(self._kind, frozenset()))
        self._wanted.wait(_ABSENT_SECONDS)

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            _LOG.warning("%s can't be watched: %s", self._kind.api.plural, trouble)
        self.trouble = trouble


def trim(kind: Kind, found: dict[str, Any]) -> Object:
    """The object without what nobody here reads: thousands of them are remembered."""
    metadata = found.get("metadata") or {}
    metadata.pop("managedFields", None)
    if kind.api.group or "spec" not in found:
        return found
    spec = found["spec"]
    containers = [
        {"name": one.get("name"), "resources": one.get("resources") or {}}
        for one in spec.get("containers") or ()
    ]
    return {
        "metadata": metadata,
        "spec": {"nodeName": spec.get("nodeName", ""), "containers": containers},
        "status": found.get("status") or {},
    }
