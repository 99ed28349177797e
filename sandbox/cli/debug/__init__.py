"""`sandbox debug …`: for those who work on the engine."""

from __future__ import annotations

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "history": Command("sandbox.cli.debug.history", "Write all that decided how an execution went."),
    "replay": Command("sandbox.cli.debug.replay", "Replay a history, or stop at any moment of it."),
}


@click.group("debug", cls=LazyGroup, commands_by_name=COMMANDS)
def command() -> None:
    """Look at the engine's decisions, and replay them."""
