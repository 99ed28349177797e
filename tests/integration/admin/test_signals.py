"""Signals, as a person gives them to an execution that waits."""

from __future__ import annotations

import grpc
import pytest
from flyteidl.admin import signal_pb2
from flyteidl.core import identifier_pb2, types_pb2

from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.refusals import refused


@pytest.fixture(autouse=True)
def run(admin: Admin) -> None:
    """An execution that waits for an integer under the name `go`."""
    admin.admin.CreateTask(builders.task())
    admin.admin.CreateExecution(builders.execution("mine", launch=builders.task_id()))
    admin.signals.GetOrCreateSignal(
        signal_pb2.SignalGetOrCreateRequest(id=signal_id(), type=builders.INTEGER)
    )


def signal_id(name: str = "go") -> identifier_pb2.SignalIdentifier:
    return identifier_pb2.SignalIdentifier(signal_id=name, execution_id=builders.execution_id("mine"))


def listed(admin: Admin) -> list[signal_pb2.Signal]:
    request = signal_pb2.SignalListRequest(workflow_execution_id=builders.execution_id("mine"), limit=10)
    return list(admin.signals.ListSignals(request).signals)


def test_a_signal_is_listed_and_then_given(admin: Admin) -> None:
    (waiting,) = listed(admin)
    assert waiting.type == types_pb2.LiteralType(simple=types_pb2.INTEGER)
    assert not waiting.HasField("value")
    admin.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal_id(), value=builders.integer(3)))
    (given,) = listed(admin)
    assert given.value == builders.integer(3)


def test_a_signal_of_another_type_or_another_name_is_refused(admin: Admin) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "go", "integer", "string"):
        admin.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal_id(), value=builders.string("x")))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "stop", "waits"):
        admin.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal_id("stop"), value=builders.integer(1)))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "missing value"):
        admin.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal_id()))


def test_a_signal_can_be_given_again_and_the_last_value_is_shown(admin: Admin) -> None:
    for value in (3, 3, 4):
        admin.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal_id(), value=builders.integer(value)))
    assert [signal.value for signal in listed(admin)] == [builders.integer(4)]
