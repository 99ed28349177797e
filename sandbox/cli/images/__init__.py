"""`sandbox images …`."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "build": Command("sandbox.cli.images.build", "Make a node's image now, ahead of the first start."),
    "list": Command("sandbox.cli.images.list", "List the images that sandboxes are made of."),
    "save": Command("sandbox.cli.images.save", "Write them to an archive, for another machine."),
    "load": Command("sandbox.cli.images.load", "Read an archive."),
}


@click.group("images", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """The images that sandboxes in containers are made of, as one archive for other machines."""
