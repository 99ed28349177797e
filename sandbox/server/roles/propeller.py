"""The engine as a role: drives executions by the executors that the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.propeller.engine import Engine
from sandbox.server import executors, settings
from sandbox.server.ground import Ground
from sandbox.server.roles import objects_probe
from sandbox.server.roles.role import Role

_MISSED_LOOKS = 3
"""An engine that could not look at its executions so many times in a row can't do its work."""


class Propeller(Role):
    """One engine. Several share a database, each under a name of its own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._settings = settings.engine(ground.config, ground.instance)
        self._executors = executors.of(ground.config, ground.objects)
        self._engine = Engine(self._settings, ground.database, ground.objects, self._executors.registry)

    def start(self) -> None:
        self._executors.warm_canary()
        self._engine.start()

    def warm(self) -> None:
        self._executors.warm()

    def close(self) -> None:
        """Commit, release the leases. Tasks go on."""
        self._engine.stop()
        self._executors.close()

    def is_alive(self) -> bool:
        return self._engine.is_alive()

    def troubles(self) -> tuple[str, ...]:
        if not self._engine.is_alive():
            return ("The engine has ended: executions stand still until the control plane is restarted.",)
        silent = self._engine.seconds_since_look()
        if silent > _MISSED_LOOKS * self._settings.heartbeat_seconds:
            return (f"The engine has not renewed its leases for {silent:.0f} seconds.",)
        trouble = self._executors.trouble()
        return (f"Attempts can't be followed: {trouble}.",) if trouble else ()

    def asks(self) -> Mapping[str, Callable[[], None]]:
        return {"database": self._ground.database.ping, **objects_probe.asks(self._ground)}

    def counters(self) -> Mapping[str, float]:
        return {"flyte_sandbox_executions_held": self._engine.executions_held()}
