"""`sandbox secret delete`."""

from __future__ import annotations

import click

from sandbox.appliance import secrets
from sandbox.cli import options
from sandbox.cli.secret import names


@click.command("delete")
@names.argument
@names.project
@names.domain
@options.name
@options.verbose
def command(words: tuple[str, ...], project: str | None, domain: str | None, name: str) -> None:
    """Delete a secret. Attempts that run have it already."""
    secret = names.parse(words)
    secrets.delete(name, secret, names.namespace(project, domain))
    click.echo(f"Deleted the secret {secrets.describe(secret)}.")
