"""The config file through which `pyflyte` and `flytectl` find the sandbox."""

from __future__ import annotations

from sandbox.appliance import client_config
from sandbox.appliance.context import BootContext
from sandbox.appliance.endpoints import Endpoints

TITLE = "Client config"


def applies(context: BootContext) -> bool:
    return context.options.client_config


def execute(context: BootContext) -> str:
    written = client_config.write(context.state, Endpoints.of(context.config.ports))
    for note in written.notes:
        context.note(note)
    return str(written.path) if written.path is not None else "none"
