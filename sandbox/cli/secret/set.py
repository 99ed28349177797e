"""`sandbox secret set`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance import secrets
from sandbox.cli import options
from sandbox.cli.secret import names


@click.command("set")
@names.argument
@click.option("--value", help="The value; it stays in your shell's history.")
@click.option(
    "--from-file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose bytes are the value.",
)
@names.project
@names.domain
@options.name
@options.verbose
def command(
    words: tuple[str, ...],
    value: str | None,
    file: Path | None,
    project: str | None,
    domain: str | None,
    name: str,
) -> None:
    """Set a secret, in place of its former value.

    Without --value and --from-file it is asked for, or read from what is piped in. A task gets it that has
    secret_requests=[Secret(group=GROUP, key=KEY)]. GROUP may be left out.
    """
    if value is not None and file is not None:
        raise click.UsageError("--value and --from-file exclude each other")
    secret = names.parse(words)
    namespace = names.namespace(project, domain)
    places = secrets.put(name, secret, _content(value, file), namespace)
    where = f" in {namespace}" if namespace else " for all projects, those to come too" if places else ""
    click.echo(f"Set the secret {secrets.describe(secret)}{where}.")


def _content(value: str | None, file: Path | None) -> bytes:
    if value is not None:
        return value.encode()
    if file is not None:
        return file.read_bytes()
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True)).encode()
    return sys.stdin.buffer.read().removesuffix(b"\n")
