"""`sandbox undeploy`."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.appliance.deploying import deployment
from sandbox.appliance.manifests import cluster as clusters
from sandbox.cli import options
from sandbox.cli.manifests import flags


@click.command("undeploy")
@flags.kubeconfig
@flags.context
@click.option("--namespace", default="flyte", show_default=True, help="The control plane's.")
@click.option("--volumes", is_flag=True, help="Delete volumes and the namespace too: all data.")
@options.verbose
def command(kubeconfig: Path | None, context: str | None, namespace: str, volumes: bool) -> None:
    """Remove the control plane from a Kubernetes cluster.

    Without --volumes, the volumes of database and objects stay, tasks that run go on, and the next deploy
    takes up all of it. The namespaces of projects always stay.
    """
    done = deployment.undeploy(clusters.connect(kubeconfig, context), namespace, volumes=volumes)
    click.echo(
        f"Removed {len(done.changes)} objects."
        if done.changes
        else f"There is nothing of ours in {namespace}."
    )
    if done.attempts:
        click.echo(f"Pods and other objects of tasks: {done.attempts} {'deleted' if volumes else 'let go'}.")
