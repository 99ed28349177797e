"""What there is under a name: an embedded sandbox in a directory, one in a container, or nothing.

An embedded sandbox is known by its directory, one in a container by the labels of that container, or of the
volume that a teardown kept. Asked without Docker's client, for every command asks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields

from sandbox.appliance import docker_socket
from sandbox.appliance.ports import Ports
from sandbox.appliance.state import SandboxState

EMBEDDED = "embedded"
LABEL = "flyte-sandbox."
"""What the labels of a sandbox's container, volume and network begin with."""


def profile(name: str) -> str | None:
    """The profile of the sandbox of that name, stopped or running, or of the data that it left; raises
    UsageError for an impossible name."""
    state = SandboxState.locate(name)
    if state.exists() or state.postgres.exists():
        return EMBEDDED
    return boxed(name)


def is_boxed(name: str) -> bool:
    """Whether the sandbox of that name is in a container. Raises UsageError for an impossible name."""
    state = SandboxState.locate(name)
    return not state.exists() and _of_container(name) is not None


def boxed(name: str) -> str | None:
    """The profile of the sandbox in a container, or of the volume that it left; None if there is none."""
    labels = _of_container(name) or _of_volume(name)
    return labels.get(f"{LABEL}profile") if labels else None


def published(name: str) -> dict[str, int] | None:
    """The ports of the sandbox in a container that clients speak to, by purpose; None if there is none."""
    labels = None if SandboxState.locate(name).exists() else _of_container(name)
    if labels is None:
        return None
    told = json.loads(labels.get(f"{LABEL}ports") or "{}")
    return {one.name: int(told[one.name]) for one in fields(Ports) if one.name in told}


def node_images() -> Mapping[str, str]:
    """Distribution → its node's image: with one of them here, a sandbox in a container can be booted at once.
    """
    from sandbox.appliance.node import distributions  # noqa: PLC0415 - few commands need it

    return {name: distributions.get(name).image for name in distributions.NAMES}


def has_archives() -> bool:
    """Whether the components' images were made on this machine before, and are kept for another node."""
    from sandbox.appliance.images import cache  # noqa: PLC0415 - as above

    return bool(cache.archives())


def resource(name: str) -> str:
    """What container, volume and network of a sandbox are called."""
    return "flyte-sandbox" if name == "sandbox" else f"flyte-sandbox-{name}"


def _of_container(name: str) -> Mapping[str, str] | None:
    there = docker_socket.container(resource(name)) or {}
    return _ours((there.get("Config") or {}).get("Labels"))


def _of_volume(name: str) -> Mapping[str, str] | None:
    return _ours((docker_socket.volume(resource(name)) or {}).get("Labels"))


def _ours(labels: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return labels if labels and f"{LABEL}name" in labels else None
