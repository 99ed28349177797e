"""`sandbox bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.appliance.errors import ApplianceError
from sandbox.cli import boxes, options


@click.command("bundle")
@options.name
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.tar.gz",
    help="The archive to write.",
)
@options.verbose
def command(name: str, path: Path) -> None:
    """Write a support bundle: versions, status, objects, events and logs of a sandbox in a container.

    It holds no values of Secrets and no data of tasks, but what they printed: look into it before you send
    it.
    """
    boxes.require(name, "write a bundle", "Its logs are files: `sandbox status` tells where.")
    from sandbox.appliance.boxed import bundle  # noqa: PLC0415 - brings Docker

    try:
        members = bundle.write(name, path)
    except OSError as exc:
        raise ApplianceError(f"{path} can't be written", exc.strerror or str(exc), "Name another.") from exc
    click.echo(f"Wrote {path}: {len(members)} files. Look into it before you send it.")
