"""Descriptions: the documentation that a task or workflow was registered with."""

from __future__ import annotations

from flyteidl.admin import common_pb2, description_entity_pb2

from sandbox.admin import fields, pages
from sandbox.admin.context import AdminContext
from sandbox.idl.identifiers import EntityId
from sandbox.store import description_entities
from sandbox.store.database import Connection


def put(
    connection: Connection, entity: EntityId, description: description_entity_pb2.DescriptionEntity
) -> None:
    """Keep what a version was described with."""
    description.id.CopyFrom(entity.to_proto())
    description_entities.put(connection, entity, description.SerializeToString())


def get(
    context: AdminContext, request: common_pb2.ObjectGetRequest
) -> description_entity_pb2.DescriptionEntity:
    """GetDescriptionEntity."""
    fields.resource_type(request.id.resource_type)
    entity = fields.versioned(request.id)
    with context.database.reading() as connection:
        return to_proto(description_entities.get(connection, entity))


def list_(
    context: AdminContext, request: description_entity_pb2.DescriptionEntityListRequest
) -> description_entity_pb2.DescriptionEntityList:
    """ListDescriptionEntities: of all versions of a name."""
    resource_type = fields.resource_type(request.resource_type)
    name = fields.named(request.id)
    with context.database.reading() as connection:
        page = description_entities.list_page(
            connection, resource_type, name.project, name.domain, name.name, pages.listing(request)
        )
    return description_entity_pb2.DescriptionEntityList(
        descriptionEntities=pages.each(to_proto, page.items), token=page.token
    )


def to_proto(
    row: description_entities.DescriptionEntity,
) -> description_entity_pb2.DescriptionEntity:
    """A description as clients see it."""
    return description_entity_pb2.DescriptionEntity.FromString(row.description)
