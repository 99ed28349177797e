"""A real workflow: up from this process, through everything, and back."""

from __future__ import annotations

from sandbox.appliance.context import BootContext
from sandbox.appliance.endpoints import Endpoints

TITLE = "Canary workflow"


def execute(context: BootContext) -> str:
    from sandbox.appliance import canary  # noqa: PLC0415 - it brings gRPC, which no other step needs

    result = canary.run(Endpoints.of(context.config.ports), deadline=context.deadline)
    return f"ran in {result.seconds * 1000:.0f} ms"


def preload() -> None:
    """Do that import now, while something else is waited for."""
    import sandbox.appliance.canary  # noqa: F401, PLC0415
