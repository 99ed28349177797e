"""The engine: takes executions up and drives them to their end.

Two threads and a small pool. The *leasing* thread finds executions and keeps their leases; the *core* thread
drives all of them; the pool does what may take long. Several engines may share a database: each drives what
it leases.
"""

from __future__ import annotations

import logging
import threading

from sandbox.propeller.core_loop import CoreLoop
from sandbox.propeller.leasing import Leasing
from sandbox.propeller.loading import Loader
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.settings import EngineSettings
from sandbox.propeller.sweeping import Sweeper
from sandbox.store import errors, leases
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore

_LOG = logging.getLogger(__name__)


class Engine:
    """Drives executions; `start` returns at once, `stop` leaves running attempts running."""

    def __init__(
        self, settings: EngineSettings, database: Database, objects: ObjectStore, executors: ExecutorRegistry
    ) -> None:
        self._settings = settings
        self._database = database
        self._executors = executors
        self._core = CoreLoop(settings, database, objects, executors)
        self._leasing = Leasing(settings, database, Loader(settings, database, objects), self._core)
        self._core.reload = self._leasing.reload
        self._sweeper = Sweeper(database, executors, delay=settings.sweep_delay_seconds)
        self._core.gave_up = self._sweeper.again
        self._threads = [
            threading.Thread(target=self._core.run, name="propeller-core", daemon=True),
            threading.Thread(target=self._leasing.run, name="propeller-leasing", daemon=True),
        ]

    def start(self) -> None:
        """Begin to claim executions."""
        for executor in self._executors:
            executor.connect(self._core.sink)
        for thread in self._threads:
            thread.start()
        self._sweeper.start()

    def is_alive(self) -> bool:
        """Whether both threads are at work."""
        return all(thread.is_alive() for thread in self._threads)

    def seconds_since_look(self) -> float:
        """Since the leases were last renewed."""
        return self._leasing.seconds_since_look()

    def executions_held(self) -> int:
        """How many executions this engine drives."""
        return len(self._core.holdings.held())

    def stop(self) -> None:
        """Commit what is known, release the leases, end the threads. What runs goes on and is found again."""
        self._sweeper.stop()
        self._leasing.stop()
        self._core.stop()
        for thread in self._threads:
            thread.join(self._settings.shutdown_seconds)
        for executor in self._executors:
            executor.close()
        try:
            with self._database.reading() as connection:
                leases.release(connection, self._settings.owner, self._core.holdings.held())
        except errors.Unavailable as error:
            _LOG.warning("the leases were not released, they will run out: %s", error)
