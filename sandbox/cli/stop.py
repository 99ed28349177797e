"""`sandbox stop`."""

from __future__ import annotations

import click

from sandbox.appliance import found
from sandbox.cli import options


@click.command("stop")
@options.name
@click.option("--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds.")
@options.verbose
def command(name: str, timeout: float) -> None:
    """Stop the sandbox. All data stays; running tasks are ended."""
    was_running, seconds = _stop(name, timeout)
    if was_running:
        click.echo(f"Stopped in {seconds:.2f} s. `sandbox start` goes on with all its data.")
    else:
        click.echo("It was not running.")


def _stop(name: str, timeout: float) -> tuple[bool, float]:
    if found.is_boxed(name):
        from sandbox.appliance.boxed import shutdown as boxed  # noqa: PLC0415 - brings Docker

        done = boxed.stop(name, timeout=timeout)
        return done.was_running, done.seconds
    from sandbox.appliance import shutdown  # noqa: PLC0415 - as above

    stopped = shutdown.stop(name, timeout=timeout)
    return stopped.was_running, stopped.seconds
