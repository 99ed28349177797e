"""`sandbox create project`."""

from __future__ import annotations

import click

from sandbox.appliance import clients, registration
from sandbox.appliance.registration import Project
from sandbox.cli import options


@click.command("project")
@click.option("--id", "identifier", required=True, help="Lower-case letters, digits and hyphens.")
@click.option("--name", "title", help="For people.  [default: the id]")
@click.option("--description", default="")
@click.option("--labels", "-l", multiple=True, metavar="KEY=VALUE", help="Repeatable.")
@click.option("--sandbox", "name", default=options.DEFAULT_NAME, show_default=True, help="Which sandbox.")
@options.verbose
def command(identifier: str, title: str | None, description: str, labels: tuple[str, ...], name: str) -> None:
    """Create a project: a name under which workflows are registered, with its own three domains."""
    project = Project(identifier, title or identifier, description, dict(_label(word) for word in labels))
    registration.create_project(clients.endpoints(name).target, project)
    click.echo(f"Created the project {identifier}.")


def _label(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{word!r} is not KEY=VALUE", param_hint="--labels")
    return key, value
