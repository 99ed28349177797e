"""The edge port as a role: gRPC to admin in this process, HTTP to the console, wherever that is."""

from __future__ import annotations

from pathlib import Path

from sandbox.server.edge import Edge, HostPort
from sandbox.server.ground import Ground
from sandbox.server.roles.role import Role


class EdgePort(Role):
    """Binds the port when it is made: a taken one is found before anything else happens, PortUnavailable."""

    def __init__(self, ground: Ground) -> None:
        edge = ground.config.edge
        self._edge = Edge(
            host=edge.host,
            port=edge.port,
            grpc=ground.grpc_socket,
            http=_console(edge.http) if edge.http else ground.http_socket,
            sniff_timeout=edge.sniff_timeout,
        )

    @property
    def port(self) -> int:
        """The one listened on."""
        return self._edge.port

    def start(self) -> None:
        self._edge.start()

    def drain(self) -> None:
        """Take no more connections; what goes on over those that are open ends with the servers."""
        self._edge.stop()

    def close(self) -> None:
        self._edge.close()


def _console(address: str) -> Path | HostPort:
    host, _, port = address.rpartition(":")
    return HostPort(host, int(port))
