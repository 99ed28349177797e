"""The leasing thread: finds executions to work on, keeps their leases, hears wishes.

It waits for notifications on one channel, whose payload is an execution's row id: *look at this one*. It is
new, or someone wants it to end, or a signal was given. Of a child that ended both row ids are told, so that
the other children need not be looked at. What a lost notification would have told is found by looking at
everything now and then.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable

from sandbox.propeller import memoization, policies
from sandbox.propeller.core.events import BadEvent
from sandbox.propeller.core.graph import BadGraph
from sandbox.propeller.core_loop import CoreLoop
from sandbox.propeller.loading import Loader
from sandbox.propeller.policies import Policies
from sandbox.propeller.settings import EngineSettings
from sandbox.store import attributes, errors, executions, leases, reservations
from sandbox.store.database import Database, Listener

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.25


class Leasing:
    """Claims executions for a core loop."""

    def __init__(self, settings: EngineSettings, database: Database, loader: Loader, core: CoreLoop) -> None:
        self._settings = settings
        self._database = database
        self._loader = loader
        self._core = core
        self._stopping = threading.Event()
        self._listener: Listener | None = None
        self._again: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._generation = 0
        self._policies: Policies | None = None
        self._looked = time.monotonic()

    def run(self) -> None:
        """Turn until `stop`."""
        next_look = 0.0
        asked: set[int] = set()
        while not self._stopping.is_set():
            try:
                listener = self._listen()
                everything = time.monotonic() >= next_look or listener.generation != self._generation
                self._generation = listener.generation
                if everything:
                    next_look = time.monotonic() + self._settings.heartbeat_seconds
                self.turn(asked, everything=everything)
                if everything:
                    self._looked = time.monotonic()
                told = listener.wait(next_look - time.monotonic())
                asked, ended = announced(told)
                self._core.children.hear(ended)
                if attributes.NEWS in told:
                    self._learn()
                asked |= self._to_reload()
            except errors.Unavailable as error:
                _LOG.warning("no leases can be taken or renewed now: %s", error)
                next_look = 0.0
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:  # Without this thread nothing would be claimed any more: say so, and go on.
                _LOG.exception("a turn of the leasing thread failed")
                next_look = 0.0
                self._stopping.wait(_RETRY_SECONDS)
        if self._listener is not None:
            self._listener.close()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.wake()

    def seconds_since_look(self) -> float:
        """Since it last renewed all leases and looked at everything."""
        return time.monotonic() - self._looked

    def reload(self, leased: leases.Leased) -> None:
        """Claim an execution again, and load it."""
        self._again.put(leased.id)
        if self._listener is not None:
            self._listener.wake()

    def turn(self, asked: set[int], *, everything: bool) -> None:
        """Look at the executions that were announced, or at all. Raises store.errors.Unavailable."""
        held = self._core.holdings.held()
        if everything:
            self._learn()
            self._renew(held)
            self._look(held)
            self._claim(None)
            self._purge()
        elif asked:
            self._look(asked & held)
            if asked - held:
                self._claim(asked - held)

    def _learn(self) -> None:
        """Read what administrators set, and hand it on if it changed."""
        with self._database.reading() as connection:
            found = policies.load(connection)
        if found != self._policies:
            self._policies = found
            self._core.set_policies(found)

    def _listen(self) -> Listener:
        if self._listener is None:
            self._listener = self._database.listen(executions.CHANNEL)
        return self._listener

    def _to_reload(self) -> set[int]:
        found: set[int] = set()
        while not self._again.empty():
            found.add(self._again.get())
        return found

    def _claim(self, wanted: set[int] | None) -> None:
        held = self._core.holdings.held()
        with self._database.reading() as connection:
            claimed = leases.claim(
                connection,
                self._settings.owner,
                seconds=self._settings.lease_seconds,
                held=held,
                limit=max(0, self._settings.max_executions - len(held)),
                wanted=wanted,
            )
        for leased in claimed:
            self._core.holdings.hold(leased)
            self._load(leased)

    def _load(self, leased: leases.Leased) -> None:
        try:
            self._core.adopt(self._loader.load(leased))
        except errors.Unavailable:
            self._core.holdings.release(leased.id)
            raise
        except (BadGraph, BadEvent, errors.StoreError, ValueError, LookupError) as error:
            _LOG.exception("%s can't be loaded", leased.execution)
            self._core.give_up(leased, error)

    def _renew(self, held: set[int]) -> None:
        if not held:
            return
        with self._database.reading() as connection:
            ours = leases.renew(connection, self._settings.owner, held, seconds=self._settings.lease_seconds)
        for execution_id in held - ours:
            self._core.lost(execution_id)
        for key, owner in self._core.holdings.reservations():
            memoization.reserve(self._database, key, owner)

    def _purge(self) -> None:
        with self._database.reading() as connection:
            reservations.purge(connection)

    def _look(self, execution_ids: set[int]) -> None:
        if not execution_ids:
            return
        with self._database.reading() as connection:
            wishes = leases.wishes(connection, execution_ids)
        for wish in wishes:
            self._core.abort(wish)
        self._core.children.look(execution_ids)
        self._core.gates.look(execution_ids)


def announced(payloads: Iterable[str]) -> tuple[set[int], set[int]]:
    """The executions that are to be looked at, and those that ended and are children of others."""
    asked, ended = set(), set()
    for payload in payloads:
        match payload.split():
            case [execution] if execution.isdigit():
                asked.add(int(execution))
            case [_, child] if child.isdigit():
                ended.add(int(child))
    return asked, ended
