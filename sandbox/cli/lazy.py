"""A command group that imports a command's module only when that command runs.

`sandbox --help` shows one line for each command without importing any of them.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Command(NamedTuple):
    """Where a command is, and what it does in one line. The module's attribute `command` is the command."""

    module: str
    summary: str


class LazyGroup(click.Group):
    """A `click.Group` over a table of modules."""

    def __init__(self, *args: Any, commands_by_name: Mapping[str, Command], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._by_name:
            return None
        command = importlib.import_module(self._by_name[cmd_name].module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._by_name[cmd_name].module}.command is no click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._by_name and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}.{self._guess(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in self._by_name.items()])

    def _guess(self, word: str) -> str:
        close = difflib.get_close_matches(word, self._by_name, n=1, cutoff=0.5)
        return f" Did you mean {close[0]!r}?" if close else ""
