"""`sandbox console`."""

from __future__ import annotations

import webbrowser

import click

from sandbox.appliance import clients, docker_socket, found, status
from sandbox.appliance.errors import NotRunning
from sandbox.cli import options


@click.command("console")
@options.name
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@options.verbose
def command(name: str, no_browser: bool) -> None:
    """Open the console in a browser, and print its address."""
    if not _runs(name):
        raise NotRunning.named(name)
    address = clients.endpoints(name).console
    click.echo(address)
    if not no_browser and not webbrowser.open(address):
        click.echo("There is no browser here; open the address yourself.", err=True)


def _runs(name: str) -> bool:
    if found.is_boxed(name):
        there = docker_socket.container(found.resource(name)) or {}
        return (there.get("State") or {}).get("Status") == "running"
    return status.inspect(name).running
