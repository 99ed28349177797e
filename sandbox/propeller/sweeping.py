"""Sweeping: what executors still keep of attempts whose execution is over is ended and forgotten.

An engine says `forget` after it committed an attempt's end. One that was killed in between says it when it
has loaded the execution again; but an execution that is over is loaded by nobody. So a new engine looks once.
It looks again whenever it had to give an execution up, whose attempts may still run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from itertools import islice

from sandbox.executors.api import Executor, Remembering
from sandbox.idl.identifiers import AttemptKey
from sandbox.store import errors, leases
from sandbox.store.database import Database

_LOG = logging.getLogger(__name__)
_REASON = "its execution is over"
_AT_ONCE = 500
"""Attempts asked about in one query."""
_RETRY_SECONDS = 1.0
_STOP_SECONDS = 2.0
_ROUNDS = 5
_ROUND_SECONDS = 6.0
"""Executors take their time to remove what they forgot."""


class Sweeper:
    """Sweeps on a thread of its own."""

    def __init__(self, database: Database, executors: Iterable[Executor], *, delay: float) -> None:
        """`delay`: seconds to wait before the first time; a start has better things to do."""
        self._database = database
        self._executors = tuple(executors)
        self._delay = delay
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="propeller-sweeper", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def again(self) -> None:
        """Sweep once more, in the background."""
        self._wanted.set()

    def stop(self) -> None:
        """Leave the rest for the next time."""
        self._stopping.set()
        self._wanted.set()
        # An executor that can't say what it remembers, for its cluster is away, must hold no stop up.
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        self._stopping.wait(self._delay)
        while not self._stopping.is_set():
            self._wanted.clear()
            try:
                self._sweep_clean()
            except Exception:  # What is left over does no harm; the engine must go on.
                _LOG.exception("what attempts left behind could not be removed")
            self._wanted.wait()

    def _sweep_clean(self) -> None:
        """Until nothing is left: an attempt that is being ended leaves something once more."""
        rounds = 0
        while rounds < _ROUNDS:
            try:
                number = self.sweep()
            except errors.Unavailable:
                if self._stopping.wait(_RETRY_SECONDS):
                    return
                continue
            if not number:
                return
            _LOG.info("forgot %d attempts of executions that are over", number)
            rounds += 1
            if self._stopping.wait(_ROUND_SECONDS):
                return

    def sweep(self) -> int:
        """Forget what is remembered in vain; how many attempts that were. Raises store.errors.Unavailable."""
        number = 0
        for executor in self._executors:
            if not isinstance(executor, Remembering):
                continue
            for keys in _portions(executor.remembered()):
                if self._stopping.is_set():
                    return number
                for key in self._ended(keys):
                    executor.abort(key, _REASON)
                    executor.forget(key)
                    number += 1
        return number

    def _ended(self, keys: list[AttemptKey]) -> list[AttemptKey]:
        with self._database.reading() as connection:
            over = leases.ended_among(connection, {key.execution for key in keys})
        return [key for key in keys if key.execution in over]


def _portions(keys: Iterable[AttemptKey]) -> Iterator[list[AttemptKey]]:
    rest = iter(keys)
    while portion := list(islice(rest, _AT_ONCE)):
        yield portion
