"""`sandbox debug history`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance import debugging
from sandbox.cli import options
from sandbox.cli.terminal import Terminal
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import histories


@click.command("history")
@click.argument("execution")
@click.option("-p", "--project", default="flytesnacks", show_default=True)
@click.option("-d", "--domain", default="development", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not to stdout.")
@options.name
@options.verbose
def command(execution: str, project: str, domain: str, out: Path | None, name: str) -> int:
    """Write all that decided how an execution went, as one JSON document.

    The workflow, the parameters, all events and the state that they lead to: `sandbox debug replay` needs
    nothing else. The execution may run or be over; only the sandbox's database must be up.

    The command fails when what the console shows is not what the history says.
    """
    found = debugging.examine(name, ExecutionId(project, domain, execution))
    text = histories.to_json(found.history)
    terminal = Terminal(sys.stderr)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text)
        terminal.line(f"{len(found.history.events)} events are in {out}.")
    for finding in found.findings:
        terminal.paragraph(terminal.style("Differs ", "red", "bold"), finding, indent=8)
    return 1 if found.findings else 0
