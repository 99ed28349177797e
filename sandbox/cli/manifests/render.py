"""`sandbox manifests render`."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.appliance.manifests import defaults, discovery, reading, rendering, validation
from sandbox.appliance.node import distributions
from sandbox.cli import options
from sandbox.cli.manifests import flags


@click.command("render")
@click.option(
    "--profile",
    type=click.Choice(list(defaults.PROFILES)),
    default=defaults.SANDBOX,
    show_default=True,
    help="Which set of components.",
)
@click.option(
    "--distribution",
    type=click.Choice(distributions.NAMES),
    help="Of the node that they are meant for: it decides where volumes come from.",
)
@flags.files
@flags.settings
@click.option(
    "--output",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each component into this folder, in place of printing.",
)
@click.option("--show-values", is_flag=True, help="Print all settings instead, as a values file says them.")
@options.verbose
def command(
    profile: str,
    distribution: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    directory: Path | None,
    show_values: bool,
) -> None:
    """Print the manifests of a profile: YAML that `kubectl apply` takes."""
    values = reading.values(profile, distribution=distribution, files=files, flags=settings)
    if show_values:
        click.echo(reading.to_yaml(values), nl=False)
        return
    manifests = rendering.render(values, discovery.CURRENT)
    validation.check(manifests.objects())
    if directory is None:
        click.echo("---\n".join(manifests.texts.values()), nl=False)
        return
    directory.mkdir(parents=True, exist_ok=True)
    for number, (name, text) in enumerate(manifests.texts.items()):
        (directory / f"{number:02}-{name}.yaml").write_text(text, "utf-8")
    click.echo(f"{len(manifests.texts)} files are in {directory}.")
