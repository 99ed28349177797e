"""How a secret is named on the command line: `GROUP KEY`, or `KEY` alone."""

from __future__ import annotations

import click

from sandbox.executors.secrets import SecretName

_MOST = 2

project = click.option("-p", "--project", help="In a container: for this project alone, with --domain.")
domain = click.option("-d", "--domain", help="In a container: for this domain of --project alone.")

argument = click.argument("words", nargs=-1, required=True, metavar="[GROUP] KEY")


def parse(words: tuple[str, ...]) -> SecretName:
    """The name. Raises UsageError."""
    if len(words) > _MOST or not all(words):
        raise click.UsageError("a secret is named by its group and its key, or by its key alone")
    return SecretName(words[0] if len(words) == _MOST else "", words[-1])


def namespace(project: str | None, domain: str | None) -> str | None:
    """Where the secret is to be; None: wherever tasks run. Raises UsageError."""
    if (project is None) != (domain is None):
        raise click.UsageError("--project and --domain go together")
    return f"{project}-{domain}" if project else None
