"""`sandbox images list`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from sandbox.cli import options, tables, units
from sandbox.cli.terminal import Terminal


@click.command("list")
@options.name
@options.output("table", "json")
@options.verbose
def command(name: str, output: str) -> None:
    """List the images on this machine, in the cache, and in the sandbox of that name if it runs."""
    from sandbox.appliance.images import carrying  # noqa: PLC0415  brings docker

    found = carrying.every(name)
    if output == "json":
        options.print_json([asdict(image) for image in found])
    elif not found:
        click.echo("There are no images yet: `sandbox start --profile sandbox` makes them.")
    else:
        rows = [(image.reference, image.place, units.size(image.size)) for image in found]
        click.echo(tables.render(("image", "where", "size"), rows, width=Terminal(sys.stdout).width))
