"""Which connectors a sandbox has: one that it runs itself, and any that run elsewhere."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import asdict, dataclass, replace
from typing import Any

from sandbox.appliance import ports
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONNECTOR
from sandbox.appliance.errors import UsageError
from sandbox.appliance.options import ConnectorWishes
from sandbox.appliance.state import SandboxState

_ENDPOINT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, slots=True)
class Connectors:
    """What `sandbox.json` says about connectors."""

    own: bool = False
    """Whether the sandbox runs flytekit's connector server, in the source project's environment."""
    modules: tuple[str, ...] = ()
    """The project's modules that define connectors of its own."""
    port: int = 0
    """Of the server that the sandbox runs; given by the system."""
    elsewhere: tuple[str, ...] = ()
    """`host:port` of those that somebody else runs."""

    @property
    def addresses(self) -> list[str]:
        """Where the control plane looks for connectors; the sandbox's own one comes first."""
        own = [f"{ports.HOST}:{self.port}"] if self.own else []
        return [*own, *self.elsewhere]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Connectors:
        """The inverse; nothing at all for sandboxes that never heard of connectors."""
        if not data:
            return cls()
        return cls(
            own=bool(data["own"]),
            modules=tuple(data["modules"]),
            port=int(data["port"]),
            elsewhere=tuple(data["elsewhere"]),
        )


def choose(state: SandboxState, wishes: ConnectorWishes, before: Connectors) -> Connectors:
    """What was, with what is asked for now; raises UsageError."""
    chosen = before
    if wishes.own is not None:
        chosen = replace(chosen, own=wishes.own, modules=_checked_modules(wishes.modules))
    if wishes.elsewhere is not None:
        chosen = replace(chosen, elsewhere=tuple(_checked_endpoint(word) for word in wishes.elsewhere))
    if not chosen.own:
        return replace(chosen, port=0)
    return replace(chosen, port=_port(state, chosen.port))


def _port(state: SandboxState, former: int) -> int:
    """The port that it has, or had and is still free; else one given by the system."""
    record = records.of(state, CONNECTOR)
    if former and ((record is not None and record.alive) or ports.is_free(former)):
        return former
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as holder:
        holder.bind((ports.HOST, 0))
        return int(holder.getsockname()[1])


def _checked_endpoint(word: str) -> str:
    found = _ENDPOINT.fullmatch(word)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise UsageError(
            f"{word!r} is not the address of a connector",
            "an address is a host's name and a port, as in localhost:8000",
            "Change --connector-endpoint.",
        )
    return word


def _checked_modules(modules: tuple[str, ...]) -> tuple[str, ...]:
    for module in modules:
        if not _MODULE.fullmatch(module):
            raise UsageError(
                f"{module!r} is not the name of a module",
                "--connector takes the dotted name of a module in the source project, as in "
                "my_package.connectors",
                "Change --connector, or leave its value away.",
            )
    return modules
