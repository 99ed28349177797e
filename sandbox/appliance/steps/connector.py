"""The connector that the sandbox runs itself, until its health service answers."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.appliance import pids
from sandbox.appliance.connectors import Connectors
from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONNECTOR
from sandbox.appliance.errors import ComponentFailed, PreflightFailed
from sandbox.appliance.steps import supervisor

TITLE = "Connector"
_PATIENCE = 30.0
"""Seconds that it may take at least, however long the environment took to be built."""


def applies(context: BootContext) -> bool:
    return _connectors(context).own


def execute(context: BootContext) -> str:
    """Started in the environment that the step before has found; again if it is to run otherwise."""
    from sandbox.appliance.embedded import connector  # noqa: PLC0415 - brings protobuf

    wanted = _component(context).to_json()
    others = [one for one in context.config.components if one["name"] != CONNECTOR]
    former = next((one for one in context.config.components if one["name"] == CONNECTOR), None)
    context.config = replace(context.config, components=[*others, wanted])
    context.state.save(context.config)
    asked_again = context.was_running and context.options.connectors.own is True
    supervisor.look_again(context.state)
    if asked_again or (former is not None and former != wanted):
        _end(context)
    port = _connectors(context).port
    if not context.options.wait:
        return f"port {port}"
    context.deadline = max(context.deadline, time.monotonic() + _PATIENCE)
    context.wait_for(CONNECTOR, lambda: _answers(context, port))
    types = connector.serves(f"127.0.0.1:{port}") or ()
    return f"port {port}; " + (f"serves {', '.join(types)}" if types else "serves nothing")


def _connectors(context: BootContext) -> Connectors:
    return Connectors.from_json(context.config.connectors)


def _component(context: BootContext) -> Any:
    from sandbox.appliance import environments  # noqa: PLC0415 - needed with a source only
    from sandbox.appliance.embedded import connector  # noqa: PLC0415 - brings protobuf

    config = context.config
    environment = environments.find(environments.DEFAULT_TAG, context.state)
    if config.source is None:
        raise no_environment("the sandbox has no project")
    if environment is None:
        raise no_environment("the project has none")
    if not environments.package_version(environment.python.parent.parent, "flytekit"):
        raise PreflightFailed(
            "the environment of your project can't run a connector",
            f"{environment.python.parent.parent} has no flytekit",
            "Add flytekit[connector] to the project's requirements, or start with --no-connector.",
        )
    return connector.component(
        context.state,
        _connectors(context),
        environment,
        ports=config.ports,
        env=config.env,
        source=Path(config.source),
    )


def no_environment(why: str) -> PreflightFailed:
    """The error for a connector that nothing can run."""
    return PreflightFailed(
        "there is nothing to run a connector with",
        f"a connector is flytekit's, run in the environment of your project; {why}",
        "Name a project whose requirements have flytekit[connector] with --source, name a connector that "
        "runs elsewhere with --connector-endpoint, or start with --no-connector.",
    )


def _answers(context: BootContext, port: int) -> bool:
    from sandbox.appliance.embedded import connector  # noqa: PLC0415 - brings protobuf

    record = records.of(context.state, CONNECTOR)
    if record is None or not record.alive:
        if record is not None and record.last_exit in connector.UNFIT:
            raise _unfit(context)
        return False
    return connector.answers(port=port, timeout=1.0)


def _unfit(context: BootContext) -> ComponentFailed:
    return context.failure(CONNECTOR, "the project's environment can't serve connectors")


def _end(context: BootContext) -> None:
    """The supervisor starts it again at once, with what is configured now."""
    record = records.of(context.state, CONNECTOR)
    if record is not None and record.identity is not None and pids.send(record.identity, signal.SIGTERM):
        while pids.is_alive(record.identity) and time.monotonic() < context.deadline:
            time.sleep(0.005)
