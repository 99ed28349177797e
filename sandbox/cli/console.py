"""`sandbox console`."""

from __future__ import annotations

import webbrowser

import click

from sandbox.appliance import status
from sandbox.appliance.errors import NotRunning
from sandbox.cli import options


@click.command("console")
@options.name
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@options.verbose
def command(name: str, no_browser: bool) -> None:
    """Open the console in a browser, and print its address."""
    found = status.inspect(name)
    if not found.running:
        raise NotRunning.named(name)
    click.echo(found.endpoints.console)
    if not no_browser and not webbrowser.open(found.endpoints.console):
        click.echo("There is no browser here; open the address yourself.", err=True)
