"""`sandbox secret list`."""

from __future__ import annotations

import sys

import click

from sandbox.appliance import secrets
from sandbox.cli import options, tables
from sandbox.cli.secret import names
from sandbox.cli.terminal import Terminal


@click.command("list")
@names.project
@names.domain
@options.name
@options.output("table", "json")
@options.verbose
def command(project: str | None, domain: str | None, name: str, output: str) -> None:
    """List the names of all secrets. Their values are never shown."""
    found = secrets.names(name, names.namespace(project, domain))
    if output == "json":
        options.print_json([{"group": secret.group, "key": secret.key} for secret in found])
    elif not found:
        click.echo("No secrets are set.")
    else:
        rows = [[secret.group, secret.key] for secret in found]
        click.echo(tables.render(("group", "key"), rows, width=Terminal(sys.stdout).width))
