"""`sandbox quota delete`."""

from __future__ import annotations

import click

from sandbox.appliance import quotas
from sandbox.cli import options
from sandbox.cli.quota import scope


@click.command("delete")
@scope.project
@scope.domain
@options.name
@options.verbose
def command(project: str, domain: str, name: str) -> None:
    """Delete the quota of a project and domain: what waits for it starts."""
    quotas.delete(name, project, domain)
    click.echo(f"Deleted the quota of {project}/{domain}.")
