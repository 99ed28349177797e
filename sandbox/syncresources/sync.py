"""Keeps the cluster's namespaces as admin and the templates say: a new project has its own within seconds.

Each turn asks admin for projects and attributes, and writes what is new or different. Now and then everything
is written, so that what somebody changed in between is mended. Nothing is ever deleted: what is in a
namespace may be dear to somebody, and who wants it to go can see to it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.errors import KubernetesError
from sandbox.syncresources import secrets, templates, variables
from sandbox.syncresources.admin import Admin, AdminUnavailable
from sandbox.syncresources.applying import Applier, UnknownKind
from sandbox.syncresources.secrets import Secrets
from sandbox.syncresources.templates import BadTemplate, Object
from sandbox.syncresources.variables import Defaults, Place

_LOG = logging.getLogger(__name__)
_PATIENCE = 5
"""Turns in a row that may fail before that counts as trouble."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What is kept, and how closely. Times are seconds."""

    templates: Path
    control_namespace: str
    """The control plane's own: never written to."""
    defaults: Defaults
    every: float = 3.0
    correct_every: float = 60.0
    """Between writings of everything, changed or not."""


class Sync:
    """A thread; `turn` is one pass of it."""

    def __init__(
        self,
        settings: SyncSettings,
        admin: Admin,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._admin = admin
        self._applier = Applier(client)
        self._secrets = Secrets(client, settings.control_namespace)
        self._clock = clock
        self._written: dict[str, str] = {}
        """By namespace: a digest of what was written there."""
        self._refused: set[str] = set()
        self._corrected = clock()
        self._failures = 0
        self._failure = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncresources", daemon=True)

    def start(self) -> None:
        """Keep in step from now on."""
        self._thread.start()

    def stop(self) -> None:
        """After the object that is being written."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def is_alive(self) -> bool:
        """Whether its thread is at work."""
        return self._thread.is_alive()

    def trouble(self) -> str:
        """What has kept it from its work for some time; empty: nothing."""
        return self._failure if self._failures >= _PATIENCE else ""

    def kept(self) -> int:
        """How many namespaces are as they should be."""
        return len(self._written)

    def turn(self) -> int:
        """Write what is new or different; into how many namespaces that was.

        Raises AdminUnavailable, BadTemplate; KubernetesError and UnknownKind, after all others are written.
        """
        found = templates.read(self._settings.templates)
        places = variables.places(self._admin.projects(), self._admin.attributes(), self._settings.defaults)
        if self._clock() - self._corrected >= self._settings.correct_every:
            self._corrected = self._clock()
            self._written.clear()
        there = self._applier.namespaces()
        number = 0
        failures: list[KubernetesError | UnknownKind] = []
        for place in places:
            if self._stopping.is_set():
                break
            if variables.is_protected(place.namespace, self._settings.control_namespace):
                self._refuse(place)
                continue
            objects = [one for template in found for one in templates.fill(template, place.values)]
            digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
            given = secrets.are_given(there.get(place.namespace, {}))
            if self._written.get(place.namespace) == digest and given:
                continue
            try:
                self._write(place, objects)
                if not given:
                    self._secrets.give(place.namespace)
            except (KubernetesError, UnknownKind) as error:
                # One namespace that is about to go, say, must not keep the others waiting.
                failures.append(error)
                self._written.pop(place.namespace, None)
                continue
            self._written[place.namespace] = digest
            number += 1
        if failures:
            raise failures[0]
        return number

    def _write(self, place: Place, objects: Sequence[Object]) -> None:
        for one in objects:
            self._applier.apply(one, place.namespace)
        if place.namespace not in self._written:
            _LOG.info("%s is as its templates say", place.namespace)

    def _refuse(self, place: Place) -> None:
        if place.namespace not in self._refused:
            self._refused.add(place.namespace)
            _LOG.warning("%s is the cluster's or the control plane's: it is left alone", place.namespace)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
            except (AdminUnavailable, KubernetesError, UnknownKind, BadTemplate) as error:
                self._fail(f"Cluster resources can't be kept in step: {error}")
            except Exception as error:  # A defect must not end it for good: say so, and go on.
                _LOG.exception("a turn of the cluster-resource sync failed")
                self._fail(f"Cluster resources can't be kept in step: {error!r}")
            else:
                self._failures, self._failure = 0, ""
            self._stopping.wait(self._settings.every)

    def _fail(self, why: str) -> None:
        if why != self._failure:
            _LOG.warning("%s", why)
        self._failures, self._failure = self._failures + 1, why
