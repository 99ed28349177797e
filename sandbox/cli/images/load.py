"""`sandbox images load`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.cli import options
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.verbose
def command(file: Path) -> None:
    """Read FILE, which `sandbox images save` wrote: sandboxes that are started then build nothing."""
    from sandbox.appliance.images import carrying  # noqa: PLC0415  brings docker

    with Steps(Terminal(sys.stderr)) as progress:
        loaded = carrying.load(file, progress)
    click.echo(f"Loaded {', '.join(loaded)}.")
