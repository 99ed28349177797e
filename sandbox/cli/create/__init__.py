"""`sandbox create …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {"project": Command("sandbox.cli.create.project", "Create a project.")}


@click.group("create", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Create a project."""
