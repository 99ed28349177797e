"""Errors that tasks write down: which one counts, and how much of it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flyteidl.core import errors_pb2, execution_pb2
from google.protobuf import timestamp_pb2

from sandbox.executors.api import (
    PROCESS_FAILED,
    AttemptError,
    AttemptPhase,
    AttemptUpdate,
    ErrorKind,
    TaskRequest,
)
from sandbox.propeller.error_documents import MAX_MESSAGE
from tests.integration.propeller.house import House
from tests.integration.propeller.test_running import error_of
from tests.unit.propeller.building import run, task, workflow

PYTHON = task("python", type="python-task")
TORCH = task("torch", type="pytorch")
ENDED_WELL = AttemptPhase.SUCCEEDED


def document(said: str, *, at: int | None = None, worker: str = "") -> bytes:
    """What the SDK writes for a user's error; `at` in seconds."""
    told = errors_pb2.ContainerError(
        code="USER:ValueError",
        message=said,
        kind=errors_pb2.ContainerError.NON_RECOVERABLE,
        origin=execution_pb2.ExecutionError.USER,
        timestamp=None if at is None else timestamp_pb2.Timestamp(seconds=at),
        worker=worker,
    )
    return errors_pb2.ErrorDocument(error=told).SerializeToString()


def outcome(
    house: House,
    files: dict[str, bytes],
    template: object = PYTHON,
    error: AttemptError | None = None,
) -> execution_pb2.ExecutionError:
    """The execution's error, after an attempt that wrote these files."""

    def behave(request: TaskRequest) -> AttemptUpdate:
        for name, data in files.items():
            house.objects.put(f"{request.output_prefix}/{name}", data)
        phase = ENDED_WELL if error is None else AttemptPhase.FAILED
        return AttemptUpdate(request.key, phase, datetime.now(UTC), error=error)

    house.scripted.behave = behave
    row = house.register(workflow("w", [run("n0", template=template)], "n0"), [template])
    with house.engine():
        ended = house.wait(house.launch(row))
    assert ended.phase == "FAILED"
    return error_of(ended)


def test_the_earliest_error_of_a_distributed_tasks_workers_is_the_one(house: House) -> None:
    files = {
        "error-aa.pb": document("lost its peer", at=20, worker="worker-0"),
        "error-bb.pb": document("out of range", at=10, worker="worker-1"),
        "error-cc.pb": document("does not say when"),
    }
    error = outcome(house, files, TORCH)
    assert (error.code, error.message) == ("USER:ValueError", "worker worker-1: out of range")


def test_a_process_that_failed_by_itself_may_have_written_down_why(house: House) -> None:
    exited = AttemptError(PROCESS_FAILED, "exit code 1", ErrorKind.USER, recoverable=True)
    error = outcome(house, {"error.pb": document("x is odd")}, error=exited)
    assert (error.code, error.message) == ("USER:ValueError", "x is odd")


def test_what_ended_the_process_counts_before_what_it_wrote(house: House) -> None:
    killed = AttemptError("TimeoutExpired", "too late", ErrorKind.USER, recoverable=False)
    error = outcome(house, {"error.pb": document("interrupted")}, error=killed)
    assert error.code == "TimeoutExpired"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe no protobuf"])
def test_a_document_without_an_error_is_a_fault_of_the_system(house: House, data: bytes) -> None:
    error = outcome(house, {"error.pb": data})
    assert error.code == "RetriesExhausted|ErrorFileBadFormat"


def test_a_gigantic_message_is_kept_by_its_ends(house: House) -> None:
    said = "begin " + "x" * 8_000_000 + " the end"
    error = outcome(house, {"error.pb": document(said)})
    assert error.message.startswith("begin xxx")
    assert error.message.endswith("xxx the end")
    assert "characters of the message are left out" in error.message
    assert len(error.message) < MAX_MESSAGE + 200
