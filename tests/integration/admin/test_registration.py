"""Registering tasks, workflows and launch plans, and finding them again."""

from __future__ import annotations

import grpc
import pytest
from flyteidl.admin import (
    common_pb2,
    launch_plan_pb2,
    matchable_resource_pb2,
    project_domain_attributes_pb2,
    workflow_pb2,
)
from flyteidl.core import identifier_pb2, tasks_pb2

from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.refusals import refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXISTS = grpc.StatusCode.ALREADY_EXISTS
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture
def registered(admin: Admin) -> Admin:
    """One task, a workflow of two nodes, its launch plan."""
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateWorkflow(builders.workflow())
    admin.admin.CreateLaunchPlan(builders.launch_plan())
    return admin


def get(identifier: identifier_pb2.Identifier) -> common_pb2.ObjectGetRequest:
    return common_pb2.ObjectGetRequest(id=identifier)


def listing(name: str = "", **more: object) -> common_pb2.ResourceListRequest:
    place = common_pb2.NamedEntityIdentifier(project=builders.PROJECT, domain=builders.DOMAIN, name=name)
    return common_pb2.ResourceListRequest(id=place, **{"limit": 10, **more})


def test_what_was_registered_can_be_fetched(registered: Admin) -> None:
    task = registered.admin.GetTask(get(builders.task_id()))
    assert task.id == builders.task_id()
    assert task.closure.compiled_task.template.container.image == "flytekit:latest"
    workflow = registered.admin.GetWorkflow(get(builders.workflow_id()))
    compiled = workflow.closure.compiled_workflow
    assert [node.id for node in compiled.primary.template.nodes][-2:] == ["n0", "n1"]
    assert list(compiled.primary.connections.downstream["n0"].ids) == ["n1"]
    assert compiled.tasks[0].template.id == builders.task_id()
    plan = registered.admin.GetLaunchPlan(get(builders.launch_plan_id()))
    assert plan.closure.expected_inputs.parameters["x"].required
    assert plan.closure.state == launch_plan_pb2.INACTIVE
    assert plan.closure.created_at.seconds > 0


def test_the_same_content_again_already_exists(registered: Admin) -> None:
    with refused(EXISTS, "task with identical structure already exists"):
        registered.admin.CreateTask(builders.task())
    with refused(EXISTS, "workflow with identical structure already exists") as refusal:
        registered.admin.CreateWorkflow(builders.workflow())
    reason = refusal.detail(workflow_pb2.CreateWorkflowFailureReason)
    assert reason.exists_identical_structure.id == builders.workflow_id()
    with refused(EXISTS, "launch plan with identical structure already exists"):
        registered.admin.CreateLaunchPlan(builders.launch_plan())


def test_other_content_under_the_same_version_is_refused_with_what_differs(registered: Admin) -> None:
    with refused(
        INVALID,
        "increment task with different structure already exists. "
        "(Please register a new version of the task):",
        "/template/container/image:\n\t- flytekit:latest\n\t+ other:v2",
    ):
        registered.admin.CreateTask(builders.task(image="other:v2"))
    one = builders.node("n0", builders.task_id(), builders.promise("x", "", "x"))
    with refused(INVALID, "flow workflow with different structure already exists") as refusal:
        registered.admin.CreateWorkflow(builders.workflow(nodes=[one]))
    reason = refusal.detail(workflow_pb2.CreateWorkflowFailureReason)
    assert reason.exists_different_structure.id == builders.workflow_id()
    fixed = builders.literal_map(x=builders.integer(3))
    with refused(INVALID, "flow launch plan with different structure", "fixed_inputs"):
        registered.admin.CreateLaunchPlan(builders.launch_plan(fixed=fixed))


def test_what_is_not_there_is_not_found_by_name(admin: Admin) -> None:
    with refused(NOT_FOUND, "flytesnacks:development:increment:v1"):
        admin.admin.GetTask(get(builders.task_id()))
    with refused(NOT_FOUND, "flow"):
        admin.admin.GetWorkflow(get(builders.workflow_id()))
    with refused(NOT_FOUND, "flow"):
        admin.admin.CreateLaunchPlan(builders.launch_plan())


def test_an_identifier_must_be_complete_and_of_the_right_kind(admin: Admin) -> None:
    with refused(INVALID, "missing version"):
        admin.admin.GetTask(get(builders.task_id(version="")))
    with refused(INVALID, "unexpected resource type workflow", "expected task"):
        admin.admin.GetTask(get(builders.workflow_id()))


def test_a_wrong_project_or_domain_is_named(admin: Admin) -> None:
    request = builders.task()
    request.id.project = "nowhere"
    with refused(INVALID, "[nowhere]", "sandbox create project"):
        admin.admin.CreateTask(request)
    request = builders.task()
    request.id.domain = "moon"
    with refused(INVALID, "domain [moon] is unrecognized by system", "development, staging, production"):
        admin.admin.CreateTask(request)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda task: task.spec.template.ClearField("type"), "missing type"),
        (lambda task: task.spec.template.container.ClearField("image"), "missing image"),
        (lambda task: task.spec.template.ClearField("metadata"), "missing metadata"),
        (lambda task: task.spec.template.ClearField("interface"), "missing typed interface"),
        (lambda task: task.ClearField("spec"), "missing spec"),
        (lambda task: task.spec.template.container.resources.requests.add(name=3, value="lots"), "lots"),
    ],
)
def test_a_task_that_could_never_run_is_refused(admin: Admin, change: object, fragment: str) -> None:
    request = builders.task()
    change(request)  # type: ignore[operator]
    with refused(INVALID, fragment):
        admin.admin.CreateTask(request)


def test_a_workflow_of_unknown_tasks_is_refused_naming_them(admin: Admin) -> None:
    with refused(INVALID, "failed to compile workflow", "task flytesnacks:development:increment:v1"):
        admin.admin.CreateWorkflow(builders.workflow())


def test_a_cycle_is_refused_naming_its_nodes(admin: Admin) -> None:
    admin.admin.CreateTask(builders.task())
    nodes = [
        builders.node("n0", builders.task_id(), builders.promise("x", "n1", "o0")),
        builders.node("n1", builders.task_id(), builders.promise("x", "n0", "o0")),
    ]
    with refused(INVALID, "failed to compile workflow", "CycleDetected", "n0", "n1"):
        admin.admin.CreateWorkflow(builders.workflow(nodes=nodes))


def test_a_type_mismatch_is_refused_naming_both_types(admin: Admin) -> None:
    admin.admin.CreateTask(builders.task())
    with refused(INVALID, "MismatchingTypes", "string", "integer"):
        admin.admin.CreateWorkflow(
            builders.workflow(
                inputs={"x": builders.STRING},
                nodes=[builders.node("n0", builders.task_id(), builders.promise("x", "", "x"))],
            )
        )


def test_one_version_of_a_launch_plan_is_active_at_a_time(registered: Admin) -> None:
    stub = registered.admin
    stub.CreateTask(builders.task(version="v2"))
    stub.CreateWorkflow(builders.workflow(version="v2"))
    stub.CreateLaunchPlan(builders.launch_plan(version="v2"))
    name = common_pb2.NamedEntityIdentifier(project=builders.PROJECT, domain=builders.DOMAIN, name="flow")
    active = launch_plan_pb2.ActiveLaunchPlanRequest(id=name)
    with refused(NOT_FOUND, "flow"):
        stub.GetActiveLaunchPlan(active)
    for version in ("v1", "v2"):
        stub.UpdateLaunchPlan(
            launch_plan_pb2.LaunchPlanUpdateRequest(
                id=builders.launch_plan_id(version=version), state=launch_plan_pb2.ACTIVE
            )
        )
    assert stub.GetActiveLaunchPlan(active).id.version == "v2"
    listed = stub.ListActiveLaunchPlans(
        launch_plan_pb2.ActiveLaunchPlanListRequest(project=builders.PROJECT, domain=builders.DOMAIN, limit=5)
    )
    assert [plan.id.version for plan in listed.launch_plans] == ["v2"]
    stub.UpdateLaunchPlan(
        launch_plan_pb2.LaunchPlanUpdateRequest(
            id=builders.launch_plan_id(version="v2"), state=launch_plan_pb2.INACTIVE
        )
    )
    with refused(NOT_FOUND):
        stub.GetActiveLaunchPlan(active)


def test_a_launch_plan_must_fit_its_workflow(registered: Admin) -> None:
    unknown = builders.literal_map(y=builders.integer(1))
    with refused(INVALID, "unexpected fixed_input y"):
        registered.admin.CreateLaunchPlan(builders.launch_plan("other", fixed=unknown))
    mistyped = builders.literal_map(x=builders.string("one"))
    with refused(INVALID, "x", "string", "integer"):
        registered.admin.CreateLaunchPlan(builders.launch_plan("other", fixed=mistyped))
    scheduled = builders.launch_plan("nightly")
    scheduled.spec.entity_metadata.schedule.cron_schedule.schedule = "@daily"
    with refused(INVALID, "unbound required input", "[x]"):
        registered.admin.CreateLaunchPlan(scheduled)
    scheduled.spec.fixed_inputs.CopyFrom(builders.literal_map(x=builders.integer(1)))
    scheduled.spec.entity_metadata.schedule.cron_schedule.schedule = "61 * * * *"
    with refused(INVALID, "Invalid cron expression [61 * * * *]", "minute"):
        registered.admin.CreateLaunchPlan(scheduled)


def test_lists_page_filter_and_sort(registered: Admin) -> None:
    stub = registered.admin
    for version in ("v2", "v3"):
        stub.CreateTask(builders.task(version=version))
    first = stub.ListTasks(listing("increment", limit=2))
    assert [task.id.version for task in first.tasks] == ["v1", "v2"]
    second = stub.ListTasks(listing("increment", limit=2, token=first.token))
    assert ([task.id.version for task in second.tasks], second.token) == (["v3"], "")
    newest = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
    latest = stub.ListTasks(listing("increment", limit=1, sort_by=newest))
    assert latest.tasks[0].id.version == "v3"
    filtered = stub.ListTasks(listing(filters="value_in(version,v1;v3)"))
    assert [task.id.version for task in filtered.tasks] == ["v1", "v3"]
    ids = stub.ListTaskIds(
        common_pb2.NamedEntityIdentifierListRequest(
            project=builders.PROJECT, domain=builders.DOMAIN, limit=10
        )
    )
    assert [entity.name for entity in ids.entities] == ["increment"]


def test_lists_of_workflows_carry_interfaces_but_no_nodes(registered: Admin) -> None:
    listed = registered.admin.ListWorkflows(listing())
    template = listed.workflows[0].closure.compiled_workflow.primary.template
    assert template.interface.inputs.variables["x"].type == builders.INTEGER
    assert not template.nodes


def test_list_requests_that_make_no_sense_are_refused(admin: Admin) -> None:
    with refused(INVALID, "limit"):
        admin.admin.ListTasks(listing(limit=0))
    with refused(INVALID, "token"):
        admin.admin.ListTasks(listing(token="abc"))
    with refused(INVALID, "colour"):
        admin.admin.ListTasks(listing(filters="eq(colour,red)"))
    with refused(INVALID, "missing project"):
        admin.admin.ListTasks(common_pb2.ResourceListRequest(limit=1))


def test_documentation_comes_back(admin: Admin) -> None:
    request = builders.task()
    request.spec.description.short_description = "adds one"
    request.spec.description.long_description.value = "Adds one to x."
    admin.admin.CreateTask(request)
    assert admin.admin.GetTask(get(builders.task_id())).short_description == "adds one"
    described = admin.admin.GetDescriptionEntity(get(builders.task_id()))
    assert described.long_description.value == "Adds one to x."
    assert described.id == builders.task_id()


def test_names_carry_a_description_and_a_state(registered: Admin) -> None:
    name = common_pb2.NamedEntityIdentifier(project=builders.PROJECT, domain=builders.DOMAIN, name="flow")
    registered.admin.UpdateNamedEntity(
        common_pb2.NamedEntityUpdateRequest(
            resource_type=identifier_pb2.WORKFLOW,
            id=name,
            metadata=common_pb2.NamedEntityMetadata(
                description="our flow", state=common_pb2.NAMED_ENTITY_ARCHIVED
            ),
        )
    )
    found = registered.admin.GetNamedEntity(
        common_pb2.NamedEntityGetRequest(resource_type=identifier_pb2.WORKFLOW, id=name)
    )
    assert (found.metadata.description, found.metadata.state) == ("our flow", 1)
    listed = registered.admin.ListNamedEntities(
        common_pb2.NamedEntityListRequest(
            resource_type=identifier_pb2.WORKFLOW,
            project=builders.PROJECT,
            domain=builders.DOMAIN,
            limit=10,
            filters="eq(state,0)",
        )
    )
    assert not listed.entities


def test_an_administrators_limits_hold_for_the_tasks_of_the_project(admin: Admin) -> None:
    spec = matchable_resource_pb2.TaskResourceSpec
    said = matchable_resource_pb2.TaskResourceAttributes(limits=spec(memory="1Gi"))
    admin.admin.UpdateProjectDomainAttributes(
        project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest(
            attributes=project_domain_attributes_pb2.ProjectDomainAttributes(
                project=builders.PROJECT,
                domain=builders.DOMAIN,
                matching_attributes=matchable_resource_pb2.MatchingAttributes(task_resource_attributes=said),
            )
        )
    )
    request = builders.task()
    memory = tasks_pb2.Resources.ResourceEntry(name=tasks_pb2.Resources.MEMORY, value="2Gi")
    request.spec.template.container.resources.limits.append(memory)
    with refused(INVALID, "Requested MEMORY limit", "greater than the platform's limit"):
        admin.admin.CreateTask(request)
    request.spec.template.container.resources.limits[0].value = "1Gi"
    admin.admin.CreateTask(request)
