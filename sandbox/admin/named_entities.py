"""Names: what is said about all versions of a task, workflow or launch plan together."""

from __future__ import annotations

from flyteidl.admin import common_pb2

from sandbox.admin import fields, pages
from sandbox.admin.context import AdminContext
from sandbox.store import named_entities, registered
from sandbox.store.registered import EntityName


def get(context: AdminContext, request: common_pb2.NamedEntityGetRequest) -> common_pb2.NamedEntity:
    """GetNamedEntity."""
    resource_type = fields.resource_type(request.resource_type)
    name = fields.named(request.id)
    with context.database.reading() as connection:
        return to_proto(named_entities.get(connection, resource_type, name))


def list_(context: AdminContext, request: common_pb2.NamedEntityListRequest) -> common_pb2.NamedEntityList:
    """ListNamedEntities: generated ones are hidden unless a filter asks for their state."""
    resource_type = fields.resource_type(request.resource_type)
    project, domain = fields.text(request.project, "project"), fields.text(request.domain, "domain")
    with context.database.reading() as connection:
        page = named_entities.list_page(connection, resource_type, project, domain, pages.listing(request))
    return common_pb2.NamedEntityList(entities=pages.each(to_proto, page.items), token=page.token)


def update(
    context: AdminContext, request: common_pb2.NamedEntityUpdateRequest
) -> common_pb2.NamedEntityUpdateResponse:
    """UpdateNamedEntity: description and state (active, archived) of something that is registered."""
    resource_type = fields.resource_type(request.resource_type)
    name = fields.named(request.id)
    with context.database.transaction() as connection:
        named_entities.update(
            connection,
            resource_type,
            name,
            description=request.metadata.description or None,
            state=request.metadata.state,
        )
    return common_pb2.NamedEntityUpdateResponse()


def list_ids(
    context: AdminContext, request: common_pb2.NamedEntityIdentifierListRequest, resource_type: int
) -> common_pb2.NamedEntityIdentifierList:
    """The distinct names of one kind: ListTaskIds, ListWorkflowIds, ListLaunchPlanIds."""
    project, domain = fields.text(request.project, "project"), fields.text(request.domain, "domain")
    with context.database.reading() as connection:
        page = registered.list_names(connection, resource_type, project, domain, pages.listing(request))
    return common_pb2.NamedEntityIdentifierList(entities=pages.each(identifier, page.items), token=page.token)


def identifier(name: EntityName) -> common_pb2.NamedEntityIdentifier:
    """A name as clients see it."""
    return common_pb2.NamedEntityIdentifier(project=name.project, domain=name.domain, name=name.name)


def to_proto(row: named_entities.NamedEntity) -> common_pb2.NamedEntity:
    """A named entity as clients see it."""
    return common_pb2.NamedEntity(
        resource_type=row.resource_type,
        id=identifier(row.name),
        metadata=common_pb2.NamedEntityMetadata(
            description=row.description,
            state=row.state,
        ),
    )
