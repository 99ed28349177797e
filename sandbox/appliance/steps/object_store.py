"""The object store, until S3 answers."""

from __future__ import annotations

from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import object_store
from sandbox.appliance.embedded.components import OBJECT_STORE

TITLE = "Object store"


def execute(context: BootContext) -> str:
    port = context.config.ports.object_store
    context.wait_for(OBJECT_STORE, lambda: object_store.answers(port=port))
    return f"port {port}"
