"""`sandbox quota set`."""

from __future__ import annotations

import click

from sandbox.appliance import quotas
from sandbox.cli import options
from sandbox.cli.quota import scope


@click.command("set")
@scope.project
@scope.domain
@click.option("--tasks", type=click.IntRange(min=0), help="How many attempts of tasks run at once.")
@click.option("--cpu", help="How many CPUs they may ask for together: 4, 500m.")
@click.option("--memory", help="How much memory they may ask for together: 8Gi.")
@options.name
@options.verbose
def command(
    project: str, domain: str, tasks: int | None, cpu: str | None, memory: str | None, name: str
) -> None:
    """Limit how much of a project and domain runs at once.

    What is over the limit waits, and starts as soon as there is room. Limits that are not named stay.
    """
    given = {"tasks": None if tasks is None else str(tasks), "cpu": cpu, "memory": memory}
    limits = {limit: value for limit, value in given.items() if value is not None}
    if not limits:
        raise click.UsageError("name at least one of --tasks, --cpu and --memory")
    quota = quotas.put(name, project, domain, limits)
    told = ", ".join(f"{limit} {value}" for limit, value in quota.limits.items())
    click.echo(f"The quota of {project}/{domain} is {told}.")
