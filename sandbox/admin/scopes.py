"""Projects and domains as the place of a request: do they exist, and may things be added there?"""

from __future__ import annotations

from flyteidl.admin import project_pb2

from sandbox.admin import errors
from sandbox.admin.settings import AdminSettings
from sandbox.store import errors as store_errors
from sandbox.store import projects
from sandbox.store.database import Connection


def existing(connection: Connection, project: str) -> projects.Project:
    """The project, which must exist but may be archived."""
    try:
        return projects.get(connection, project)
    except store_errors.NotFound as exc:
        raise errors.InvalidRequest(
            f"failed to validate that project [{project}] is registered: there is no such project. "
            f"Create it with `sandbox create project --id {project}`, or check its name."
        ) from exc


def active(connection: Connection, project: str) -> projects.Project:
    """The project, which must exist and not be archived."""
    found = existing(connection, project)
    if found.state != project_pb2.Project.ACTIVE:
        raise errors.InvalidRequest(
            f"project [{project}] is not active: "
            f"activate it with `flytectl update project --id {project} --activate`",
            project_pb2.InactiveProject(id=project),
        )
    return found


def open_for(connection: Connection, settings: AdminSettings, project: str, domain: str) -> projects.Project:
    """The project, which must be active, in a domain that exists."""
    found = active(connection, project)
    known_domain(settings, domain)
    return found


def known_domain(settings: AdminSettings, domain: str) -> None:
    """Refuse a domain that this installation doesn't have."""
    if settings.domain_name(domain) is None:
        known = ", ".join(each.id for each in settings.domains)
        raise errors.InvalidRequest(f"domain [{domain}] is unrecognized by system: use one of {known}")
