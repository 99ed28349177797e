"""`sandbox list`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from sandbox.appliance import docker_socket, status
from sandbox.cli import options, tables, units
from sandbox.cli.terminal import Terminal

_HEADERS = ("name", "profile", "state", "console", "memory")


@click.command("list")
@options.output("text", "json")
@options.verbose
def command(output: str) -> None:
    """List all sandboxes of this machine, whatever they are made of."""
    rows = [*_embedded(), *(_boxed() if docker_socket.reachable() else ())]
    if output == "json":
        options.print_json([dict(zip(_HEADERS, row, strict=True)) for row in rows])
    elif not rows:
        click.echo("There is no sandbox. Start one with `sandbox start`.")
    else:
        shown = [(*row[:-1], units.size(row[-1]) if row[-1] else "-") for row in rows]
        click.echo(tables.render(_HEADERS, shown, width=Terminal(sys.stdout).width))


def _embedded() -> Iterator[tuple[str, str, str, str, int]]:
    for one in status.inspect_all():
        yield one.name, one.profile, _condition(one.running, one.healthy), one.endpoints.console, one.memory


def _boxed() -> Iterator[tuple[str, str, str, str, int]]:
    from sandbox.appliance.boxed import status as boxed  # noqa: PLC0415 - brings Docker

    for one in boxed.inspect_all():
        state = one.condition if one.condition == "paused" else _condition(one.running, one.healthy)
        yield one.name, one.profile, state, one.endpoints.console, one.memory


def _condition(running: bool, healthy: bool) -> str:
    if not running:
        return "stopped"
    return "healthy" if healthy else "running, not healthy"
