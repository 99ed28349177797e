"""What the wire carries: bytes that are no request, messages too large, defects, health, reflection."""

from __future__ import annotations

import logging
import threading
from typing import Any

import grpc
import pytest
from flyteidl.admin import event_pb2, project_pb2, version_pb2
from flyteidl.service import auth_pb2, auth_pb2_grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from sandbox.admin import services
from sandbox.admin.context import AdminContext
from sandbox.store.database import Database, DatabaseSettings
from sandbox.store.objects import DirectoryObjectStore
from tests.integration import servers
from tests.integration.admin import builders
from tests.integration.admin.conftest import SETTINGS, Admin, presigner, serve
from tests.integration.admin.refusals import refused

SERVICE = "flyteidl.service.AdminService"
MEBIBYTE = 1024 * 1024


def raw(admin: Admin, method: str, payload: bytes) -> Any:
    call: Any = admin.channel.unary_unary(f"/{SERVICE}/{method}", None, None)
    return call(payload)


def test_the_version_is_told(admin: Admin) -> None:
    answer = admin.admin.GetVersion(version_pb2.GetVersionRequest())
    assert answer.control_plane_version.Version == SETTINGS.version


def test_random_bytes_are_an_invalid_argument_to_every_rpc(admin: Admin) -> None:
    for method in services.ADMIN.descriptor.methods:
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "can't be read as a protobuf"):
            raw(admin, method.name, b"\xff\xfe random \x00 bytes \xff")


def test_a_message_of_20_mb_is_refused_naming_the_limit(admin: Admin) -> None:
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(SETTINGS.max_message_size)):
        raw(admin, "CreateTask", b"x" * 20 * MEBIBYTE)
    assert admin.admin.GetVersion(version_pb2.GetVersionRequest())


def test_a_message_just_under_the_limit_is_read(admin: Admin) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        raw(admin, "CreateTask", b"\xff" * 15 * MEBIBYTE)


def test_every_rpc_of_flyte_is_answered_or_refused_with_a_reason() -> None:
    for service in services.SERVICES:
        named = {method.name for method in service.descriptor.methods}
        assert service.behaviours.keys() | service.refusals.keys() == named


def test_events_are_refused_because_the_engine_writes_them(admin: Admin) -> None:
    with refused(grpc.StatusCode.UNIMPLEMENTED, "CreateWorkflowEvent", "engine"):
        admin.admin.CreateWorkflowEvent(event_pb2.WorkflowExecutionEventRequest())


def test_authentication_is_not_offered(admin: Admin) -> None:
    stub = auth_pb2_grpc.AuthMetadataServiceStub(admin.channel)
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        stub.GetPublicClientConfig(auth_pb2.PublicClientAuthConfigRequest())


def test_a_defect_is_internal_with_a_reference_to_the_log(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Database, "reading", lambda self: 1 / 0)
    with caplog.at_level(logging.ERROR), refused(grpc.StatusCode.INTERNAL, "reference") as refusal:
        admin.admin.ListProjects(project_pb2.ProjectListRequest())
    assert "ZeroDivisionError" not in refusal.message
    (record,) = [record for record in caplog.records if "ListProjects" in record.getMessage()]
    reference = record.getMessage().split("reference ")[1].rstrip(")")
    assert reference in refusal.message
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_is_down_makes_services_unavailable(objects: DirectoryObjectStore) -> None:
    url = f"postgresql://postgres@127.0.0.1:{servers.free_port()}/none"
    database = Database(DatabaseSettings(url))
    for admin in serve(AdminContext(database, objects, presigner(), SETTINGS)):
        with refused(grpc.StatusCode.UNAVAILABLE):
            admin.admin.ListProjects(project_pb2.ProjectListRequest())
    database.close()


def test_health_is_told_for_the_server_and_each_service(admin: Admin) -> None:
    stub = health_pb2_grpc.HealthStub(admin.channel)
    for name in ("", "flyteadmin", SERVICE, "flyteidl.service.DataProxyService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with refused(grpc.StatusCode.NOT_FOUND):
        stub.Check(health_pb2.HealthCheckRequest(service="unheard.of"))


def test_health_names_what_is_wrong_and_tells_those_who_watch(
    database: Database, objects: DirectoryObjectStore
) -> None:
    troubles: list[tuple[str, ...]] = [()]
    context = AdminContext(database, objects, presigner(), SETTINGS, troubles=lambda: troubles[0])
    for admin in serve(context):
        stub = health_pb2_grpc.HealthStub(admin.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        troubles[0] = ("The database sulks.", "So does the engine – a bit.")
        admin.health.refresh()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        answer, call = stub.Check.with_call(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert ("reason", "The database sulks. So does the engine ? a bit.") in call.trailing_metadata()
        with refused(grpc.StatusCode.NOT_FOUND):
            stub.Check(health_pb2.HealthCheckRequest(service="unheard.of"))


def test_reflection_lists_the_services_and_describes_them(admin: Admin) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(admin.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
    ]
    listed, described = stub.ServerReflectionInfo(iter(asked))
    names = {service.name for service in listed.list_services_response.service}
    assert {SERVICE, "flyteidl.service.SignalService", "grpc.health.v1.Health"} <= names
    (first, *_) = described.file_descriptor_response.file_descriptor_proto
    assert FileDescriptorProto.FromString(first).name == "flyteidl/service/admin.proto"


def test_a_long_refusal_still_fits_into_the_trailers(admin: Admin) -> None:
    admin.admin.CreateTask(builders.task())
    nodes = [
        builders.node(f"n{index}", builders.task_id(), builders.promise("x", "gone", "ö" * 50))
        for index in range(200)
    ]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "cut: the message was too long"):
        admin.admin.CreateWorkflow(builders.workflow(nodes=nodes))


def test_many_clients_at_once_get_their_own_answers(admin: Admin) -> None:
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateWorkflow(builders.workflow())
    admin.admin.CreateLaunchPlan(builders.launch_plan())
    names: list[str] = []

    def create() -> None:
        for _ in range(5):
            names.append(admin.admin.CreateExecution(builders.execution()).id.name)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 40


def test_a_lone_task_executed_by_many_at_once_is_generated_once(admin: Admin) -> None:
    admin.admin.CreateTask(builders.task())
    request = builders.execution(launch=builders.task_id())
    calls = [admin.admin.CreateExecution.future(request) for _ in range(8)]
    assert len({call.result().id.name for call in calls}) == 8
