"""How a secret is named on the command line: `GROUP KEY`, or `KEY` alone."""

from __future__ import annotations

import click

from sandbox.executors.secrets import SecretName

_MOST = 2

argument = click.argument("words", nargs=-1, required=True, metavar="[GROUP] KEY")


def parse(words: tuple[str, ...]) -> SecretName:
    """The name. Raises UsageError."""
    if len(words) > _MOST or not all(words):
        raise click.UsageError("a secret is named by its group and its key, or by its key alone")
    return SecretName(words[0] if len(words) == _MOST else "", words[-1])
