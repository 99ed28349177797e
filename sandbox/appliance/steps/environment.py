"""The user's project: its Python environment becomes the image tag `default`."""

from __future__ import annotations

import signal
from pathlib import Path

from sandbox.appliance import pids
from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONTROL_PLANE

TITLE = "Source environment"


def applies(context: BootContext) -> bool:
    return context.config.source is not None


def execute(context: BootContext) -> str:
    """Found or built; then the control plane is told, and imports flytekit for it before the first task
    comes."""
    from sandbox.appliance import environments  # noqa: PLC0415 - needed with a source only

    source = Path(context.config.source or "")
    if context.options.source is None and not source.is_dir():
        context.note(f"The source {source} is gone; give another one with --source.")
        return "none"
    built = environments.prepare_source(source, context.state)
    if built is None:
        context.note(
            f"{source} has neither requirements.txt nor dependencies in pyproject.toml: tasks whose image "
            "was not built have no environment. Add one and start again, or use `sandbox build`."
        )
        return "none"
    for note in built.notes:
        context.note(note)
    record = records.of(context.state, CONTROL_PLANE)
    if record is not None and record.identity is not None:
        pids.send(record.identity, signal.SIGHUP)
    return f"Python {built.python_version}, {built.requirements}" + (
        ", found" if built.reused else ", installed"
    )
