"""The control plane, until its health service answers through the edge port."""

from __future__ import annotations

from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import control_plane
from sandbox.appliance.embedded.components import CONTROL_PLANE

TITLE = "Control plane"


def execute(context: BootContext) -> str:
    port = context.config.ports.edge
    context.wait_for(CONTROL_PLANE, lambda: control_plane.answers(port=port))
    return f"gRPC and HTTP on port {port}"
