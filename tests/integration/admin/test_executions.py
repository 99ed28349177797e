"""Creating, watching, ending and repeating executions; no engine runs, its rows are written for it."""

from __future__ import annotations

import re

import grpc
import pytest
from flyteidl.admin import (
    common_pb2,
    event_pb2,
    execution_pb2,
    matchable_resource_pb2,
    node_execution_pb2,
    project_attributes_pb2,
    project_pb2,
)
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from sandbox.store.database import Database
from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.history import History
from tests.integration.admin.refusals import refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
Phase = core_execution_pb2.WorkflowExecution


@pytest.fixture(autouse=True)
def registered(admin: Admin) -> None:
    """One task, a workflow of two nodes, its launch plan."""
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateWorkflow(builders.workflow())
    admin.admin.CreateLaunchPlan(builders.launch_plan())


def get(admin: Admin, name: str) -> execution_pb2.Execution:
    request = execution_pb2.WorkflowExecutionGetRequest(id=builders.execution_id(name))
    return admin.admin.GetExecution(request)


def get_data(admin: Admin, name: str) -> execution_pb2.WorkflowExecutionGetDataResponse:
    request = execution_pb2.WorkflowExecutionGetDataRequest(id=builders.execution_id(name))
    return admin.admin.GetExecutionData(request)


def listed(admin: Admin, filters: str = "", **more: object) -> list[str]:
    place = common_pb2.NamedEntityIdentifier(project=builders.PROJECT, domain=builders.DOMAIN)
    request = common_pb2.ResourceListRequest(id=place, **{"limit": 10, "filters": filters, **more})
    return [each.id.name for each in admin.admin.ListExecutions(request).executions]


def test_a_new_execution_waits_for_the_engine_with_its_inputs_written(admin: Admin) -> None:
    created = admin.admin.CreateExecution(builders.execution("mine"))
    assert created.id == builders.execution_id("mine")
    execution = get(admin, "mine")
    assert execution.closure.phase == Phase.UNDEFINED
    assert execution.closure.workflow_id == builders.workflow_id()
    assert execution.closure.created_at.seconds > 0
    assert execution.closure.state_change_details.state == execution_pb2.EXECUTION_ACTIVE
    assert execution.spec.launch_plan == builders.launch_plan_id()
    assert execution.spec.max_parallelism == 25
    assert execution.spec.metadata.system_metadata.namespace == "flytesnacks-development"
    assert not execution.spec.HasField("inputs")
    uri = "s3://my-s3-bucket/metadata/propeller/flytesnacks-development-mine/start-node/data/0/outputs.pb"
    written = literals_pb2.LiteralMap.FromString(admin.context.objects.get(uri))
    assert written == builders.literal_map(x=builders.integer(1))
    assert get_data(admin, "mine").full_inputs == written


def test_the_engine_is_told_of_a_new_execution_and_of_an_abort(admin: Admin) -> None:
    listener = admin.context.database.listen(executions.CHANNEL)
    admin.admin.CreateExecution(builders.execution("mine"))
    first = listener.wait(5)
    admin.admin.TerminateExecution(
        execution_pb2.ExecutionTerminateRequest(id=builders.execution_id("mine"), cause="enough")
    )
    assert (len(first), listener.wait(5)) == (1, first)
    listener.close()


def test_a_name_is_generated_where_none_is_given(admin: Admin) -> None:
    created = admin.admin.CreateExecution(builders.execution())
    assert re.fullmatch(r"a[a-z0-9]{19}", created.id.name)


def test_a_taken_name_is_refused_and_the_first_inputs_stay(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    with refused(grpc.StatusCode.ALREADY_EXISTS, "mine"):
        admin.admin.CreateExecution(
            builders.execution("mine", inputs=builders.literal_map(x=builders.integer(2)))
        )
    assert get_data(admin, "mine").full_inputs == builders.literal_map(x=builders.integer(1))


@pytest.mark.parametrize("name", ["Mine", "1st", "a_b", "a" * 64, "ä"])
def test_a_name_that_kubernetes_would_refuse_is_refused(admin: Admin, name: str) -> None:
    with refused(INVALID, "name"):
        admin.admin.CreateExecution(builders.execution(name))


@pytest.mark.parametrize(
    ("inputs", "fragments"),
    [
        ({}, ["missing input x", "integer"]),
        ({"x": builders.string("one")}, ["invalid input x", "integer", "string"]),
        ({"x": builders.integer(1), "y": builders.integer(1)}, ["invalid input y", "expected are: x"]),
        ({"x": literals_pb2.Literal()}, ["missing valid literal in inputs x"]),
    ],
)
def test_wrong_inputs_are_refused_by_name(
    admin: Admin, inputs: dict[str, literals_pb2.Literal], fragments: list[str]
) -> None:
    with refused(INVALID, *fragments):
        admin.admin.CreateExecution(builders.execution(inputs=builders.literal_map(**inputs)))
    assert listed(admin) == []


def test_fixed_inputs_are_added_and_cannot_be_overridden(admin: Admin) -> None:
    fixed = builders.literal_map(x=builders.integer(7))
    admin.admin.CreateLaunchPlan(builders.launch_plan("fixed", fixed=fixed))
    launch = builders.launch_plan_id("fixed")
    admin.admin.CreateExecution(builders.execution("mine", launch=launch, inputs={}))
    assert get_data(admin, "mine").full_inputs == fixed
    with refused(INVALID, "fixed input x cannot be overridden"):
        admin.admin.CreateExecution(builders.execution(launch=launch))


def test_an_unknown_launch_plan_project_or_domain_is_named(admin: Admin) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "nothing"):
        admin.admin.CreateExecution(builders.execution(launch=builders.launch_plan_id("nothing")))
    with refused(INVALID, "nowhere"):
        admin.admin.CreateExecution(builders.execution(project="nowhere"))
    with refused(INVALID, "moon"):
        admin.admin.CreateExecution(builders.execution(domain="moon"))
    with refused(INVALID, "Invalid resource type workflow"):
        admin.admin.CreateExecution(builders.execution(launch=builders.workflow_id()))


def test_an_archived_project_takes_no_executions(admin: Admin) -> None:
    archived = project_pb2.Project(id=builders.PROJECT, state=project_pb2.Project.ARCHIVED)
    admin.admin.UpdateProject(archived)
    with refused(INVALID, "is not active") as refusal:
        admin.admin.CreateExecution(builders.execution())
    assert refusal.detail(project_pb2.InactiveProject).id == builders.PROJECT


def test_a_lone_task_can_be_executed(admin: Admin) -> None:
    for name in ("first", "second"):
        admin.admin.CreateExecution(builders.execution(name, launch=builders.task_id()))
    execution = get(admin, "first")
    assert execution.spec.launch_plan.resource_type == identifier_pb2.TASK
    assert execution.closure.workflow_id.name == ".flytegen.increment"
    assert listed(admin, "eq(task.name,increment)") == ["first", "second"]
    names = admin.admin.ListNamedEntities(
        common_pb2.NamedEntityListRequest(
            resource_type=identifier_pb2.WORKFLOW,
            project=builders.PROJECT,
            domain=builders.DOMAIN,
            limit=10,
        )
    )
    assert [entity.id.name for entity in names.entities] == ["flow"]
    with refused(INVALID, "missing input x"):
        admin.admin.CreateExecution(builders.execution(launch=builders.task_id(), inputs={}))


def test_what_the_request_leaves_open_comes_from_plan_project_and_platform(admin: Admin) -> None:
    plan = builders.launch_plan("configured")
    plan.spec.labels.values["team"] = "plan"
    plan.spec.envs.values.add(key="A", value="plan")
    plan.spec.interruptible.value = True
    admin.admin.CreateLaunchPlan(plan)
    config = matchable_resource_pb2.WorkflowExecutionConfig(max_parallelism=3, overwrite_cache=True)
    admin.admin.UpdateProjectAttributes(
        project_attributes_pb2.ProjectAttributesUpdateRequest(
            attributes=project_attributes_pb2.ProjectAttributes(
                project=builders.PROJECT,
                matching_attributes=matchable_resource_pb2.MatchingAttributes(
                    workflow_execution_config=config
                ),
            )
        )
    )
    labels = common_pb2.Labels(values={"of": "project"})
    admin.admin.UpdateProject(project_pb2.Project(id=builders.PROJECT, labels=labels))
    launch = builders.launch_plan_id("configured")
    envs = common_pb2.Envs(values=[literals_pb2.KeyValuePair(key="A", value="request")])
    admin.admin.CreateExecution(builders.execution("mine", launch=launch, envs=envs))
    spec = get(admin, "mine").spec
    assert dict(spec.labels.values) == {"team": "plan", "of": "project"}
    assert spec.envs == envs
    assert (spec.interruptible.value, spec.max_parallelism, spec.overwrite_cache) == (True, 3, True)


def test_a_finished_execution_has_outputs_and_a_duration(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    outputs = builders.literal_map(o0=builders.integer(3))
    uri = "s3://my-s3-bucket/metadata/propeller/mine/end-node/data/0/outputs.pb"
    admin.context.objects.put(uri, outputs.SerializeToString())
    History(admin.context.database, "mine").execution("SUCCEEDED", outputs_uri=uri, terminal=True)
    closure = get(admin, "mine").closure
    assert closure.phase == Phase.SUCCEEDED
    assert closure.outputs.uri == uri
    assert closure.duration.seconds == 2
    assert closure.started_at.seconds > 0
    assert get_data(admin, "mine").full_outputs == outputs


def test_a_failed_execution_has_its_error_whole_in_get_and_short_in_lists(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    error = core_execution_pb2.ExecutionError(
        code="USER:ValueError", message="x" * 500, kind=core_execution_pb2.ExecutionError.USER
    )
    History(admin.context.database, "mine").execution("FAILED", error=error, terminal=True)
    assert get(admin, "mine").closure.error == error
    place = common_pb2.NamedEntityIdentifier(project=builders.PROJECT, domain=builders.DOMAIN)
    request = common_pb2.ResourceListRequest(id=place, limit=1)
    (shown,) = admin.admin.ListExecutions(request).executions
    assert shown.closure.error.message == "x" * 100
    assert get_data(admin, "mine").full_outputs == literals_pb2.LiteralMap()


def test_an_abort_is_a_wish_that_the_engine_fulfils(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    request = execution_pb2.ExecutionTerminateRequest(id=builders.execution_id("mine"), cause="enough")
    admin.admin.TerminateExecution(request)
    closure = get(admin, "mine").closure
    assert closure.phase == Phase.ABORTING
    assert closure.abort_metadata.cause == "enough"
    History(admin.context.database, "mine").execution("ABORTED", terminal=True)
    assert get(admin, "mine").closure.abort_metadata.cause == "enough"
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "already terminated", "ABORTED") as refusal:
        admin.admin.TerminateExecution(request)
    reason = refusal.detail(event_pb2.EventFailureReason)
    assert reason.already_in_terminal_state.current_phase == "ABORTED"


def test_a_relaunch_uses_the_same_inputs_and_refers_to_the_first(admin: Admin) -> None:
    fixed = builders.launch_plan("fixed")
    fixed.spec.default_inputs.parameters["x"].var.type.CopyFrom(builders.INTEGER)
    fixed.spec.default_inputs.parameters["x"].default.CopyFrom(builders.integer(5))
    admin.admin.CreateLaunchPlan(fixed)
    launch = builders.launch_plan_id("fixed")
    admin.admin.CreateExecution(builders.execution("mine", launch=launch, inputs={}))
    request = execution_pb2.ExecutionRelaunchRequest(
        id=builders.execution_id("mine"), name="again", overwrite_cache=True
    )
    admin.admin.RelaunchExecution(request)
    spec = get(admin, "again").spec
    assert spec.metadata.mode == execution_pb2.ExecutionMetadata.RELAUNCH
    assert spec.metadata.reference_execution == builders.execution_id("mine")
    assert spec.overwrite_cache
    assert get_data(admin, "again").full_inputs == builders.literal_map(x=builders.integer(5))
    with admin.context.database.reading() as connection:
        key = ExecutionId(builders.PROJECT, builders.DOMAIN, "again")
        assert executions.get(connection, key).source == ExecutionId(*key_of("mine"))


def key_of(name: str) -> tuple[str, str, str]:
    return builders.PROJECT, builders.DOMAIN, name


def test_a_recovery_uses_the_same_inputs_and_refers_to_the_first(admin: Admin) -> None:
    given = builders.literal_map(x=builders.integer(7))
    admin.admin.CreateExecution(builders.execution("mine", inputs=given))
    History(admin.context.database, "mine").execution("FAILED", terminal=True)
    request = execution_pb2.ExecutionRecoverRequest(id=builders.execution_id("mine"), name="again")
    assert admin.admin.RecoverExecution(request).id.name == "again"
    spec = get(admin, "again").spec
    assert spec.metadata.mode == execution_pb2.ExecutionMetadata.RECOVERED
    assert spec.metadata.reference_execution == builders.execution_id("mine")
    assert get_data(admin, "again").full_inputs == given
    with admin.context.database.reading() as connection:
        old, new = (executions.get(connection, ExecutionId(*key_of(name))) for name in ("mine", "again"))
    assert (new.source, new.workflow_id) == (old.execution, old.workflow_id)
    request.name = ""
    assert re.fullmatch("a[a-z0-9]{19}", admin.admin.RecoverExecution(request).id.name)


def test_a_recovery_may_belong_to_a_node(admin: Admin) -> None:
    for name in ("mine", "parent"):
        admin.admin.CreateExecution(builders.execution(name))
        History(admin.context.database, name).execution("ABORTED", terminal=True)
    History(admin.context.database, "parent").node("n0", "RUNNING")
    node = identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=builders.execution_id("parent"))
    metadata = execution_pb2.ExecutionMetadata(parent_node_execution=node)
    admin.admin.RecoverExecution(
        execution_pb2.ExecutionRecoverRequest(
            id=builders.execution_id("mine"), name="again", metadata=metadata
        )
    )
    told = get(admin, "again").spec.metadata
    assert (told.parent_node_execution, told.nesting) == (node, 1)


def test_what_has_not_ended_or_is_not_there_can_not_be_recovered(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    request = execution_pb2.ExecutionRecoverRequest(id=builders.execution_id("mine"), name="again")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "mine", "only what has ended", "terminate"):
        admin.admin.RecoverExecution(request)
    History(admin.context.database, "mine").execution("FAILED", terminal=True)
    request.name = "mine"
    with refused(grpc.StatusCode.ALREADY_EXISTS, "mine"):
        admin.admin.RecoverExecution(request)
    request.id.name = "nobody"
    with refused(grpc.StatusCode.NOT_FOUND, "nobody"):
        admin.admin.RecoverExecution(request)
    with refused(INVALID, "missing"):
        admin.admin.RecoverExecution(execution_pb2.ExecutionRecoverRequest())


def test_a_child_execution_knows_its_parent(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("parent"))
    History(admin.context.database, "parent").node("n0", "RUNNING")
    parent = identifier_pb2.NodeExecutionIdentifier(
        execution_id=builders.execution_id("parent"), node_id="n0"
    )
    metadata = execution_pb2.ExecutionMetadata(parent_node_execution=parent)
    admin.admin.CreateExecution(builders.execution("child", metadata=metadata))
    spec = get(admin, "child").spec
    assert (spec.metadata.nesting, spec.metadata.parent_node_execution) == (1, parent)
    with admin.context.database.reading() as connection:
        row = executions.get(connection, ExecutionId(*key_of("child")))
    assert row.parent_node is not None
    assert (row.parent_node.execution.name, row.parent_node.node) == ("parent", "n0")


def test_archived_executions_leave_the_list(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine"))
    admin.admin.CreateExecution(builders.execution("other"))
    admin.admin.UpdateExecution(
        execution_pb2.ExecutionUpdateRequest(
            id=builders.execution_id("mine"), state=execution_pb2.EXECUTION_ARCHIVED
        )
    )
    assert listed(admin) == ["other"]
    assert listed(admin, "eq(state,1)") == ["mine"]
    assert get(admin, "mine").closure.state_change_details.state == execution_pb2.EXECUTION_ARCHIVED


def test_executions_are_found_by_phase_entity_tag_and_time(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("mine", tags=["blue"]))
    labels = common_pb2.Labels(values={"team": "red"})
    admin.admin.CreateExecution(builders.execution("other", labels=labels))
    History(admin.context.database, "mine").execution("RUNNING")
    assert listed(admin, "eq(phase,RUNNING)") == ["mine"]
    assert listed(admin, "value_in(phase,RUNNING;UNDEFINED)+eq(workflow.name,flow)") == ["mine", "other"]
    assert listed(admin, "eq(launch_plan.name,flow)+eq(execution_tag.key,blue)") == ["mine"]
    assert listed(admin, "eq(execution_tag.key,team)+eq(execution_tag.value,red)") == ["other"]
    assert listed(admin, "gt(created_at,2200-01-01T00:00:00Z)") == []
    newest = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
    assert listed(admin, sort_by=newest) == ["other", "mine"]


def test_a_concurrency_policy_skips_what_is_too_much(admin: Admin) -> None:
    plan = builders.launch_plan("one-at-a-time")
    plan.spec.concurrency_policy.max = 1
    plan.spec.concurrency_policy.behavior = 1
    admin.admin.CreateLaunchPlan(plan)
    launch = builders.launch_plan_id("one-at-a-time")
    admin.admin.CreateExecution(builders.execution("first", launch=launch))
    with refused(grpc.StatusCode.ALREADY_EXISTS, "concurrency limit (1) reached"):
        admin.admin.CreateExecution(builders.execution("second", launch=launch))
    History(admin.context.database, "first").execution("SUCCEEDED", terminal=True)
    admin.admin.CreateExecution(builders.execution("second", launch=launch))


def test_notifications_of_the_plan_hold_unless_disabled(admin: Admin) -> None:
    plan = builders.launch_plan("loud")
    notification = plan.spec.entity_metadata.notifications.add(phases=[Phase.FAILED])
    notification.email.recipients_email.append("me@example.com")
    admin.admin.CreateLaunchPlan(plan)
    launch = builders.launch_plan_id("loud")
    admin.admin.CreateExecution(builders.execution("mine", launch=launch))
    assert list(get(admin, "mine").closure.notifications) == [notification]
    admin.admin.CreateExecution(builders.execution("quiet", launch=launch, disable_all=True))
    assert not get(admin, "quiet").closure.notifications


def test_an_unknown_execution_is_not_found(admin: Admin) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "flytesnacks:development:nobody"):
        get(admin, "nobody")
    with refused(grpc.StatusCode.NOT_FOUND, "nobody"):
        admin.admin.TerminateExecution(
            execution_pb2.ExecutionTerminateRequest(id=builders.execution_id("nobody"))
        )


def test_time_is_accounted_for_as_spans(admin: Admin) -> None:
    admin.admin.CreateExecution(builders.execution("child"))
    admin.admin.CreateExecution(builders.execution("mine"))
    history = History(admin.context.database, "mine")
    parent = history.node("n0", is_parent=True)
    inner = history.node("n0-0-n0", parent=parent)
    history.attempt(inner, 0, "FAILED")
    history.attempt(inner, 1)
    closure = node_execution_pb2.NodeExecutionClosure()
    closure.workflow_node_metadata.executionId.CopyFrom(builders.execution_id("child"))
    history.node("n1", closure=closure)
    history.execution("SUCCEEDED", terminal=True)
    request = execution_pb2.WorkflowExecutionGetMetricsRequest(id=builders.execution_id("mine"), depth=-1)
    span = admin.admin.GetExecutionMetrics(request).span
    assert span.workflow_id.name == "mine"
    kinds = [each.WhichOneof("id") for each in span.spans]
    assert kinds == ["operation_id", "node_id", "node_id", "operation_id"]
    (nested,) = [each for each in span.spans[1].spans if each.WhichOneof("id") == "node_id"]
    attempts = [each.task_id.retry_attempt for each in nested.spans if each.WhichOneof("id") == "task_id"]
    assert attempts == [0, 1]
    children = [each for each in span.spans[2].spans if each.WhichOneof("id") == "workflow_id"]
    assert [each.workflow_id.name for each in children] == ["child"]
    request.depth = 0
    assert not admin.admin.GetExecutionMetrics(request).span.spans


def test_the_quality_of_service_is_the_requests_the_plans_or_the_attributes(
    admin: Admin, database: Database
) -> None:
    quality = core_execution_pb2.QualityOfService
    matching = matchable_resource_pb2.MatchingAttributes(quality_of_service=quality(tier=quality.LOW))
    admin.admin.UpdateProjectAttributes(
        project_attributes_pb2.ProjectAttributesUpdateRequest(
            attributes=project_attributes_pb2.ProjectAttributes(
                project=builders.PROJECT, matching_attributes=matching
            )
        )
    )
    plan = builders.launch_plan("urgent")
    plan.spec.quality_of_service.tier = quality.HIGH
    admin.admin.CreateLaunchPlan(plan)
    launch = builders.launch_plan_id("urgent")
    own = quality(spec={"queueing_budget": {"seconds": 5}})
    admin.admin.CreateExecution(builders.execution("open"))
    admin.admin.CreateExecution(builders.execution("planned", launch=launch))
    admin.admin.CreateExecution(builders.execution("own", launch=launch, quality_of_service=own))
    said = [get(admin, name).spec.quality_of_service for name in ("open", "planned", "own")]
    assert [one.tier for one in said[:2]] == [quality.LOW, quality.HIGH]
    assert said[2].spec.queueing_budget.seconds == 5
    with database.reading() as connection:
        priorities = [
            executions.get(connection, ExecutionId(builders.PROJECT, builders.DOMAIN, name)).priority
            for name in ("open", "planned", "own")
        ]
    assert priorities == sorted(priorities)
    assert len(set(priorities)) == 3
