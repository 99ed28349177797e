"""`sandbox register files`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sandbox.appliance import clients, registration
from sandbox.appliance.registration import Options, Registration
from sandbox.cli import options, tables
from sandbox.cli.terminal import Terminal


@click.command("files")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-p", "--project", default="flytesnacks", show_default=True)
@click.option("-d", "--domain", default="development", show_default=True)
@click.option("--version", default="", help="For what was packaged without one.")
@click.option("--archive", is_flag=True, help="PATHS are archives. (Archives are recognised without it too.)")
@click.option("--force", is_flag=True, help="Use --version also for what was packaged with a version.")
@click.option(
    "--continueOnError", "--continue-on-error", "continue_on_error", is_flag=True, help="Try all files."
)
@click.option(
    "--destinationDirectory",
    "--destination-directory",
    "destination_directory",
    default="",
    help="Where fast-registered tasks unpack their code.",
)
@click.option(
    "--outputLocationPrefix",
    "--output-location-prefix",
    "output_location_prefix",
    default="",
    help="Where executions keep their data.",
)
@click.option("--k8sServiceAccount", "--k8s-service-account", "service_account", default="", hidden=True)
@click.option(
    "--enableSchedule", "--enable-schedule", "enable_schedule", is_flag=True, help="Activate launch plans."
)
@click.option("--dryRun", "--dry-run", "dry_run", is_flag=True, help="Read everything, register nothing.")
@options.name
@options.output("table", "json")
@options.verbose
def command(
    paths: tuple[Path, ...],
    project: str,
    domain: str,
    version: str,
    archive: bool,
    force: bool,
    continue_on_error: bool,
    destination_directory: str,
    output_location_prefix: str,
    service_account: str,
    enable_schedule: bool,
    dry_run: bool,
    name: str,
    output: str,
) -> int:
    """Register a package that pyflyte made, an archive or the files in it; flags are flytectl's.

    \b
    pyflyte --pkgs flyte.workflows package --image diabetes:v1
    sandbox register files --project flyteexamples --archive flyte-package.tgz --version v1
    """
    done = registration.register_files(
        paths,
        clients.endpoints(name).target,
        Options(
            project=project,
            domain=domain,
            version=version,
            force=force,
            continue_on_error=continue_on_error,
            destination_directory=destination_directory,
            dry_run=dry_run,
            enable_schedule=enable_schedule,
            output_location_prefix=output_location_prefix,
            service_account=service_account,
        ),
    )
    _print(done, output)
    return 0 if done.succeeded else 1


def _print(done: Registration, output: str) -> None:
    if output == "json":
        options.print_json(
            [{"Name": row.name, "Status": row.status, "Info": row.additional_info} for row in done.rows]
        )
        return
    terminal = Terminal(sys.stdout)
    rows = [(row.name, row.status, row.additional_info) for row in done.rows]
    click.echo(tables.render(("Name", "Status", "Additional Info"), rows, width=terminal.width))
    click.echo(f"{len(rows)} rows")
    for note in done.notes:
        terminal.paragraph("Note: ", note, indent=6)
    if not done.succeeded:
        click.echo("Not everything was registered: see the rows with the status Failed.", err=True)
