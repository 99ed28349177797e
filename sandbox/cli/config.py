"""`sandbox config`."""

from __future__ import annotations

import shlex
import sys

import click

from sandbox.appliance import client_config, clients
from sandbox.appliance.state import SandboxState
from sandbox.cli import options
from sandbox.cli.terminal import Terminal


@click.command("config")
@options.name
@click.option("--env", "exports", is_flag=True, help='Print exports: eval "$(sandbox config --env)".')
@click.option("--write", is_flag=True, help="Write the config file again, as `sandbox start` does.")
@options.verbose
def command(name: str, exports: bool, write: bool) -> None:
    """Show the client config: the file that pyflyte and flytectl read to find the sandbox."""
    state = SandboxState.locate(name)
    endpoints = clients.endpoints(name)
    if write:
        written = client_config.write(state, endpoints)
        terminal = Terminal(sys.stderr)
        for note in written.notes:
            terminal.paragraph("Note: ", note, indent=6)
        if written.path:
            click.echo(f"Wrote {written.path}", err=True)
    if exports:
        for variable, value in clients.variables(name).items():
            click.echo(f"export {variable}={shlex.quote(value)}")
    elif not write:
        path = client_config.path_of(name)
        there = path is not None and path.is_file()
        click.echo(f"# {path}" + ("" if there else " (not written: `sandbox config --write`)"))
        click.echo(client_config.render(state, endpoints), nl=False)
