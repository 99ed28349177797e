"""Whether the control plane can do its work, known at any time without asking anyone.

One thread asks the database every second; a health check only reads what came of it. So a check never waits,
not even for a database that takes connections and is silent, and many checks cost as little as one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sandbox.store.database import Database
from sandbox.store.errors import StoreError

_EVERY = 1.0
"""Seconds between questions."""
_SILENT_AFTER = 5.0
"""Seconds without any answer after which the database counts as out of reach."""


class Health:
    """What is wrong with the control plane, if anything. Thread-safe."""

    def __init__(self, database: Database, engine_is_alive: Callable[[], bool]) -> None:
        self._database = database
        self._engine_is_alive = engine_is_alive
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""
        self._heard = time.monotonic()

    def start(self, changed: Callable[[], None]) -> None:
        """Look once, then watch; `changed` is called at once, and whenever troubles come or go."""
        self._look()
        changed()
        self._thread = threading.Thread(target=self._watch, args=(changed,), name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_EVERY)

    def troubles(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong; empty: all is well."""
        found = []
        silent = time.monotonic() - self._heard
        if self._failure:
            found.append(self._failure)
        elif silent > _SILENT_AFTER:
            found.append(f"The database has not answered for {silent:.0f} seconds.")
        if not self._engine_is_alive():
            found.append("The engine has ended: executions stand still until the control plane is restarted.")
        return tuple(found)

    def _watch(self, changed: Callable[[], None]) -> None:
        before = self.troubles()
        while not self._stopping.wait(_EVERY):
            self._look()
            now = self.troubles()
            if now != before:
                changed()
            before = now

    def _look(self) -> None:
        try:
            self._database.ping()
        except StoreError as exc:
            self._failure = str(exc)
        else:
            self._failure = ""
        self._heard = time.monotonic()
