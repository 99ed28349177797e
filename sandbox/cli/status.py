"""`sandbox status`."""

from __future__ import annotations

import sys

import click

from sandbox.appliance import found as found_names
from sandbox.appliance import status
from sandbox.appliance.status import ComponentStatus, Status
from sandbox.cli import options, summary, tables, units
from sandbox.cli.terminal import Terminal

_HEADERS = ("component", "health", "pid", "port", "memory", "up", "version")
_LEAST_COLUMNS = 4


@click.command("status")
@options.name
@click.option("--all", "everything", is_flag=True, help="Show all sandboxes of this user in short.")
@options.output("text", "json", "env")
@options.verbose
def command(name: str, everything: bool, output: str) -> int:
    """Show components, addresses, process ids, versions, disk and memory.

    The exit code is 0 when every component is healthy.
    """
    if everything:
        return _all(output)
    if found_names.is_boxed(name):
        from sandbox.cli import boxed_status  # noqa: PLC0415 - brings Docker

        return boxed_status.show(name, output)
    return summary.show(status.inspect(name), output, _print)


def _all(output: str) -> int:
    found = status.inspect_all()
    if output == "json":
        options.print_json([one.to_json() for one in found])
    elif not found:
        click.echo("There is no sandbox. Start one with `sandbox start`.")
    else:
        rows = [
            (one.name, one.profile, summary.condition(one), one.endpoints.console, units.size(one.memory))
            for one in found
        ]
        terminal = Terminal(sys.stdout)
        click.echo(
            tables.render(("name", "profile", "state", "console", "memory"), rows, width=terminal.width)
        )
    return 0


def _print(found: Status, terminal: Terminal) -> None:
    facts = [
        ("Profile", found.profile),
        ("Version", found.version),
        *summary.addresses(found.endpoints),
        ("Source", found.source or "none"),
        ("State", str(found.state)),
        ("Memory", units.size(found.memory)),
        ("Disk", units.size(found.disk)),
    ]
    facts += [
        ("Connector", f"{one.endpoint}  {', '.join(one.types) if one.answers else 'does not answer'}")
        for one in found.connectors
    ]
    summary.head(found, summary.condition(found), facts, terminal)
    rows = [_row(part) for part in found.components]
    click.echo(tables.fitting(_HEADERS, rows, width=terminal.width, least=_LEAST_COLUMNS))
    for part in found.components:
        remarks = [part.detail, _restarts(part.restarts)]
        if any(remarks):
            text = "; ".join(remark for remark in remarks if remark)
            terminal.paragraph(f"  {part.title}: ", text, indent=len(part.title) + 4)


def _restarts(count: int) -> str:
    if not count:
        return ""
    return "started again once" if count == 1 else f"started again {count} times"


def _row(part: ComponentStatus) -> tuple[str, ...]:
    return (
        part.title,
        str(part.health),
        str(part.pid or "-"),
        str(part.port or "-"),
        units.size(part.memory) if part.memory else "-",
        units.duration(part.uptime) if part.uptime is not None else "-",
        part.version or "-",
    )
