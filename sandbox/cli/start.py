"""`sandbox start`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sandbox.appliance import boot
from sandbox.appliance.boot import Running
from sandbox.appliance.options import ConnectorWishes, StartOptions
from sandbox.appliance.ports import PortWishes
from sandbox.appliance.progress import Silent
from sandbox.cli import options
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal

_PORT = click.IntRange(1, 65535)


@click.command("start")
@click.option(
    "--profile",
    type=click.Choice(("embedded", "demo", "sandbox", "cluster")),
    help="How components run. Default: the best that this machine can boot.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Your project: its Python environment runs the tasks of images that nobody built.",
)
@options.name
@click.option("--port", "--edge-port", type=_PORT, help="gRPC, console and REST.  [default: 30080]")
@click.option("--s3-port", "--object-store-port", type=_PORT, help="Object store.  [default: 30002]")
@click.option("--postgres-port", type=_PORT, help="Database.  [default: 30001]")
@click.option("--registry-port", type=_PORT, help="Image registry, in a container.  [default: 30000]")
@click.option("--dashboard-port", type=_PORT, help="Kubernetes dashboard, in a container.  [default: 30081]")
@click.option("--kubernetes-port", type=_PORT, help="Kubernetes API, in a container.  [default: 6443]")
@click.option(
    "--distribution",
    type=click.Choice(("k3s", "debian")),
    help="Of the Kubernetes node, in a container.  [default: the one whose image is here, else k3s]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value of the manifests; later starts hold to it. Repeatable.",
)
@click.option(
    "--values",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with values of the manifests; later starts hold to them. Repeatable.",
)
@click.option(
    "--reset-values", is_flag=True, help="Forget what earlier starts were told by --set, --values and --env."
)
@click.option(
    "--ca-bundle",
    type=click.Path(path_type=Path),
    help="Certificates to trust in the node, in image builds and in pods.  [default: SSL_CERT_FILE, "
    "REQUESTS_CA_BUNDLE]",
)
@click.option("--gpus", type=click.Choice(("all",)), help="Hand the machine's GPUs through to the node.")
@click.option("--retain", is_flag=True, help="Keep what a failed start has made, to be looked at.")
@click.option(
    "--kubeconfig/--no-kubeconfig",
    default=True,
    help="Merge the cluster into your kubeconfig.  [default: merge it]",
)
@click.option(
    "--env", "-e", "env", multiple=True, metavar="NAME=VALUE", help="Set in every task. Repeatable."
)
@click.option(
    "--connector",
    "connector",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[MODULE]",
    help="Run flytekit's connectors in the project's environment, and those that MODULE defines. "
    "Repeatable; again to load changed code.",
)
@click.option("--no-connector", is_flag=True, help="Run no connector any more.")
@click.option(
    "--connector-endpoint",
    "endpoint",
    multiple=True,
    metavar="HOST:PORT",
    help='A connector that runs elsewhere. Repeatable; "" forgets all.',
)
@click.option(
    "--enforce-limits/--no-enforce-limits", default=None, help="Kill tasks over their memory limit."
)
@click.option(
    "--offload-literals",
    "offload_from",
    type=click.IntRange(0, 999),
    metavar="MIB",
    help="Keep inputs and outputs of this size and more in files of their own; 0: never.  [default: 0]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    help="Seconds to ready, images not counted.  [default: 120, in a container 600]",
)
@click.option("--no-wait", is_flag=True, help="Return when the processes are started, without a canary.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option(
    "--client-config/--no-client-config",
    default=True,
    help="Write the file that pyflyte and flytectl read.  [default: write it]",
)
@options.output("text", "json")
@options.verbose
def command(
    profile: str | None,
    source: Path | None,
    name: str,
    port: int | None,
    s3_port: int | None,
    postgres_port: int | None,
    registry_port: int | None,
    dashboard_port: int | None,
    kubernetes_port: int | None,
    distribution: str | None,
    settings: tuple[str, ...],
    values: tuple[Path, ...],
    reset_values: bool,
    ca_bundle: Path | None,
    gpus: str | None,
    retain: bool,
    kubeconfig: bool,
    env: tuple[str, ...],
    connector: tuple[str, ...],
    no_connector: bool,
    endpoint: tuple[str, ...],
    enforce_limits: bool | None,
    offload_from: int | None,
    timeout: float | None,
    no_wait: bool,
    dry_run: bool,
    client_config: bool,
    output: str,
) -> None:
    """Start the sandbox, or verify that it runs.

    It is ready when a workflow went up from this machine, ran, and came back. Starting twice is the same as
    once.
    """
    wanted = StartOptions(
        name=name,
        profile=profile,
        source=source,
        ports=PortWishes(
            edge=port,
            object_store=s3_port,
            postgres=postgres_port,
            registry=registry_port,
            dashboard=dashboard_port,
            kubernetes=kubernetes_port,
        ),
        env=dict(_assignment(word) for word in env),
        timeout=timeout,
        wait=not no_wait,
        dry_run=dry_run,
        enforce_limits=enforce_limits,
        offload_from=offload_from,
        connectors=_connector_wishes(connector, no_connector, endpoint),
        client_config=client_config,
        distribution=distribution,
        retain=retain,
        ca_bundle=ca_bundle,
        kubeconfig=kubeconfig,
        gpus=gpus is not None,
        values=values,
        settings=settings,
        reset_values=reset_values,
    )
    if output == "json":
        options.print_json(_as_json(boot.start(wanted, Silent())))
        return
    terminal = Terminal(sys.stdout)
    with Steps(terminal) as steps:
        running = boot.start(wanted, steps)
    _tell(running, terminal, dry_run)


def _connector_wishes(
    modules: tuple[str, ...], no_connector: bool, endpoints: tuple[str, ...]
) -> ConnectorWishes:
    if modules and no_connector:
        raise click.BadParameter("it contradicts --no-connector", param_hint="--connector")
    return ConnectorWishes(
        own=True if modules else False if no_connector else None,
        modules=tuple(module for module in modules if module),
        elsewhere=tuple(word for word in endpoints if word) if endpoints else None,
    )


def _assignment(word: str) -> tuple[str, str]:
    variable, equals, value = word.partition("=")
    if not equals or not variable:
        raise click.BadParameter(f"{word!r} is not NAME=VALUE", param_hint="--env")
    return variable, value


def _tell(running: Running, terminal: Terminal, dry_run: bool) -> None:
    if dry_run:
        terminal.line(
            f"This machine can start the sandbox {running.name!r} ({running.profile}). Nothing was changed."
        )
        return
    if not running.ready:
        terminal.line("Started, but not verified: `sandbox status` tells when it is ready.")
        return
    verb = "is ready" if not running.already_running else "was running, and is ready"
    headline = f"The sandbox {verb}."
    terminal.line(f"{terminal.style(headline, 'green', 'bold')}  {running.seconds:.2f} s, {running.profile}")
    for label, value in (
        ("Console", running.endpoints.console),
        ("gRPC", running.endpoints.grpc),
        ("S3", running.endpoints.object_store),
        ("kubectl", f"--context {running.context}" if running.context else ""),
    ):
        if not value:
            continue
        terminal.line(f"  {label:<9}{terminal.style(value, 'cyan')}")
    named = "" if running.name == options.DEFAULT_NAME else f" --name {running.name}"
    image = f" --image {running.image}" if running.image else ""
    terminal.line(f"  {'Next':<9}pyflyte run --remote{image} FILE.py WORKFLOW")
    if named:
        terminal.line(f'  {"":<9}after: eval "$(sandbox config --env{named})"')


def _as_json(running: Running) -> dict[str, Any]:
    return {
        "name": running.name,
        "profile": running.profile,
        "ready": running.ready,
        "already_running": running.already_running,
        "endpoints": running.endpoints.to_json(),
        "state": str(running.state) if running.state is not None else None,
        "container": running.container,
        "kubernetes": running.kubernetes,
        "context": running.context,
        "image": running.image,
        "seconds": round(running.seconds, 3),
        "steps": [
            {"name": step.name, "title": step.title, "seconds": round(step.seconds, 3), "detail": step.detail}
            for step in running.steps
        ],
        "notes": list(running.notes),
    }
