"""`sandbox deploy`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance.deploying import deployment
from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests import defaults, reading
from sandbox.appliance.manifests.applying import Action
from sandbox.cli import options
from sandbox.cli.manifests import flags
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@click.command("deploy")
@flags.kubeconfig
@flags.context
@flags.files
@flags.settings
@click.option(
    "--image-repository",
    metavar="HOST/PATH",
    help="Where the cluster pulls the sandbox's own images from; the same as --set images.repository=….",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, as a diff, and change nothing.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds, for each wait.",
)
@options.verbose
def command(
    kubeconfig: Path | None,
    context: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    image_repository: str | None,
    dry_run: bool,
    timeout: float,
) -> None:
    """Bring the control plane onto a Kubernetes cluster, or one that is there up to date.

    The database is migrated before anything is replaced. Running it twice changes nothing.
    """
    overrides = [{"images": {"repository": image_repository}}] if image_repository else []
    values = reading.values(defaults.CLUSTER, overrides=overrides, files=files, flags=settings)
    cluster = clusters.connect(kubeconfig, context)
    if dry_run:
        planned = deployment.plan(cluster, values)
        for change in planned.changes:
            if change.diff:
                click.echo(change.diff)
        click.echo(_summary(planned, "would be "))
        return
    with Steps(Terminal(sys.stdout)) as steps:
        deployed = deployment.deploy(cluster, values, timeout=timeout, progress=steps)
    click.echo(f"{_summary(deployed)} Ready in {deployed.seconds:.1f} s.")
    click.echo(f"Console and gRPC: {values.expose.edge}; objects: {values.public_endpoint}")


def _summary(deployed: deployment.Deployed, verb: str = "") -> str:
    counts = [f"{deployed.count(action)} {verb}{action.value}" for action in Action if deployed.count(action)]
    return f"Objects: {', '.join(counts) or 'none'}."
