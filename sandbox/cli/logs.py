"""`sandbox logs`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from sandbox.appliance import logs
from sandbox.appliance.logs import Chunk, Source
from sandbox.cli import options


@click.command("logs")
@click.argument("what", required=False, metavar="[COMPONENT|EXECUTION]")
@click.argument("node", required=False)
@options.name
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is added.")
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), help="Only the last lines.  [default: 200 of components]"
)
@click.option("--attempt", type=click.IntRange(min=0), help="Of a node; default: the last.")
@options.verbose
def command(
    what: str | None, node: str | None, name: str, follow: bool, tail: int | None, attempt: int | None
) -> None:
    """Show what a component printed, or the tasks of an execution.

    \b
    sandbox logs                     all components
    sandbox logs control-plane -f    one of them, live
    sandbox logs EXECUTION NODE      one task: standard output and standard error
    sandbox logs EXECUTION           all its tasks
    """
    sources, tail = _sources(what, node, name, tail, attempt)
    chunks = logs.follow(sources, tail=tail) if follow else logs.read(sources, tail=tail)
    _print(chunks, titles=len(sources) > 1)


def _sources(
    what: str | None, node: str | None, name: str, tail: int | None, attempt: int | None
) -> tuple[list[Source], int | None]:
    if what is None or (node is None and logs.is_component(name, what)):
        return logs.components(name, what), 200 if tail is None else tail
    return logs.attempts(name, what, node, attempt), tail


def _print(chunks: Iterable[Chunk], *, titles: bool) -> None:
    last: Source | None = None
    for chunk in chunks:
        if titles and chunk.source != last and chunk.data:
            click.echo(f"==> {chunk.source.title} <==")
        last = chunk.source
        sys.stdout.buffer.write(chunk.data)
        sys.stdout.buffer.flush()
