"""What the node is told, by environment variables of its container, and where it keeps its files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

STATE = Path("/var/lib/flyte-sandbox")
"""Everything that survives a stop: a volume."""
LOGS = Path("/var/log/kubernetes")
SERVICES = "10.43.0.0/16"
FIRST_SERVICE = "10.43.0.1"
"""The API server's own."""
PODS = "10.42.0.0/16"
DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Settings:
    """One node."""

    name: str
    """Its host name in the cluster."""
    number: int
    """0: the node with the control plane; others join it. Decides the range of the pods' addresses."""
    server: str
    """Where the API server is: a host name or address."""
    names: tuple[str, ...]
    """More names and addresses that the API server is reached by: its certificate tells them."""
    ca_bundle: Path | None
    """Certificates to trust in place of Debian's."""

    @classmethod
    def read(cls) -> Settings:
        environ = os.environ
        return cls(
            name=environ.get("NODE_NAME", "sandbox"),
            number=int(environ.get("NODE_NUMBER", "0")),
            server=environ.get("NODE_SERVER", "127.0.0.1"),
            names=tuple(filter(None, environ.get("NODE_ALTERNATIVE_NAMES", "").split(","))),
            ca_bundle=Path(environ["NODE_CA_BUNDLE"]) if environ.get("NODE_CA_BUNDLE") else None,
        )

    @property
    def is_server(self) -> bool:
        return self.number == 0

    @property
    def pods(self) -> str:
        """The range of this node's pods."""
        return f"10.42.{self.number}.0/24"

    @property
    def gateway(self) -> str:
        """The node as its pods see it: the bridge's address."""
        return f"10.42.{self.number}.1"

    @property
    def docker_gateway(self) -> str:
        """The node as containers of image builds see it: Docker's own bridge, the same on every node."""
        return "10.44.0.1"
