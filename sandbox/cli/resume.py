"""`sandbox resume`."""

from __future__ import annotations

import click

from sandbox.cli import boxes, options


@click.command("resume")
@options.name
@options.verbose
def command(name: str) -> None:
    """Let a paused sandbox go on."""
    boxes.require(name, "resume", "`sandbox start` starts it.")
    from sandbox.appliance.boxed import shutdown  # noqa: PLC0415 - brings Docker

    shutdown.resume(name)
    click.echo("It goes on.")
