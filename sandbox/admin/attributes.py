"""Matchable attributes: settings for a project, a domain of it, or a workflow there."""

from __future__ import annotations

from typing import TypeAlias

from flyteidl.admin import (
    matchable_resource_pb2,
    project_attributes_pb2,
    project_domain_attributes_pb2,
    workflow_attributes_pb2,
)

from sandbox.admin import errors, execution_configs, fields, scopes
from sandbox.admin.context import AdminContext
from sandbox.idl import quantities
from sandbox.store import attributes
from sandbox.store.attributes import Scope
from sandbox.store.database import Connection

_QUOTAS = ("projectQuotaTasks", "projectQuotaCpu", "projectQuotaMemory")
"""Cluster resource attributes that the engine acts on."""

Matching: TypeAlias = matchable_resource_pb2.MatchingAttributes

_RESOURCES = {
    "task_resource_attributes": matchable_resource_pb2.TASK_RESOURCE,
    "cluster_resource_attributes": matchable_resource_pb2.CLUSTER_RESOURCE,
    "execution_queue_attributes": matchable_resource_pb2.EXECUTION_QUEUE,
    "execution_cluster_label": matchable_resource_pb2.EXECUTION_CLUSTER_LABEL,
    "quality_of_service": matchable_resource_pb2.QUALITY_OF_SERVICE_SPECIFICATION,
    "plugin_overrides": matchable_resource_pb2.PLUGIN_OVERRIDE,
    "workflow_execution_config": matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG,
    "cluster_assignment": matchable_resource_pb2.CLUSTER_ASSIGNMENT,
}
"""Which kind of attributes each field of the oneof is."""


def update_project(
    context: AdminContext, request: project_attributes_pb2.ProjectAttributesUpdateRequest
) -> project_attributes_pb2.ProjectAttributesUpdateResponse:
    """UpdateProjectAttributes."""
    asked = request.attributes
    with context.database.transaction() as connection:
        scopes.active(connection, fields.text(asked.project, "project"))
        _put(connection, Scope(asked.project), asked.matching_attributes)
    return project_attributes_pb2.ProjectAttributesUpdateResponse()


def get_project(
    context: AdminContext, request: project_attributes_pb2.ProjectAttributesGetRequest
) -> project_attributes_pb2.ProjectAttributesGetResponse:
    """GetProjectAttributes; for the execution config, the platform's where the project says nothing."""
    scope = Scope(fields.text(request.project, "project"))
    with context.database.reading() as connection:
        scopes.existing(connection, request.project)
        found = attributes.find(connection, request.resource_type, scope)
    of_execution = request.resource_type == matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG
    if found is None and not of_execution:
        raise _missing(request.resource_type, scope)
    matching = Matching() if found is None else Matching.FromString(found.attributes)
    if of_execution:
        default = execution_configs.platform_default(context.settings)
        execution_configs.merge(matching.workflow_execution_config, default)
    return project_attributes_pb2.ProjectAttributesGetResponse(
        attributes=project_attributes_pb2.ProjectAttributes(
            project=request.project, matching_attributes=matching
        )
    )


def delete_project(
    context: AdminContext, request: project_attributes_pb2.ProjectAttributesDeleteRequest
) -> project_attributes_pb2.ProjectAttributesDeleteResponse:
    """DeleteProjectAttributes."""
    with context.database.transaction() as connection:
        scopes.active(connection, fields.text(request.project, "project"))
        attributes.delete(connection, request.resource_type, Scope(request.project))
    return project_attributes_pb2.ProjectAttributesDeleteResponse()


def update_project_domain(
    context: AdminContext,
    request: project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest,
) -> project_domain_attributes_pb2.ProjectDomainAttributesUpdateResponse:
    """UpdateProjectDomainAttributes."""
    asked = request.attributes
    scope = _scope(asked.project, asked.domain)
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        _put(connection, scope, asked.matching_attributes)
    return project_domain_attributes_pb2.ProjectDomainAttributesUpdateResponse()


def get_project_domain(
    context: AdminContext, request: project_domain_attributes_pb2.ProjectDomainAttributesGetRequest
) -> project_domain_attributes_pb2.ProjectDomainAttributesGetResponse:
    """GetProjectDomainAttributes: what was set for exactly this project and domain."""
    scope = _scope(request.project, request.domain)
    with context.database.reading() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        found = attributes.find(connection, request.resource_type, scope)
    if found is None:
        raise _missing(request.resource_type, scope)
    return project_domain_attributes_pb2.ProjectDomainAttributesGetResponse(
        attributes=project_domain_attributes_pb2.ProjectDomainAttributes(
            project=scope.project,
            domain=scope.domain,
            matching_attributes=Matching.FromString(found.attributes),
        )
    )


def delete_project_domain(
    context: AdminContext,
    request: project_domain_attributes_pb2.ProjectDomainAttributesDeleteRequest,
) -> project_domain_attributes_pb2.ProjectDomainAttributesDeleteResponse:
    """DeleteProjectDomainAttributes."""
    scope = _scope(request.project, request.domain)
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        attributes.delete(connection, request.resource_type, scope)
    return project_domain_attributes_pb2.ProjectDomainAttributesDeleteResponse()


def update_workflow(
    context: AdminContext, request: workflow_attributes_pb2.WorkflowAttributesUpdateRequest
) -> workflow_attributes_pb2.WorkflowAttributesUpdateResponse:
    """UpdateWorkflowAttributes."""
    asked = request.attributes
    scope = _scope(asked.project, asked.domain, fields.text(asked.workflow, "workflow name"))
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        _put(connection, scope, asked.matching_attributes)
    return workflow_attributes_pb2.WorkflowAttributesUpdateResponse()


def get_workflow(
    context: AdminContext, request: workflow_attributes_pb2.WorkflowAttributesGetRequest
) -> workflow_attributes_pb2.WorkflowAttributesGetResponse:
    """GetWorkflowAttributes: what holds for the workflow, set for it or around it."""
    scope = _scope(request.project, request.domain, fields.text(request.workflow, "workflow name"))
    with context.database.reading() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        found = attributes.most_specific(connection, request.resource_type, scope)
    if found is None:
        raise _missing(request.resource_type, scope)
    return workflow_attributes_pb2.WorkflowAttributesGetResponse(
        attributes=workflow_attributes_pb2.WorkflowAttributes(
            project=found.scope.project,
            domain=found.scope.domain,
            workflow=found.scope.workflow,
            matching_attributes=Matching.FromString(found.attributes),
        )
    )


def delete_workflow(
    context: AdminContext, request: workflow_attributes_pb2.WorkflowAttributesDeleteRequest
) -> workflow_attributes_pb2.WorkflowAttributesDeleteResponse:
    """DeleteWorkflowAttributes."""
    scope = _scope(request.project, request.domain, fields.text(request.workflow, "workflow name"))
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, scope.project, scope.domain)
        attributes.delete(connection, request.resource_type, scope)
    return workflow_attributes_pb2.WorkflowAttributesDeleteResponse()


def list_(
    context: AdminContext, request: matchable_resource_pb2.ListMatchableAttributesRequest
) -> matchable_resource_pb2.ListMatchableAttributesResponse:
    """ListMatchableAttributes: everything of one kind."""
    if request.resource_type not in matchable_resource_pb2.MatchableResource.values():
        raise errors.InvalidRequest("invalid value for resource_type")
    with context.database.reading() as connection:
        rows = attributes.list_all(connection, request.resource_type)
    return matchable_resource_pb2.ListMatchableAttributesResponse(
        configurations=[to_proto(row) for row in rows]
    )


def to_proto(row: attributes.Attributes) -> matchable_resource_pb2.MatchableAttributesConfiguration:
    """Attributes and their scope as clients see them."""
    return matchable_resource_pb2.MatchableAttributesConfiguration(
        attributes=Matching.FromString(row.attributes),
        project=row.scope.project,
        domain=row.scope.domain,
        workflow=row.scope.workflow,
        launch_plan=row.scope.launch_plan,
    )


def _scope(project: str, domain: str, workflow: str = "") -> Scope:
    return Scope(fields.text(project, "project"), fields.text(domain, "domain"), workflow)


def _put(connection: Connection, scope: Scope, matching: Matching) -> None:
    target = matching.WhichOneof("target")
    if target is None:
        raise errors.missing("matching_attributes")
    _check(matching)
    resource_type = _RESOURCES[target]
    if resource_type == matchable_resource_pb2.PLUGIN_OVERRIDE:
        existing = attributes.find(connection, resource_type, scope)
        if existing is not None:
            matching = _merged(Matching.FromString(existing.attributes), matching)
    attributes.put(connection, resource_type, scope, matching.SerializeToString())


def _check(matching: Matching) -> None:
    """What the engine acts on must be quantities."""
    quotas = matching.cluster_resource_attributes.attributes
    said = {name: quotas[name] for name in _QUOTAS if name in quotas}
    tasks = matching.task_resource_attributes
    for what, spec in (("defaults", tasks.defaults), ("limits", tasks.limits)):
        said |= {f"{what}.{field.name}": value for field, value in spec.ListFields()}
    for name, value in said.items():
        try:
            amount = quantities.parse(value)
        except quantities.NotAQuantity as exc:
            raise errors.InvalidRequest(f"the attribute {name} can't be used: {exc}") from exc
        if amount < 0:
            raise errors.InvalidRequest(f"the attribute {name} can't be used: {value} is less than nothing")


def _merged(old: Matching, new: Matching) -> Matching:
    """Plugin overrides are for one task type each: those of other types stay."""
    by_type = {each.task_type: each for each in old.plugin_overrides.overrides}
    by_type |= {each.task_type: each for each in new.plugin_overrides.overrides}
    overrides = matchable_resource_pb2.PluginOverrides(overrides=by_type.values())
    return Matching(plugin_overrides=overrides)


def _missing(resource_type: int, scope: Scope) -> errors.EntityNotFound:
    known = resource_type in matchable_resource_pb2.MatchableResource.values()
    kind = matchable_resource_pb2.MatchableResource.Name(resource_type) if known else str(resource_type)
    place = "-".join(part for part in (scope.project, scope.domain, scope.workflow) if part)
    return errors.EntityNotFound(f"no {kind} attributes are set for {place}")
