"""Whether the control plane can do its work, known at any time.

A thread for each thing that the roles depend on (the database, the object store) asks it every second;
whoever wants to know reads what came of it. So a health check costs nothing, never waits for something that
takes connections and is silent, and many checks cost as little as one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from sandbox.store.errors import StoreError

_EVERY = 1.0
"""Seconds between questions."""
_SILENT_AFTER = 5.0
"""Seconds without any answer after which something counts as out of reach."""


class _Asked:
    """One thing that is asked again and again."""

    def __init__(self, name: str, ask: Callable[[], None]) -> None:
        self._name = name
        self._ask = ask
        self._failure = ""
        self._heard = time.monotonic()

    def look(self) -> None:
        """Ask, and wait for the answer."""
        try:
            self._ask()
        except StoreError as exc:
            self._failure = str(exc)
        else:
            self._failure = ""
        self._heard = time.monotonic()

    def trouble(self) -> str:
        """What is wrong, a sentence; empty: it is well."""
        silent = time.monotonic() - self._heard
        if not self._failure and silent > _SILENT_AFTER:
            return f"The {self._name} has not answered for {silent:.0f} seconds."
        return self._failure


class Health:
    """What is wrong with the control plane, if anything. Thread-safe."""

    def __init__(self, asks: Mapping[str, Callable[[], None]], others: Callable[[], tuple[str, ...]]) -> None:
        """`asks`: calls by what they ask, which raise StoreError if it can't be reached; `others`: what else
        is wrong, known without asking.
        """
        self._asked = [_Asked(name, ask) for name, ask in asks.items()]
        self._others = others
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, changed: Callable[[], None]) -> None:
        """Look once, then watch; `changed` is called at once, and whenever troubles come or go."""
        for asked in self._asked:
            asked.look()
        changed()
        for asked in self._asked[1:]:
            self._spawn(self._ask, asked)
        self._spawn(self._watch, changed)

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_EVERY)

    def troubles(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong; empty: all is well."""
        found = (asked.trouble() for asked in self._asked)
        return (*(trouble for trouble in found if trouble), *self._others())

    def _spawn(self, target: Callable[..., None], argument: object) -> None:
        thread = threading.Thread(target=target, args=(argument,), name="health", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self, changed: Callable[[], None]) -> None:
        before = self.troubles()
        while not self._stopping.wait(_EVERY):
            for asked in self._asked[:1]:
                asked.look()
            now = self.troubles()
            if now != before:
                changed()
            before = now

    def _ask(self, asked: _Asked) -> None:
        while not self._stopping.wait(_EVERY):
            asked.look()
