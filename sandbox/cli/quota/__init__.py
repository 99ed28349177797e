"""`sandbox quota …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "set": Command("sandbox.cli.quota.set", "Limit how much of a project runs at once."),
    "list": Command("sandbox.cli.quota.list", "List all quotas."),
    "delete": Command("sandbox.cli.quota.delete", "Delete a project's quota."),
}


@click.group("quota", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Limit how much of a project and domain runs at once."""
