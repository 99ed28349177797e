"""Projects, domains and the settings that belong to them."""

from __future__ import annotations

from typing import TypeAlias

import grpc
import pytest
from flyteidl.admin import (
    common_pb2,
    matchable_resource_pb2,
    project_attributes_pb2,
    project_domain_attributes_pb2,
    project_pb2,
    workflow_attributes_pb2,
)

from tests.integration.admin.conftest import Admin
from tests.integration.admin.refusals import refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
Matching: TypeAlias = matchable_resource_pb2.MatchingAttributes
Project: TypeAlias = project_pb2.Project


def test_a_project_is_registered_and_found_with_every_domain(admin: Admin) -> None:
    labels = common_pb2.Labels(values={"team": "red"})
    project = Project(id="mine", name="My project", description="All mine", labels=labels)
    admin.admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project))
    found = admin.admin.GetProject(project_pb2.ProjectGetRequest(id="mine"))
    assert (found.name, found.description, found.labels) == ("My project", "All mine", labels)
    assert [domain.id for domain in found.domains] == ["development", "staging", "production"]
    listed = admin.admin.ListProjects(project_pb2.ProjectListRequest())
    assert {each.id for each in listed.projects} == {"flytesnacks", "flyteexamples", "mine"}
    with refused(grpc.StatusCode.ALREADY_EXISTS, "mine"):
        admin.admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project))


def test_domains_are_told(admin: Admin) -> None:
    domains = admin.admin.GetDomains(project_pb2.GetDomainRequest()).domains
    assert [domain.name for domain in domains] == ["Development", "Staging", "Production"]


@pytest.mark.parametrize(
    ("project", "fragment"),
    [
        (Project(name="x"), "missing project_id"),
        (Project(id="mine"), "missing project_name"),
        (Project(id="My_Project", name="x"), "invalid project id [My_Project]"),
        (Project(id="mine", name="x" * 65), "project_name cannot exceed 64"),
        (Project(id="mine", name="x", description="y" * 301), "project_description cannot exceed 300"),
        (Project(id="mine", name="x", labels={"values": {"a b": "c"}}), "invalid label key [a b]"),
        (Project(id="mine", name="x", domains=[{"id": "development"}]), "Domains are currently only set"),
    ],
)
def test_a_project_that_could_not_be_a_namespace_is_refused(
    admin: Admin, project: Project, fragment: str
) -> None:
    with refused(INVALID, fragment):
        admin.admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project))


def test_an_archived_project_is_hidden_and_can_come_back(admin: Admin) -> None:
    admin.admin.UpdateProject(Project(id="flyteexamples", state=Project.ARCHIVED))
    listed = admin.admin.ListProjects(project_pb2.ProjectListRequest())
    assert [each.id for each in listed.projects] == ["flytesnacks"]
    admin.admin.UpdateProject(Project(id="flyteexamples", state=Project.ACTIVE))
    assert len(admin.admin.ListProjects(project_pb2.ProjectListRequest()).projects) == 2
    with refused(NOT_FOUND, "nowhere"):
        admin.admin.UpdateProject(Project(id="nowhere"))


def of_project(matching: Matching) -> project_attributes_pb2.ProjectAttributesUpdateRequest:
    return project_attributes_pb2.ProjectAttributesUpdateRequest(
        attributes=project_attributes_pb2.ProjectAttributes(
            project="flytesnacks", matching_attributes=matching
        )
    )


def plugin(task_type: str, plugin_id: str) -> Matching:
    override = matchable_resource_pb2.PluginOverride(task_type=task_type, plugin_id=[plugin_id])
    return Matching(plugin_overrides=matchable_resource_pb2.PluginOverrides(overrides=[override]))


def test_plugin_overrides_of_a_project_are_merged_by_task_type(admin: Admin) -> None:
    for matching in (plugin("spark", "a"), plugin("ray", "b"), plugin("spark", "c")):
        admin.admin.UpdateProjectAttributes(of_project(matching))
    found = admin.admin.GetProjectAttributes(
        project_attributes_pb2.ProjectAttributesGetRequest(
            project="flytesnacks", resource_type=matchable_resource_pb2.PLUGIN_OVERRIDE
        )
    )
    overrides = found.attributes.matching_attributes.plugin_overrides.overrides
    assert {each.task_type: list(each.plugin_id) for each in overrides} == {"spark": ["c"], "ray": ["b"]}


def test_a_projects_execution_config_falls_back_on_the_platforms(admin: Admin) -> None:
    request = project_attributes_pb2.ProjectAttributesGetRequest(
        project="flytesnacks", resource_type=matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG
    )
    config = admin.admin.GetProjectAttributes(request).attributes.matching_attributes
    assert config.workflow_execution_config.max_parallelism == 25
    request.resource_type = matchable_resource_pb2.TASK_RESOURCE
    with refused(NOT_FOUND, "TASK_RESOURCE", "flytesnacks"):
        admin.admin.GetProjectAttributes(request)


def test_a_workflows_attributes_are_its_own_or_those_around_it(admin: Admin) -> None:
    queue = matchable_resource_pb2.EXECUTION_QUEUE
    around = Matching(execution_queue_attributes={"tags": ["around"]})
    own = Matching(execution_queue_attributes={"tags": ["own"]})
    domain_attributes = project_domain_attributes_pb2.ProjectDomainAttributes(
        project="flytesnacks", domain="development", matching_attributes=around
    )
    admin.admin.UpdateProjectDomainAttributes(
        project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest(attributes=domain_attributes)
    )
    request = workflow_attributes_pb2.WorkflowAttributesGetRequest(
        project="flytesnacks", domain="development", workflow="flow", resource_type=queue
    )
    assert admin.admin.GetWorkflowAttributes(request).attributes.matching_attributes == around
    admin.admin.UpdateWorkflowAttributes(
        workflow_attributes_pb2.WorkflowAttributesUpdateRequest(
            attributes=workflow_attributes_pb2.WorkflowAttributes(
                project="flytesnacks",
                domain="development",
                workflow="flow",
                matching_attributes=own,
            )
        )
    )
    assert admin.admin.GetWorkflowAttributes(request).attributes.matching_attributes == own
    listed = admin.admin.ListMatchableAttributes(
        matchable_resource_pb2.ListMatchableAttributesRequest(resource_type=queue)
    )
    assert [each.workflow for each in listed.configurations] == ["", "flow"]
    admin.admin.DeleteWorkflowAttributes(
        workflow_attributes_pb2.WorkflowAttributesDeleteRequest(
            project="flytesnacks", domain="development", workflow="flow", resource_type=queue
        )
    )
    assert admin.admin.GetWorkflowAttributes(request).attributes.matching_attributes == around


def test_attributes_that_say_nothing_or_belong_nowhere_are_refused(admin: Admin) -> None:
    with refused(INVALID, "missing matching_attributes"):
        admin.admin.UpdateProjectAttributes(of_project(Matching()))
    request = of_project(plugin("spark", "a"))
    request.attributes.project = "nowhere"
    with refused(INVALID, "nowhere"):
        admin.admin.UpdateProjectAttributes(request)
