"""`sandbox secret …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "set": Command("sandbox.cli.secret.set", "Set a secret."),
    "list": Command("sandbox.cli.secret.list", "List the names of all secrets."),
    "delete": Command("sandbox.cli.secret.delete", "Delete a secret."),
}


@click.group("secret", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Set, list or delete secrets that tasks ask for (`secret_requests`)."""
