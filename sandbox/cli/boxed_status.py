"""`sandbox status` of a sandbox in a container."""

from __future__ import annotations

import shlex
import sys

import click

from sandbox.appliance import client_config
from sandbox.appliance.boxed import status
from sandbox.appliance.boxed.pods import PodStatus
from sandbox.appliance.boxed.status import BoxedStatus
from sandbox.appliance.state import SandboxState
from sandbox.cli import options, tables, units
from sandbox.cli.terminal import Terminal

_HEADERS = ("pod", "state", "ready", "restarts", "up", "image")


def show(name: str, output: str) -> int:
    """Print it; 0 when everything is well."""
    found = status.inspect(name)
    if output == "json":
        options.print_json(found.to_json())
    elif output == "env":
        for variable, value in client_config.variables(SandboxState.locate(name), found.endpoints).items():
            click.echo(f"export {variable}={shlex.quote(value)}")
    else:
        _print(found, Terminal(sys.stdout))
    return 0 if found.healthy else 1


def _print(found: BoxedStatus, terminal: Terminal) -> None:
    condition = _condition(found)
    colour = "green" if found.healthy else "yellow" if found.running else "dim"
    terminal.line(f"{terminal.style(found.name, 'bold')}  {terminal.style(condition, colour)}")
    facts = [
        ("Profile", f"{found.profile}  ({found.distribution})"),
        ("Version", found.version),
        ("Container", found.container),
        ("Console", found.endpoints.console),
        ("gRPC", found.endpoints.grpc),
        ("S3", f"{found.endpoints.object_store}  (bucket {found.endpoints.bucket})"),
        ("Postgres", found.endpoints.postgres),
        ("Kubernetes", found.kubernetes),
        ("Source", found.source or "none"),
    ]
    if found.running:
        facts += [
            ("Memory", units.size(found.memory)),
            ("Volume", units.size(found.disk)),
            ("Tasks", ", ".join(f"{count} {phase}" for phase, count in found.tasks.items()) or "none"),
            ("Images", ", ".join(f"{one.tag} ({one.size})" for one in found.images) or "none"),
        ]
    if found.uptime is not None:
        facts.append(("Up", units.duration(found.uptime)))
    for label, value in facts:
        terminal.paragraph(f"  {label:<11}", value, indent=13)
    if found.detail:
        terminal.paragraph("  Trouble    ", found.detail, indent=13)
    if found.pods:
        rows = [_row(pod) for pod in found.pods]
        click.echo(tables.render(_HEADERS, rows, width=terminal.width))
    for pod in found.pods:
        if pod.message and not pod.healthy:
            terminal.paragraph(f"  {pod.name}: ", pod.message, indent=4)


def _condition(found: BoxedStatus) -> str:
    if found.condition == "paused":
        return "paused"
    if not found.running:
        return "stopped"
    return "healthy" if found.healthy else "running, not healthy"


def _row(pod: PodStatus) -> tuple[str, ...]:
    return (
        pod.name,
        pod.phase,
        f"{pod.ready}/{pod.containers}",
        str(pod.restarts),
        units.duration(pod.age),
        pod.image,
    )
