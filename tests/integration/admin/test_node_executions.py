"""Looking at the steps of an execution and at their attempts."""

from __future__ import annotations

import grpc
import pytest
from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.history import History
from tests.integration.admin.refusals import refused

INPUTS = "s3://my-s3-bucket/metadata/propeller/mine/n0/data/inputs.pb"
OUTPUTS = "s3://my-s3-bucket/metadata/propeller/mine/n0/data/0/outputs.pb"
DECK = "s3://my-s3-bucket/metadata/propeller/mine/n0/data/0/deck.html"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def node_id(node: str) -> identifier_pb2.NodeExecutionIdentifier:
    return identifier_pb2.NodeExecutionIdentifier(execution_id=builders.execution_id("mine"), node_id=node)


@pytest.fixture(autouse=True)
def run(admin: Admin) -> None:
    """An execution whose node n0 had two attempts, and whose node n1 is a subworkflow of one node."""
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateWorkflow(builders.workflow())
    admin.admin.CreateLaunchPlan(builders.launch_plan())
    admin.admin.CreateExecution(builders.execution("mine"))
    objects = admin.context.objects
    objects.put(INPUTS, builders.literal_map(x=builders.integer(1)).SerializeToString())
    objects.put(OUTPUTS, builders.literal_map(o0=builders.integer(2)).SerializeToString())
    objects.put(DECK, b"<html/>")
    history = History(admin.context.database, "mine")
    closure = node_execution_pb2.NodeExecutionClosure(output_uri=OUTPUTS, deck_uri=DECK)
    first = history.node("n0", input_uri=INPUTS, closure=closure)
    history.attempt(first, 0, "FAILED")
    attempt = task_execution_pb2.TaskExecutionClosure(output_uri=OUTPUTS)
    history.attempt(first, 1, input_uri=INPUTS, closure=attempt)
    parent = history.node("n1", is_parent=True)
    history.node("n1-0-n0", parent=parent)


def listed(admin: Admin, **more: object) -> list[str]:
    request = node_execution_pb2.NodeExecutionListRequest(
        workflow_execution_id=builders.execution_id("mine"), **{"limit": 10, **more}
    )
    return [each.id.node_id for each in admin.admin.ListNodeExecutions(request).node_executions]


def test_nodes_are_listed_level_by_level(admin: Admin) -> None:
    assert listed(admin) == ["n0", "n1"]
    assert listed(admin, unique_parent_id="n1") == ["n1-0-n0"]
    assert listed(admin, filters="eq(node_id,n0)") == ["n0"]
    with refused(NOT_FOUND, "n7"):
        listed(admin, unique_parent_id="n7")


def test_a_node_says_what_it_is(admin: Admin) -> None:
    request = node_execution_pb2.NodeExecutionGetRequest(id=node_id("n1-0-n0"))
    node = admin.admin.GetNodeExecution(request)
    assert node.metadata.spec_node_id == "n0"
    assert not node.metadata.is_parent_node
    parent = admin.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node_id("n1")))
    assert parent.metadata.is_parent_node
    with refused(NOT_FOUND, "n7"):
        admin.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node_id("n7")))


def test_a_nodes_data_comes_inline_and_with_its_urls(admin: Admin) -> None:
    request = node_execution_pb2.NodeExecutionGetDataRequest(id=node_id("n0"))
    data = admin.admin.GetNodeExecutionData(request)
    assert data.full_inputs == builders.literal_map(x=builders.integer(1))
    assert data.full_outputs == builders.literal_map(o0=builders.integer(2))
    assert data.flyte_urls.outputs == "flyte://v1/flytesnacks/development/mine/n0/o"
    assert data.flyte_urls.deck == "flyte://v1/flytesnacks/development/mine/n0/d"
    with refused(NOT_FOUND, "dynamic"):
        admin.admin.GetDynamicNodeWorkflow(node_execution_pb2.GetDynamicNodeWorkflowRequest(id=node_id("n0")))


def test_attempts_are_listed_first_to_last(admin: Admin) -> None:
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node_id("n0"), limit=10)
    attempts = admin.admin.ListTaskExecutions(request).task_executions
    assert [each.id.retry_attempt for each in attempts] == [0, 1]
    assert attempts[0].id.task_id == builders.task_id()
    again = admin.admin.GetTaskExecution(task_execution_pb2.TaskExecutionGetRequest(id=attempts[1].id))
    assert again.closure.output_uri == OUTPUTS
    data = admin.admin.GetTaskExecutionData(task_execution_pb2.TaskExecutionGetDataRequest(id=attempts[1].id))
    assert data.full_outputs == builders.literal_map(o0=builders.integer(2))
    assert data.flyte_urls.inputs == "flyte://v1/flytesnacks/development/mine/n0/1/i"


def get_data(admin: Admin, path: str) -> dataproxy_pb2.GetDataResponse:
    return admin.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=f"flyte://v1/{path}"))


def test_data_is_found_by_its_flyte_url(admin: Admin) -> None:
    base = "flytesnacks/development/mine/n0"
    assert get_data(admin, f"{base}/o").literal_map == builders.literal_map(o0=builders.integer(2))
    assert get_data(admin, f"{base}/i/x").literal == builders.integer(1)
    assert get_data(admin, f"{base}/1/o/o0").literal == builders.integer(2)
    assert "deck.html" in get_data(admin, f"{base}/d").pre_signed_urls.signed_url[0]
    with refused(INVALID, "[o7] not found", "o0"):
        get_data(admin, f"{base}/o/o7")
    with refused(INVALID, "failed to parse", "flyte://v1/project/domain"):
        get_data(admin, "flytesnacks")
    with refused(INVALID, "deck"):
        get_data(admin, f"{base}/0/d")


def test_a_link_to_a_deck_is_given_where_there_is_one(admin: Admin) -> None:
    request = dataproxy_pb2.CreateDownloadLinkRequest(
        artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node_id("n0")
    )
    response = admin.data.CreateDownloadLink(request)
    assert response.signed_url == response.pre_signed_urls.signed_url
    assert response.expires_at.seconds > 0
    request.node_execution_id.CopyFrom(node_id("n1"))
    with refused(NOT_FOUND, "enable_deck"):
        admin.data.CreateDownloadLink(request)


def test_data_that_is_gone_leaves_the_rest_of_the_answer(admin: Admin) -> None:
    admin.context.objects.delete(INPUTS)
    request = node_execution_pb2.NodeExecutionGetDataRequest(id=node_id("n0"))
    data = admin.admin.GetNodeExecutionData(request)
    assert not data.full_inputs.literals
    assert data.full_outputs.literals
