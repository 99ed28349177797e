"""What `sandbox status` tells of any sandbox, however it runs: how it is, and the facts about it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import click

from sandbox.appliance import clients
from sandbox.appliance.endpoints import Endpoints
from sandbox.cli import options, units
from sandbox.cli.terminal import Terminal

Fact = tuple[str, str]


class Inspected(Protocol):
    """What was found of a sandbox."""

    @property
    def name(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def healthy(self) -> bool: ...
    @property
    def endpoints(self) -> Endpoints: ...
    @property
    def uptime(self) -> float | None: ...

    def to_json(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""


Found = TypeVar("Found", bound=Inspected)


def show(found: Found, output: str, as_text: Callable[[Found, Terminal], None]) -> int:
    """Print it as `--output` says; the exit code: 0 when everything is well."""
    if output == "json":
        options.print_json(found.to_json())
    elif output == "env":
        for name, value in clients.variables(found.name).items():
            click.echo(f"export {name}={shlex.quote(value)}")
    else:
        as_text(found, Terminal(sys.stdout))
    return 0 if found.healthy else 1


def head(found: Inspected, condition: str, facts: Sequence[Fact], terminal: Terminal) -> None:
    """The name, how it is, and the facts, below one another."""
    colour = "green" if found.healthy else "yellow" if found.running else "dim"
    terminal.line(f"{terminal.style(found.name, 'bold')}  {terminal.style(condition, colour)}")
    width = max(len(label) for label, _ in facts)
    for label, value in (*facts, *_up(found)):
        terminal.paragraph(f"  {label:<{width}} ", value, indent=width + 3)


def addresses(endpoints: Endpoints) -> list[Fact]:
    """Where it is reached."""
    return [
        ("Console", endpoints.console),
        ("gRPC", endpoints.grpc),
        ("S3", f"{endpoints.object_store}  (bucket {endpoints.bucket})"),
        ("Postgres", endpoints.postgres),
    ]


def condition(found: Inspected) -> str:
    """In a word or three."""
    if not found.running:
        return "stopped"
    return "healthy" if found.healthy else "running, not healthy"


def _up(found: Inspected) -> list[Fact]:
    return [("Up", units.duration(found.uptime))] if found.uptime is not None else []
