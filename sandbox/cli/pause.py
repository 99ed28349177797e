"""`sandbox pause`."""

from __future__ import annotations

import click

from sandbox.cli import boxes, options


@click.command("pause")
@options.name
@options.verbose
def command(name: str) -> None:
    """Freeze a sandbox in a container: it keeps its memory and uses no processor."""
    boxes.require(name, "pause", "`sandbox stop` ends an embedded sandbox, in a second; its data stays.")
    from sandbox.appliance.boxed import shutdown  # noqa: PLC0415 - brings Docker

    shutdown.pause(name)
    click.echo("Paused. `sandbox resume` lets it go on.")
