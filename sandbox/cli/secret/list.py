"""`sandbox secret list`."""

from __future__ import annotations

import sys

import click

from sandbox.appliance import secrets
from sandbox.cli import options, tables
from sandbox.cli.terminal import Terminal


@click.command("list")
@options.name
@options.output("table", "json")
@options.verbose
def command(name: str, output: str) -> None:
    """List the names of all secrets. Their values are never shown."""
    found = secrets.names(name)
    if output == "json":
        options.print_json([{"group": secret.group, "key": secret.key} for secret in found])
    elif not found:
        click.echo("No secrets are set.")
    else:
        rows = [[secret.group, secret.key] for secret in found]
        click.echo(tables.render(("group", "key"), rows, width=Terminal(sys.stdout).width))
