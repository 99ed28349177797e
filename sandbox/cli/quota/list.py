"""`sandbox quota list`."""

from __future__ import annotations

import sys

import click

from sandbox.appliance import quotas
from sandbox.cli import options, tables
from sandbox.cli.terminal import Terminal


@click.command("list")
@options.name
@options.output("table", "json")
@options.verbose
def command(name: str, output: str) -> None:
    """List all quotas."""
    found = quotas.every(name)
    if output == "json":
        options.print_json([{"project": q.project, "domain": q.domain, **q.limits} for q in found])
    elif not found:
        click.echo("No quotas are set.")
    else:
        rows = [
            [
                quota.project,
                quota.domain or "(each)",
                *(quota.limits.get(word, "") for word in quotas.VARIABLES),
            ]
            for quota in found
        ]
        headers = ("project", "domain", *quotas.VARIABLES)
        click.echo(tables.render(headers, rows, width=Terminal(sys.stdout).width))
