"""`sandbox stop`."""

from __future__ import annotations

import click

from sandbox.appliance import shutdown
from sandbox.cli import options


@click.command("stop")
@options.name
@click.option("--timeout", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds.")
@options.verbose
def command(name: str, timeout: float) -> None:
    """Stop the sandbox. All data stays; running tasks are ended."""
    stopped = shutdown.stop(name, timeout=timeout)
    if stopped.was_running:
        click.echo(f"Stopped in {stopped.seconds:.2f} s. `sandbox start` goes on with all its data.")
    else:
        click.echo("It was not running.")
