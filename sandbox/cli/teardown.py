"""`sandbox teardown`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sandbox.appliance import found
from sandbox.cli import options


@click.command("teardown")
@options.name
@click.option("--volume", is_flag=True, help="Delete the data too: database, objects, logs, images.")
@click.option("--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds.")
@options.verbose
def command(name: str, volume: bool, timeout: float) -> None:
    """Stop the sandbox and remove it.

    Without --volume, the database and the objects stay for a later start; with it, nothing does.
    """
    seconds, kept = _teardown(name, volume, timeout)
    click.echo(f"Torn down in {seconds:.2f} s.")
    if kept:
        click.echo("Kept for a later start (delete with --volume):")
        for what in kept:
            click.echo(f"  {what}")


def _teardown(name: str, volume: bool, timeout: float) -> tuple[float, Sequence[object]]:
    if found.profile(name) not in (None, found.EMBEDDED):
        from sandbox.appliance.boxed import shutdown as boxed  # noqa: PLC0415 - brings Docker

        done = boxed.teardown(name, volume=volume, timeout=timeout)
        return done.seconds, done.kept
    from sandbox.appliance import shutdown  # noqa: PLC0415 - as above

    torn = shutdown.teardown(name, volume, timeout=timeout)
    return torn.seconds, torn.kept
