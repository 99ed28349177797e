"""`sandbox build`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance import environments, found
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
@click.option("--file", "dockerfile", default="Dockerfile", help="In a container: the Dockerfile, in PATH.")
@click.option(
    "--build-arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="In a container: for the Dockerfile.",
)
@options.name
@options.output("text", "json")
@options.verbose
def command(
    path: Path,
    tag: str,
    python: str | None,
    requirements: Path | None,
    dockerfile: str,
    arguments: tuple[str, ...],
    name: str,
    output: str,
) -> None:
    """Make an image from the project in PATH.

    Of an embedded sandbox an image is an environment: tasks whose container image is IMAGE run in it, with
    the project's files as they are now. In a container it is one that Docker builds from a Dockerfile; pods
    can use it at once.
    """
    if found.is_boxed(name):
        _in_container(name, path, tag, dockerfile, arguments, output)
        return
    state = SandboxState.locate(name)
    state.load()
    wanted = BuildOptions(python=python, requirements=requirements)
    if output == "json":
        built = environments.build(path, tag, state, options=wanted, progress=Silent())
        environment = built.environment
        options.print_json(
            {
                "tag": environment.tag,
                "python": str(environment.python),
                "python_version": built.python_version,
                "root": str(environment.root),
                "env": dict(environment.env),
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


def _in_container(
    name: str, path: Path, tag: str, dockerfile: str, arguments: tuple[str, ...], output: str
) -> None:
    from sandbox.appliance.boxed import commands  # noqa: PLC0415 - brings Docker

    stream = sys.stderr.buffer if output == "json" else sys.stdout.buffer

    def tell(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    commands.build(name, path, tag, dockerfile=dockerfile, arguments=arguments, told=tell)
    if output == "json":
        options.print_json({"tag": tag})
    else:
        click.echo(f"Built {tag}: pods can use it at once.")
