"""`sandbox images save`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.cli import options, units
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@click.command("save")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.verbose
def command(file: Path) -> None:
    """Write the node's image, and all images of the control plane that are kept, to FILE."""
    from sandbox.appliance.images import carrying  # noqa: PLC0415  brings docker

    with Steps(Terminal(sys.stderr)) as progress:
        saved = carrying.save(file, progress)
    click.echo(f"Saved {', '.join(saved)} ({units.size(file.stat().st_size)}).")
