"""Nonsense gets the right gRPC code and a sentence that a person can act on."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from flyteidl.admin import execution_pb2, project_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2
from flyteidl.core import workflow_pb2 as core_workflow

from tests.acceptance.engine.conftest import VERSION
from tests.bench import graphs
from tests.sandboxes import DOMAIN, PROJECT, Client, Sandbox, integers

Code = grpc.StatusCode


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """The code and the words with which the call is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


@pytest.fixture
def echo(client: Client) -> str:
    """A version under which an echo task is registered."""
    version = uuid.uuid4().hex[:8]
    client.admin.CreateTask(graphs.echo_task(version))
    return version


def test_an_unknown_launch_plan_is_not_found(client: Client) -> None:
    code, words = refused(lambda: client.create_execution("no.such.plan", "v0", integers()))
    assert code is Code.NOT_FOUND
    assert "no.such.plan" in words


def test_an_unknown_execution_is_not_found(client: Client) -> None:
    missing = identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name="nosuchrun")
    code, words = refused(lambda: client.get(missing))
    assert code is Code.NOT_FOUND
    assert "nosuchrun" in words


def test_a_cycle_is_refused_and_its_nodes_are_named(client: Client, echo: str) -> None:
    request = graphs.workflow(60, echo)
    last = types_pb2.OutputReference(node_id="n50", var="x")
    request.spec.template.nodes[0].inputs[0].binding.promise.CopyFrom(last)
    code, words = refused(lambda: client.admin.CreateWorkflow(request))
    assert code is Code.INVALID_ARGUMENT
    assert "cycle" in words.lower()
    assert "n0" in words
    assert "n50" in words


def test_a_type_mismatch_is_refused_and_both_types_are_named(client: Client, echo: str) -> None:
    request = graphs.workflow(2, echo)
    request.spec.template.interface.inputs.variables["x"].type.CopyFrom(
        types_pb2.LiteralType(simple=types_pb2.BOOLEAN)
    )
    code, words = refused(lambda: client.admin.CreateWorkflow(request))
    assert code is Code.INVALID_ARGUMENT
    assert "bool" in words.lower()
    assert "int" in words.lower()


def test_a_workflow_of_an_unregistered_task_says_what_to_register(client: Client) -> None:
    code, words = refused(lambda: client.admin.CreateWorkflow(graphs.workflow(2, "never-registered")))
    assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)
    assert "bench.echo" in words


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        (integers(), "x"),
        (integers(x=1, y=2), "y"),
        (
            literals_pb2.LiteralMap(
                literals={
                    "x": literals_pb2.Literal(
                        scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value="one"))
                    )
                }
            ),
            "x",
        ),
    ],
    ids=["missing", "unknown", "mistyped"],
)
def test_wrong_inputs_are_named(client: Client, inputs: literals_pb2.LiteralMap, named: str) -> None:
    code, words = refused(lambda: client.create_execution("workflows.basics.branching", VERSION, inputs))
    assert code is Code.INVALID_ARGUMENT
    assert named in words


def test_the_same_version_again_exists_already_and_other_content_is_refused(
    client: Client, echo: str
) -> None:
    assert refused(lambda: client.admin.CreateTask(graphs.echo_task(echo)))[0] is Code.ALREADY_EXISTS
    changed = graphs.echo_task(echo)
    changed.spec.template.metadata.discoverable = True
    changed.spec.template.metadata.discovery_version = "2"
    code, words = refused(lambda: client.admin.CreateTask(changed))
    assert code is Code.INVALID_ARGUMENT
    assert "register a new version" in words


def test_a_wrong_project_and_a_wrong_domain_are_named(client: Client) -> None:
    request = graphs.echo_task("v1")
    request.id.project = "atlantis"
    code, words = refused(lambda: client.admin.CreateTask(request))
    assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)
    assert "atlantis" in words
    request = graphs.echo_task("v1")
    request.id.domain = "moon"
    code, words = refused(lambda: client.admin.CreateTask(request))
    assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)
    assert "moon" in words


def test_a_message_of_twenty_megabytes_is_too_large(client: Client) -> None:
    request = graphs.echo_task("huge")
    request.spec.description.long_description.value = "x" * 20_000_000
    code, words = refused(lambda: client.admin.CreateTask(request))
    assert code is Code.RESOURCE_EXHAUSTED
    assert "larger than max" in words


def test_bytes_that_are_no_message_are_no_crash(client: Client) -> None:
    call = client.channel.unary_unary(
        "/flyteidl.service.AdminService/CreateTask",
        request_serializer=lambda data: data,
        response_deserializer=lambda data: data,
    )
    code, _ = refused(lambda: call(b"\xff\xfe random \x00 bytes", timeout=10))
    assert code in (Code.INVALID_ARGUMENT, Code.INTERNAL)
    assert client.admin.ListProjects(project_pb2.ProjectListRequest()).projects


def test_bytes_that_are_no_protocol_do_not_close_the_port(client: Client, sandbox: Sandbox) -> None:
    host, port = sandbox.status()["endpoints"]["target"].split(":")
    for garbage in (b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nnonsense", b"\x00" * 70_000):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(garbage)
    assert client.admin.ListProjects(project_pb2.ProjectListRequest()).projects


def test_nothing_is_ever_answered_with_unknown(client: Client) -> None:
    empty = [
        lambda: client.admin.CreateTask(task_pb2.TaskCreateRequest()),
        lambda: client.admin.CreateWorkflow(workflow_pb2.WorkflowCreateRequest()),
        lambda: client.admin.CreateExecution(execution_pb2.ExecutionCreateRequest()),
        lambda: client.get(identifier_pb2.WorkflowExecutionIdentifier()),
        lambda: client.admin.CreateWorkflow(
            workflow_pb2.WorkflowCreateRequest(
                id=graphs.identifier(identifier_pb2.WORKFLOW, "empty", "v1"),
                spec=workflow_pb2.WorkflowSpec(template=core_workflow.WorkflowTemplate()),
            )
        ),
    ]
    for call in empty:
        code, words = refused(call)
        assert code in (Code.INVALID_ARGUMENT, Code.NOT_FOUND)
        assert words
