"""The data catalog as a process of its own: its gRPC service on a port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from grpc_health.v1 import health_pb2_grpc

from sandbox.admin.health import HealthService
from sandbox.catalog import service
from sandbox.server import grpc_server
from sandbox.server.config import ConfigError
from sandbox.server.ground import Ground
from sandbox.server.roles.role import Role

_NAME = "datacatalog.DataCatalog"


class DataCatalog(Role):
    """Serves DataCatalog and Health."""

    def __init__(self, ground: Ground) -> None:
        config = ground.config
        if config.kubernetes is None:
            raise ConfigError("the data catalog is a process of its own in a cluster only")
        self._ground = ground
        self._server = grpc_server.create(
            max_message_size=config.max_message_size, threads=config.grpc_threads
        )
        service.add_to(self._server, ground.database)
        self._health = HealthService((_NAME,), ground.troubles)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        grpc_server.bind_port(self._server, config.kubernetes.listen.host, config.kubernetes.listen.grpc)

    def start(self) -> None:
        self._server.start()

    def drain(self) -> None:
        """Finish the calls under way."""
        self._server.stop(self._ground.config.drain_timeout).wait()

    def asks(self) -> Mapping[str, Callable[[], None]]:
        return {"database": self._ground.database.ping}

    def refresh(self) -> None:
        self._health.refresh()
