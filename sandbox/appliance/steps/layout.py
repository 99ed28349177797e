"""The directories, and `sandbox.json`."""

from __future__ import annotations

from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import object_store, postgres

TITLE = "State"


def execute(context: BootContext) -> str:
    state = context.state
    state.create()
    postgres.prepare(state, context.placement)
    object_store.create_bucket(state)
    if context.was_running:
        context.restart_control_plane = state.load().server != context.config.server
    state.save(context.config)
    return str(state.root)
