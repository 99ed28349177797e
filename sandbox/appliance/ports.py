"""Which TCP ports a sandbox listens on, and who holds one that is taken.

All are bound to 127.0.0.1. The default sandbox always uses the ports that Flyte's users know; a sandbox with
another name takes free ones when those are in use, and keeps them.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from sandbox.appliance import processes

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one sandbox."""

    edge: int = 30080
    """gRPC and HTTP: what `pyflyte`, `flytectl` and a browser talk to."""
    object_store: int = 30002
    """S3."""
    postgres: int = 30001

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Ports:
        return cls(**{field.name: int(data[field.name]) for field in fields(cls) if field.name in data})


@dataclass(frozen=True, slots=True)
class PortWishes:
    """The ports that a user asked for; None leaves the choice to the sandbox."""

    edge: int | None = None
    object_store: int | None = None
    postgres: int | None = None

    def over(self, base: Ports) -> Ports:
        """`base` with what was asked for."""
        return Ports(
            edge=base.edge if self.edge is None else self.edge,
            object_store=base.object_store if self.object_store is None else self.object_store,
            postgres=base.postgres if self.postgres is None else self.postgres,
        )


class Taken(NamedTuple):
    """A port that can't be had."""

    port: int
    purpose: str
    """The field of `Ports`."""
    holder: str
    """`pid 4242 (java)`, or empty when the system doesn't tell."""


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                return False
            raise
        return True


def taken(ports: Ports) -> list[Taken]:
    """Those of the ports that can't be had, with who holds them."""
    found = []
    for field in fields(ports):
        port = getattr(ports, field.name)
        if not is_free(port):
            found.append(Taken(port, field.name, processes.describe_listener(port)))
    return found


def free_instead(wishes: PortWishes, base: Ports) -> Ports:
    """`base` where it is free, a port given by the system where it isn't; what was asked for stays."""
    chosen: dict[str, int] = {}
    holders: list[socket.socket] = []
    try:
        for field in fields(base):
            wish = getattr(wishes, field.name)
            port = getattr(base, field.name) if wish is None else wish
            if wish is None and not is_free(port):
                holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                holder.bind((HOST, 0))
                holders.append(holder)  # held until all are chosen, so that no two are alike
                port = holder.getsockname()[1]
            chosen[field.name] = port
    finally:
        for holder in holders:
            holder.close()
    return Ports(**chosen)
