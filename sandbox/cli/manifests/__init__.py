"""`sandbox manifests …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "render": Command("sandbox.cli.manifests.render", "Print manifests, or write them to a folder."),
}


@click.group("manifests", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Show what a sandbox puts on Kubernetes."""
