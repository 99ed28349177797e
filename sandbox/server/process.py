"""Puts roles together: one process with all of them, or with one.

Roles are made from the outside in, so that a port that is taken is found before anything else happens, and
started from the inside out, so that nothing listens before everything behind it works. They are taken down in
the reverse order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from sandbox.server.config import ConfigError, ServerConfig
from sandbox.server.ground import Ground
from sandbox.server.health import Health
from sandbox.server.role_names import ALL
from sandbox.server.roles.role import Role

if TYPE_CHECKING:
    from sandbox.server.health_server import HealthServer, Report

_LOG = logging.getLogger(__name__)

_PARTS = {
    "propeller": "propeller:Propeller",
    "console": "console:Console",
    "admin": "admin:Admin",
    "datacatalog": "datacatalog:DataCatalog",
    "edge": "edge:EdgePort",
    "scheduler": "scheduler:Schedules",
    "webhook": "webhook:PodWebhook",
    "syncresources": "syncresources:ClusterResources",
}
"""Module and class under `sandbox.server.roles`; only what a process does is imported."""

_ALONE = ("propeller", "console", "admin", "edge", "scheduler")
_ROLES = {
    ALL: (*_ALONE, "webhook", "syncresources"),
    "admin": ("admin", "edge"),
    "propeller": ("propeller",),
    "datacatalog": ("datacatalog",),
    "console": ("console",),
    "scheduler": ("scheduler",),
    "webhook": ("webhook",),
    "syncresources": ("syncresources",),
}
"""What each does, in the order in which it is started; on one machine, `all` is `_ALONE`."""
_NOT_STARTED = "The process is starting or stopping."
_WITHOUT_DATABASE = frozenset({"console", "webhook", "syncresources"})


class ServerProcess:
    """The roles of this process."""

    def __init__(self, config: ServerConfig, role: str = ALL, instance: str = "") -> None:
        """`instance`: this process's name among its replicas. Raises PortUnavailable, ConfigError."""
        if role != ALL and config.kubernetes is None:
            raise ConfigError(
                f"the role {role} runs by itself in a cluster only: there is no `kubernetes` section"
            )
        self._config = config
        self._role = role
        self._started = False
        self._troubles: Callable[[], tuple[str, ...]] = lambda: (_NOT_STARTED,)
        self._ground = Ground(
            config, instance=instance or config.name, together=role == ALL, troubles=self.troubles
        )
        self._server = self._health_server()
        parts = _ALONE if config.kubernetes is None else _ROLES[role]
        made = [_class(name)(self._ground) for name in reversed(parts)]
        self._roles = made[::-1]
        asks = {name: ask for one in self._roles for name, ask in one.asks().items()}
        self._health = Health(asks, self._own_troubles)
        self._troubles = self._health.troubles

    def start(self, stop: threading.Event) -> bool:
        """Wait for the database, then start every role; raises DatabaseUnavailable.

        False when `stop` was set meanwhile: then nothing was started.
        """
        began = time.monotonic()
        if self._server is not None:
            self._server.start()
        if not self._prepare(stop):
            self._close()
            return False
        prepared = time.monotonic()
        self._health.start(self._refresh)
        for role in self._roles:
            role.start()
        self._started = True
        self._refresh()
        self.warm()
        _LOG.info(
            "%s ready: database %.0f ms, roles %.0f ms",
            self._role,
            1000 * (prepared - began),
            1000 * (time.monotonic() - prepared),
        )
        return True

    def warm(self) -> None:
        """Prepare for what may come next."""
        for role in self._roles:
            role.warm()

    def stop(self) -> None:
        """Finish what is under way, then let go of everything. Tasks go on."""
        self._started = False
        for role in reversed(self._roles):
            role.drain()
        self._health.stop()
        for role in reversed(self._roles):
            role.close()
        self._close()
        _LOG.info("stopped")

    def troubles(self) -> tuple[str, ...]:
        """What keeps this process from its work, a sentence each."""
        return self._troubles()

    def _prepare(self, stop: threading.Event) -> bool:
        if self._role in _WITHOUT_DATABASE:
            return True
        from sandbox.server import schema  # noqa: PLC0415 (these roles load no database driver)

        prepare = schema.upgrade if self._config.kubernetes is None else schema.await_current
        return prepare(self._ground, stop)

    def _close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._ground.close()

    def _health_server(self) -> HealthServer | None:
        if self._config.kubernetes is None:
            return None
        from sandbox.server.health_server import HealthServer  # noqa: PLC0415 (of no use on a laptop)

        listen = self._config.kubernetes.listen
        return HealthServer(listen.host, listen.health, self._report)

    def _report(self) -> Report:
        from sandbox.server.health_server import Report  # noqa: PLC0415 (see _health_server)

        if not self._started:
            return Report(self._role, alive=True, troubles=(_NOT_STARTED,))
        return Report(
            self._role,
            alive=all(role.is_alive() for role in self._roles),
            troubles=self.troubles(),
            counters={name: value for role in self._roles for name, value in role.counters().items()},
        )

    def _refresh(self) -> None:
        for role in self._roles:
            role.refresh()

    def _own_troubles(self) -> tuple[str, ...]:
        return tuple(trouble for role in self._roles for trouble in role.troubles())


def migrate(config: ServerConfig, stop: threading.Event) -> bool:
    """Bring database and object store to where the other roles need them, and end. As `ServerProcess.start`;
    raises ObjectStoreUnavailable too.
    """
    from sandbox.server import schema  # noqa: PLC0415 (see `_prepare`)

    ground = Ground(config, instance=config.name, together=False, troubles=tuple)
    try:
        return schema.upgrade(ground, stop) and schema.ensure_bucket(ground, stop)
    finally:
        ground.close()


def _class(name: str) -> Callable[[Ground], Role]:
    module, _, found = _PARTS[name].partition(":")
    return cast(Callable[[Ground], Role], getattr(import_module(f"sandbox.server.roles.{module}"), found))
