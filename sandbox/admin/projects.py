"""Projects and domains."""

from __future__ import annotations

from flyteidl.admin import common_pb2, project_pb2

from sandbox.admin import errors, fields, pages
from sandbox.admin.context import AdminContext
from sandbox.admin.settings import AdminSettings
from sandbox.store import projects

MAX_NAME_LENGTH = 64
MAX_DESCRIPTION_LENGTH = 300


def register(
    context: AdminContext, request: project_pb2.ProjectRegisterRequest
) -> project_pb2.ProjectRegisterResponse:
    """RegisterProject."""
    project = request.project
    fields.text(project.name, "project_name")
    _check(project)
    with context.database.transaction() as connection:
        projects.create(
            connection,
            project.id,
            name=project.name,
            description=project.description,
            labels=project.labels.SerializeToString(),
            state=project.state,
        )
    return project_pb2.ProjectRegisterResponse()


def update(context: AdminContext, request: project_pb2.Project) -> project_pb2.ProjectUpdateResponse:
    """UpdateProject: what is set is changed, the state always."""
    _check(request)
    with context.database.transaction() as connection:
        projects.update(
            connection,
            request.id,
            name=request.name or None,
            description=request.description or None,
            labels=request.labels.SerializeToString() if request.HasField("labels") else None,
            state=request.state,
        )
    return project_pb2.ProjectUpdateResponse()


def get(context: AdminContext, request: project_pb2.ProjectGetRequest) -> project_pb2.Project:
    """GetProject."""
    identifier = fields.text(request.id, "project_id")
    with context.database.reading() as connection:
        return to_proto(projects.get(connection, identifier), context.settings)


def list_(context: AdminContext, request: project_pb2.ProjectListRequest) -> project_pb2.Projects:
    """ListProjects: all of them unless a limit is given; by name unless sorted."""
    with context.database.reading() as connection:
        page = projects.list_page(connection, pages.listing(request, default_limit=pages.EVERYTHING))
    return project_pb2.Projects(
        projects=[to_proto(row, context.settings) for row in page.items], token=page.token
    )


def domains(context: AdminContext, request: project_pb2.GetDomainRequest) -> project_pb2.GetDomainsResponse:
    """GetDomains."""
    return project_pb2.GetDomainsResponse(domains=_domains(context.settings))


def to_proto(row: projects.Project, settings: AdminSettings) -> project_pb2.Project:
    """A project as clients see it: every project has every domain."""
    return project_pb2.Project(
        id=row.identifier,
        name=row.name,
        description=row.description,
        labels=common_pb2.Labels.FromString(row.labels),
        state=row.state,
        domains=_domains(settings),
    )


def _domains(settings: AdminSettings) -> list[project_pb2.Domain]:
    return [project_pb2.Domain(id=domain.id, name=domain.name) for domain in settings.domains]


def _check(project: project_pb2.Project) -> None:
    fields.project_id(project.id)
    fields.at_most(project.name, "project_name", MAX_NAME_LENGTH)
    fields.at_most(project.description, "project_description", MAX_DESCRIPTION_LENGTH)
    fields.labels(project.labels.values)
    if project.domains:
        raise errors.InvalidRequest(
            "Domains are currently only set system wide. "
            "Please retry without domains included in your request."
        )
