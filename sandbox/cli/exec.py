"""`sandbox exec`."""

from __future__ import annotations

import os

import click

from sandbox.appliance import clients
from sandbox.cli import options


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@options.name
@click.option("--tag", metavar="IMAGE", help="In this image's environment instead of the source project's.")
@options.verbose
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(name: str, tag: str | None, words: tuple[str, ...]) -> None:
    """Run a command in the source project's environment, with the variables that point clients to the
    sandbox.

    \b
    sandbox exec -- pyflyte run --remote flyte/workflows/example.py diabetes_xgboost_model
    """
    found = clients.invocation(name, words, tag=tag)
    os.execve(found.program, found.arguments, dict(found.environ))
