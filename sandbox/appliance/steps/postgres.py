"""The database: its cluster made on the first start, then until it takes connections."""

from __future__ import annotations

import threading

from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import postgres
from sandbox.appliance.embedded.components import POSTGRES
from sandbox.appliance.steps import canary, supervisor

TITLE = "PostgreSQL"


def execute(context: BootContext) -> str:
    where, port = context.placement, context.config.ports.postgres
    if postgres.create_cluster(where):
        supervisor.look_again(context.state)
    if context.options.wait:
        # What the canary needs is imported while the components start.
        threading.Thread(target=canary.preload, name="preload", daemon=True).start()
    context.wait_for(POSTGRES, lambda: postgres.probe(where, port=port) == "")
    postgres.create_database(where, port=port)
    return f"version {postgres.version(where)}, port {port}"
