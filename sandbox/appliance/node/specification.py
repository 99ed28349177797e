"""What a node is to be, and how that is written on its container: the labels are all that is kept.

Several containers may belong to one sandbox: its first node (number 0), and those that joined it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

PREFIX = "flyte-sandbox"
_LABEL = f"{PREFIX}."
NAME_LABEL = _LABEL + "name"
SOURCE = "/source"
"""Where `--source` is mounted in the node, and where `sandbox exec` begins."""
CA_BUNDLE = "/etc/flyte-sandbox/ca-bundle.pem"
"""The host's CA bundle in the node, if there is one: for image builds, and for pods that mount it."""
STATE = "/var/lib/flyte-sandbox"
"""Where the volume is mounted: all that outlives the container."""


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Ports of 127.0.0.1 on the host."""

    edge: int = 30080
    """gRPC and HTTP: `pyflyte`, `flytectl`, a browser."""
    object_store: int = 30002
    postgres: int = 30001
    registry: int = 30000
    """`docker push localhost:30000/…`"""
    dashboard: int = 30081
    kubernetes: int = 6443

    def published(self) -> dict[int, int]:
        """Host port by the port of the container."""
        inside = NodePorts()
        return {getattr(inside, one.name): getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node's container."""

    name: str
    """The sandbox's name."""
    profile: str
    distribution: str
    version: str
    """Of this program."""
    source: Path | None = None
    """A folder of the host that is mounted at `/source`."""
    ports: NodePorts = field(default_factory=NodePorts)
    """Published by the first node alone."""
    ca_bundle: Path | None = None
    """A file of the host with the certificates to trust; None: those of the image."""
    gpus: bool = False
    """Hand all of the host's GPUs through (`docker run --gpus all`)."""
    number: int = 0
    """0: the node with the control plane. Others join it."""

    @property
    def resource(self) -> str:
        """The name of the volume and of the network, and of the first node's container."""
        return PREFIX if self.name == "sandbox" else f"{PREFIX}-{self.name}"

    @property
    def container(self) -> str:
        return self.resource if self.number == 0 else f"{self.resource}-node-{self.number}"

    @property
    def volume(self) -> str:
        return self.container

    @property
    def network(self) -> str:
        return self.resource


def labels(spec: NodeSpec) -> dict[str, str]:
    """The specification as labels."""
    values = {
        "name": spec.name,
        "profile": spec.profile,
        "distribution": spec.distribution,
        "version": spec.version,
        "source": str(spec.source or ""),
        "ports": json.dumps(asdict(spec.ports), sort_keys=True),
        "ca-bundle": str(spec.ca_bundle or ""),
        "gpus": "all" if spec.gpus else "",
        "number": str(spec.number),
    }
    return {_LABEL + key: value for key, value in values.items()}


def from_labels(found: Mapping[str, str]) -> NodeSpec | None:
    """The specification that a container carries; None for a container of somebody else."""
    if NAME_LABEL not in found:
        return None
    values = {key.removeprefix(_LABEL): value for key, value in found.items() if key.startswith(_LABEL)}
    known = {one.name for one in fields(NodePorts)}
    ports = {key: int(port) for key, port in json.loads(values.get("ports") or "{}").items() if key in known}
    return NodeSpec(
        name=values["name"],
        profile=values.get("profile", ""),
        distribution=values.get("distribution", ""),
        version=values.get("version", ""),
        source=Path(values["source"]) if values.get("source") else None,
        ports=NodePorts(**ports),
        ca_bundle=Path(values["ca-bundle"]) if values.get("ca-bundle") else None,
        gpus=values.get("gpus") == "all",
        number=int(values.get("number") or 0),
    )
