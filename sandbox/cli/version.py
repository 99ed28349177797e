"""`sandbox version`."""

from __future__ import annotations

import platform
import sys

import click

import sandbox
from sandbox.cli import options


@click.command("version")
@options.output("text", "json")
@options.verbose
def command(output: str) -> None:
    """Show versions."""
    facts = {
        "version": sandbox.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if output == "json":
        options.print_json(facts)
    else:
        click.echo(f"sandbox {facts['version']} (Python {facts['python']}, {facts['system']})")
