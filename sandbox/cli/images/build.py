"""`sandbox images build`."""

from __future__ import annotations

import sys

import click

from sandbox.cli import options
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@click.command("build")
@click.option("--distribution", metavar="NAME", help="Of the node: k3s or debian.  [default: k3s]")
@options.verbose
def command(distribution: str | None) -> None:
    """Make a node's image now, unless it is here: the first start of a sandbox in a container does it
    otherwise."""
    from sandbox.appliance.images import preparing  # noqa: PLC0415  brings docker

    with Steps(Terminal(sys.stderr)) as progress:
        reference, made = preparing.node_image(distribution, progress)
    click.echo(f"{reference} {'is made' if made else 'was here'}.")
