"""`sandbox exec`."""

from __future__ import annotations

import os

import click

from sandbox.appliance import found
from sandbox.cli import options


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@options.name
@click.option("--tag", metavar="IMAGE", help="In this image's environment instead of the source project's.")
@options.verbose
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(name: str, tag: str | None, words: tuple[str, ...]) -> int:
    """Run a command in the sandbox.

    Of an embedded one: in the source project's environment, with the variables that point clients to the
    sandbox. Of one in a container: in that container, in the mounted source, beside Docker and kubectl.

    \b
    sandbox exec -- pyflyte run --remote flyte/workflows/example.py diabetes_xgboost_model
    sandbox exec -- docker build . --tag "diabetes_xgboost_model:v1"
    """
    if found.is_boxed(name):
        if tag is not None:
            raise click.UsageError(
                "--tag is for embedded sandboxes; here: sandbox exec -- docker run IMAGE …"
            )
        from sandbox.appliance.boxed import commands  # noqa: PLC0415 - brings Docker

        return commands.execute(name, words)
    from sandbox.appliance import clients  # noqa: PLC0415 - as above

    invocation = clients.invocation(name, words, tag=tag)
    os.execve(invocation.program, invocation.arguments, dict(invocation.environ))
