"""The scheduler as a role: launches what is due, at admin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.scheduler.scheduler import Scheduler
from sandbox.server.ground import Ground
from sandbox.server.roles.role import Role


class Schedules(Role):
    """One scheduler; several may run."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._scheduler = Scheduler(ground.database, ground.admin)

    def start(self) -> None:
        self._scheduler.start()

    def drain(self) -> None:
        """Launch nothing any more."""
        self._scheduler.stop()

    def is_alive(self) -> bool:
        return self._scheduler.is_alive()

    def troubles(self) -> tuple[str, ...]:
        return () if self._scheduler.is_alive() else ("The scheduler has ended: nothing is launched.",)

    def asks(self) -> Mapping[str, Callable[[], None]]:
        return {"database": self._ground.database.ping}
