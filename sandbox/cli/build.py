"""`sandbox build`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance import environments
from sandbox.appliance.environments import BuildOptions
from sandbox.appliance.progress import Silent
from sandbox.appliance.state import SandboxState
from sandbox.cli import options
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@click.command("build")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--tag", "-t", required=True, metavar="IMAGE", help="The image's name, such as diabetes:v1.")
@click.option(
    "--python", metavar="VERSION|PATH", help="Default: what the project's Dockerfile or pyproject says."
)
@click.option(
    "--requirements",
    type=click.Path(path_type=Path),
    help="Relative to PATH.  [default: requirements.txt or pyproject.toml]",
)
@options.name
@options.output("text", "json")
@options.verbose
def command(
    path: Path, tag: str, python: str | None, requirements: Path | None, name: str, output: str
) -> None:
    """Make the environment of an image from the project in PATH.

    Tasks whose container image is IMAGE run in it, with the project's files as they are now.
    """
    state = SandboxState.locate(name)
    state.load()
    wanted = BuildOptions(python=python, requirements=requirements)
    if output == "json":
        built = environments.build(path, tag, state, options=wanted, progress=Silent())
        found = built.environment
        options.print_json(
            {
                "tag": found.tag,
                "python": str(found.python),
                "python_version": built.python_version,
                "root": str(found.root),
                "env": dict(found.env),
                "requirements": built.requirements,
                "reused": built.reused,
                "notes": list(built.notes),
            }
        )
        return
    terminal = Terminal(sys.stdout)
    with Steps(terminal) as steps:
        built = environments.build(path, tag, state, options=wanted, progress=steps)
        for note in built.notes:
            steps.note(note)
    terminal.line(f"Built {tag}: Python {built.python_version}, {built.requirements}.")
