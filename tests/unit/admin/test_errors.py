"""Failures become gRPC statuses."""

from __future__ import annotations

import inspect
import logging

import grpc
import pytest
from flyteidl.admin import project_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]

from sandbox.admin import errors
from sandbox.compiler.errors import CompilationFailed, InputsRejected
from sandbox.store import errors as store_errors


def store_error_classes() -> list[type[store_errors.StoreError]]:
    found = [each for _, each in inspect.getmembers(store_errors, inspect.isclass)]
    kinds = [each for each in found if issubclass(each, store_errors.StoreError)]
    return [each for each in kinds if each is not store_errors.StoreError]


@pytest.mark.parametrize("kind", store_error_classes())
def test_every_error_of_the_store_has_a_code(kind: type[store_errors.StoreError]) -> None:
    status = errors.status_of(kind("no luck"), method="GetTask")
    assert status.code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
    assert status.message == "no luck"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.EntityNotFound("x"), grpc.StatusCode.NOT_FOUND),
        (errors.AlreadyRegistered("x"), grpc.StatusCode.ALREADY_EXISTS),
        (errors.WrongState("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.NotOffered("x"), grpc.StatusCode.UNIMPLEMENTED),
        (InputsRejected(["x"]), grpc.StatusCode.INVALID_ARGUMENT),
        (CompilationFailed([]), grpc.StatusCode.INVALID_ARGUMENT),
        (store_errors.ObjectNotFound("x"), grpc.StatusCode.NOT_FOUND),
        (store_errors.DatabaseUnavailable("x"), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_an_error_has_the_code_that_flyte_gives_it(error: Exception, code: grpc.StatusCode) -> None:
    assert errors.status_of(error, method="GetTask").code == code


def test_a_defect_is_internal_and_its_traceback_is_logged_under_the_reference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        try:
            {}["secret"]
        except KeyError as error:
            status = errors.status_of(error, method="GetTask")
    assert status.code == grpc.StatusCode.INTERNAL
    assert "secret" not in status.message
    assert "KeyError: 'secret'" in caplog.text
    assert caplog.records[0].getMessage().split("reference ")[1].rstrip(")") in status.message


def test_a_detail_travels_in_the_trailers() -> None:
    error = errors.InvalidRequest("no", project_pb2.InactiveProject(id="mine"))
    ((name, packed),) = errors.status_of(error, method="GetTask").trailer()
    status = status_pb2.Status.FromString(packed)
    inactive = project_pb2.InactiveProject()
    assert (name, status.code, status.message) == ("grpc-status-details-bin", 3, "no")
    assert status.details[0].Unpack(inactive)
    assert inactive.id == "mine"


@pytest.mark.parametrize("text", ["x" * 10_000, "ö" * 10_000, "x" * (errors.MAX_MESSAGE_BYTES + 1)])
def test_long_messages_are_cut_to_what_trailers_carry(text: str) -> None:
    cut = errors.cut(text)
    assert len(cut.encode()) <= errors.MAX_MESSAGE_BYTES
    assert cut.endswith("(cut: the message was too long)")


def test_a_message_that_fits_is_left_as_it_is() -> None:
    text = "x" * errors.MAX_MESSAGE_BYTES
    assert errors.cut(text) == text
