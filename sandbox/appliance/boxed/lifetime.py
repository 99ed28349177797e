"""One command at a time on one sandbox, and what there is of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sandbox.appliance.node.engine import Engine, errors
from sandbox.appliance.node.specification import NAME_LABEL, NodeSpec
from sandbox.appliance.state import SandboxState


@contextlib.contextmanager
def locked(name: str, *, timeout: float) -> Iterator[None]:
    """Hold the sandbox of that name for one command, as commands on an embedded one of that name would.

    The directory that is the lock is empty, and goes when nobody needs it any more.
    """
    state = SandboxState.locate(name)
    try:
        with state.locked(timeout=timeout):
            yield
    finally:
        with contextlib.suppress(OSError):
            state.root.rmdir()


def has_volume(docker: Engine, spec: NodeSpec) -> bool:
    """Whether the sandbox's data is there, with a container or without."""
    with errors("Docker does not list its volumes"):
        listed = docker.api.volumes(filters={"label": f"{NAME_LABEL}={spec.name}"})
    return bool(listed.get("Volumes"))
