"""`sandbox logs`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import click

from sandbox.appliance import found, logs
from sandbox.appliance.logs import Chunk, Source
from sandbox.cli import options
from sandbox.cli.terminal import Terminal


@click.command("logs")
@click.argument("what", required=False, metavar="[COMPONENT|EXECUTION]")
@click.argument("node", required=False)
@options.name
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is added, until the tasks have ended.")
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
    sandbox logs control-plane -f    one of them, live (in a container: flyteadmin, flytepropeller, node, …)
    sandbox logs EXECUTION NODE      one task: standard output and standard error
    sandbox logs EXECUTION           all its tasks
    """
    if found.is_boxed(name):
        _boxed(name, what, node, follow=follow, tail=tail, attempt=attempt)
        return
    if what is None or (node is None and logs.is_component(name, what)):
        sources = logs.components(name, what)
        _print(_chunks(sources, follow, 200 if tail is None else tail), titles=len(sources) > 1)
        return
    sources = logs.attempts(name, what, node, attempt)
    _print(_chunks(sources, follow, tail, until=lambda: logs.ended(sources)), titles=len(sources) > 1)
    _remark(name, sources)


def _boxed(
    name: str, what: str | None, node: str | None, *, follow: bool, tail: int | None, attempt: int | None
) -> None:
    from sandbox.appliance.boxed import logs as boxed  # noqa: PLC0415 - brings Docker and gRPC

    lines = None
    if node is None:
        lines = boxed.component(name, what, tail=200 if tail is None else tail, follow=follow)
    if lines is None:
        if what is None:
            return
        lines = boxed.task(name, what, node, attempt=attempt, tail=tail, follow=follow)
    last = None
    for line in lines:
        if line.title != last and (what is None or node is None):
            click.echo(f"==> {line.title} <==")
        last = line.title
        sys.stdout.buffer.write(line.data)
        sys.stdout.buffer.flush()


def _chunks(
    sources: list[Source], follow: bool, tail: int | None, until: Callable[[], bool] = lambda: False
) -> Iterable[Chunk]:
    return logs.follow(sources, tail=tail, until=until) if follow else logs.read(sources, tail=tail)


def _remark(name: str, sources: list[Source]) -> None:
    """What the engine found wrong with an attempt that did not see it itself."""
    from sandbox.appliance import attempts  # noqa: PLC0415 - gRPC, which components' logs do without

    terminal = Terminal(sys.stderr)
    for remark in attempts.over_memory(name, sources):
        terminal.paragraph(terminal.style("Note   ", "yellow", "bold"), remark, indent=7)


def _print(chunks: Iterable[Chunk], *, titles: bool) -> None:
    last: Source | None = None
    for chunk in chunks:
        if titles and chunk.source != last and chunk.data:
            click.echo(f"==> {chunk.source.title} <==")
        last = chunk.source
        sys.stdout.buffer.write(chunk.data)
        sys.stdout.buffer.flush()
