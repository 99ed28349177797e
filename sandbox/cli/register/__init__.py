"""`sandbox register …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {"files": Command("sandbox.cli.register.files", "Register a package that pyflyte made.")}


@click.group("register", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Register tasks, workflows and launch plans."""
