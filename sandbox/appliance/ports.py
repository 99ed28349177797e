"""Which TCP ports a sandbox listens on, and who holds one that is taken.

All are bound to 127.0.0.1. The default sandbox always uses the ports that Flyte's users know; a sandbox with
another name takes free ones, and keeps them.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sandbox.appliance import processes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

HOST = "127.0.0.1"
AnyPorts = TypeVar("AnyPorts", bound="DataclassInstance")
"""A dataclass whose fields are the ports of one kind of sandbox."""


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
    registry: int | None = None
    """This and what follows only in a container."""
    dashboard: int | None = None
    kubernetes: int | None = None

    def over(self, base: AnyPorts) -> AnyPorts:
        """`base` with what was asked for."""
        wished = {one.name: getattr(self, one.name) for one in fields(base)}
        return replace(base, **{name: port for name, port in wished.items() if port is not None})


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


def taken(ports: DataclassInstance) -> list[Taken]:
    """Those of the ports that can't be had, with who holds them."""
    found = []
    for field in fields(ports):
        port = getattr(ports, field.name)
        if not is_free(port):
            found.append(Taken(port, field.name, processes.describe_listener(port)))
    return found


def free(wishes: PortWishes, kind: type[AnyPorts]) -> AnyPorts:
    """What was asked for, and ports given by the system for the rest.

    The well-known ports are left to the default sandbox, which may come later.
    """
    chosen: dict[str, int] = {}
    with contextlib.ExitStack() as held:  # until all are chosen, so that no two are alike
        for field in fields(kind):
            wish = getattr(wishes, field.name)
            chosen[field.name] = _given_by_the_system(held) if wish is None else wish
    return kind(**chosen)


def _given_by_the_system(held: contextlib.ExitStack) -> int:
    holder = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    holder.bind((HOST, 0))
    return int(holder.getsockname()[1])
