"""What the roles of one process stand on: its configuration, and the stores, opened when a role needs them.

A role that asks admin for everything (the console, the webhook, the cluster-resource sync) has no use for a
database, and its process does not load the drivers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.server.config import ServerConfig

if TYPE_CHECKING:
    from sandbox.store.database import Database
    from sandbox.store.objects import ObjectStore


class Ground:
    """Shared by the roles of one process."""

    def __init__(
        self,
        config: ServerConfig,
        *,
        instance: str,
        together: bool,
        troubles: Callable[[], tuple[str, ...]],
    ) -> None:
        self.config = config
        self.instance = instance
        """Names this process among those that do the same: in leases."""
        self.together = together
        """Whether admin, console and scheduler are in this process, and reach each other by its sockets."""
        self.troubles = troubles
        """What keeps this process from its work, a sentence each; waits for nothing."""
        self._opened: list[Callable[[], None]] = []

    @cached_property
    def database(self) -> Database:
        """The database; connects when it is first used."""
        from sandbox.store.database import Database, DatabaseSettings  # noqa: PLC0415 (see the docstring)

        database = Database(
            DatabaseSettings(url=self.config.database.url, pool_size=self.config.database.pool_size)
        )
        self._opened.append(database.close)
        return database

    @cached_property
    def objects(self) -> ObjectStore:
        """The object store."""
        from sandbox.server import settings  # noqa: PLC0415

        return settings.object_store(self.config)

    @property
    def grpc_socket(self) -> Path:
        """Admin's, behind the edge."""
        return Path(self.config.run) / "grpc.sock"

    @property
    def http_socket(self) -> Path:
        """The console's, behind the edge."""
        return Path(self.config.run) / "http.sock"

    @property
    def admin(self) -> str:
        """Where admin's gRPC services are, for those who ask them."""
        if self.together or self.config.kubernetes is None:
            return f"unix:{self.grpc_socket}"
        return self.config.kubernetes.admin

    def close(self) -> None:
        """Let go of the stores."""
        while self._opened:
            self._opened.pop()()
