"""`sandbox completion`."""

from __future__ import annotations

import click
from click import shell_completion

from sandbox.cli import options


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@options.verbose
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash   eval "$(sandbox completion bash)"
    zsh    eval "$(sandbox completion zsh)"
    fish   sandbox completion fish | source
    """
    kind = shell_completion.get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known to this release of click")
    root = context.find_root()
    click.echo(kind(root.command, {}, "sandbox", "_SANDBOX_COMPLETE").source())
