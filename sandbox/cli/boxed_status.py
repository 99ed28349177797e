"""`sandbox status` of a sandbox in a container."""

from __future__ import annotations

import click

from sandbox.appliance.boxed import status
from sandbox.appliance.boxed.pods import PodStatus
from sandbox.appliance.boxed.status import BoxedStatus
from sandbox.cli import summary, tables, units
from sandbox.cli.terminal import Terminal

_HEADERS = ("pod", "state", "ready", "restarts", "up", "image")
_LEAST_COLUMNS = 4


def show(name: str, output: str) -> int:
    """Print it; 0 when everything is well."""
    return summary.show(status.inspect(name), output, _print)


def _print(found: BoxedStatus, terminal: Terminal) -> None:
    facts = [
        ("Profile", f"{found.profile}  ({found.distribution})"),
        ("Version", found.version),
        ("Container", found.container),
        *summary.addresses(found.endpoints),
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
    if found.detail:
        facts.append(("Trouble", found.detail))
    condition = "paused" if found.condition == "paused" else summary.condition(found)
    summary.head(found, condition, facts, terminal)
    if found.pods:
        rows = [_row(pod) for pod in found.pods]
        click.echo(tables.fitting(_HEADERS, rows, width=terminal.width, least=_LEAST_COLUMNS))
    for pod in found.pods:
        if pod.message and not pod.healthy:
            terminal.paragraph(f"  {pod.name}: ", pod.message, indent=4)


def _row(pod: PodStatus) -> tuple[str, ...]:
    return (
        pod.name,
        pod.phase,
        f"{pod.ready}/{pod.containers}",
        str(pod.restarts),
        units.duration(pod.age),
        pod.image,
    )
