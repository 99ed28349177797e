"""Admin as a role: the gRPC services, on a unix socket behind the edge and, in a cluster, on a port too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.admin import services
from sandbox.admin.context import AdminContext
from sandbox.catalog import service as catalog_service
from sandbox.server import grpc_server, settings
from sandbox.server.ground import Ground
from sandbox.server.roles import objects_probe
from sandbox.server.roles.role import Role
from sandbox.store.objects import Presigner


class Admin(Role):
    """Admin, DataProxy, Signal, Health; the data catalog too where it is no process of its own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        config = ground.config
        self._server = grpc_server.create(
            max_message_size=config.max_message_size, threads=config.grpc_threads
        )
        self._health = services.add_to(
            self._server,
            AdminContext(
                database=ground.database,
                objects=ground.objects,
                presigner=Presigner(settings.s3(config, config.objects.public_endpoint)),
                settings=settings.admin(config),
                troubles=ground.troubles,
            ),
        )
        if ground.together:
            catalog_service.add_to(self._server, ground.database)
        grpc_server.bind(self._server, ground.grpc_socket)
        if config.kubernetes is not None:
            listen = config.kubernetes.listen
            grpc_server.bind_port(self._server, listen.host, listen.grpc)

    def start(self) -> None:
        self._server.start()

    def drain(self) -> None:
        """Finish the calls under way."""
        self._server.stop(self._ground.config.drain_timeout).wait()

    def close(self) -> None:
        self._ground.grpc_socket.unlink(missing_ok=True)

    def asks(self) -> Mapping[str, Callable[[], None]]:
        return {"database": self._ground.database.ping, **objects_probe.asks(self._ground)}

    def refresh(self) -> None:
        self._health.refresh()
