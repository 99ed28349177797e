"""The engine: takes executions up and drives them to their end."""

from __future__ import annotations

from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.settings import EngineSettings
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore


class Engine:
    """Drives executions; `start` returns at once, `stop` leaves running attempts running."""

    def __init__(
        self, settings: EngineSettings, database: Database, objects: ObjectStore, executors: ExecutorRegistry
    ) -> None:
        self._settings = settings
        self._database = database
        self._objects = objects
        self._executors = executors

    def start(self) -> None:
        """Begin to claim executions."""

    def stop(self) -> None:
        """Commit what is known, release the leases, end the threads."""
