"""`sandbox teardown`."""

from __future__ import annotations

import click

from sandbox.appliance import shutdown
from sandbox.cli import options


@click.command("teardown")
@options.name
@click.option("--volume", is_flag=True, help="Delete the data too: database, objects, logs, environments.")
@click.option("--timeout", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds.")
@options.verbose
def command(name: str, volume: bool, timeout: float) -> None:
    """Stop the sandbox and remove it.

    Without --volume, the database and the objects stay for a later start; with it, nothing does.
    """
    done = shutdown.teardown(name, volume, timeout=timeout)
    click.echo(f"Torn down in {done.seconds:.2f} s.")
    if done.kept:
        click.echo("Kept for a later start (delete with --volume):")
        for path in done.kept:
            click.echo(f"  {path}")
