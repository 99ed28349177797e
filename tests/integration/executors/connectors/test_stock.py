"""The connector executor and flytekit's own server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flyteidl.core import tasks_pb2

from sandbox.executors.agent.notes import Note
from sandbox.executors.agent.stock import SERVE
from sandbox.executors.api import AttemptPhase, ErrorKind, LogLink
from tests.integration.executors.connectors.desk import Desk
from tests.waiting import eventually


def test_a_job_is_created_followed_and_its_outputs_are_written(desk: Desk) -> None:
    request = desk.job("at once")
    end = desk.run(request)
    assert end.phase is AttemptPhase.SUCCEEDED
    assert desk.outputs(request) == {"y": 42}
    assert end.logs == (LogLink("Job page", "https://jobs.example/21"),)
    assert end.custom_info == {"job": "n0 0", "x": 21.0}
    assert desk.journal() == ["created n0 0"]
    desk.executor.forget(request.key)
    eventually(lambda: not desk.notes())


def test_a_job_under_way_is_told_of_once(desk: Desk, tmp_path: Path) -> None:
    request = desk.job("wait")
    desk.executor.start(request)
    running = desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    assert running.reason == "step 1 of 2"
    assert running.custom_info == {"job": "n0 0", "x": 21.0}
    (tmp_path / "done").touch()
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert desk.inbox.of(request.key) == [AttemptPhase.RUNNING, AttemptPhase.SUCCEEDED]


def test_a_restarted_control_plane_goes_on_with_the_job_and_creates_no_second_one(
    desk: Desk, tmp_path: Path
) -> None:
    request = desk.job("wait")
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    desk.restart()
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    (tmp_path / "done").touch()
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert desk.journal() == ["created n0 0"]


def test_an_end_that_was_noted_is_told_again_without_the_connector(desk: Desk) -> None:
    request = desk.job("fail")
    first = desk.run(request)
    desk.restart(endpoints=())
    assert desk.run(request) == first
    assert desk.journal() == ["created n0 0"]


def test_an_answer_that_nobody_took_down_is_a_system_failure_and_not_asked_for_again(desk: Desk) -> None:
    request = desk.job("at once")
    asked = Note(desk.settings.endpoints[0], "test-job", 0, False, created_at=1.0)
    desk.executor._notes.write(request.key, asked)
    end = desk.run(request)
    assert end.error is not None
    assert (end.error.code, end.error.kind, end.error.recoverable) == (
        "ConnectorAnswerLost",
        ErrorKind.SYSTEM,
        True,
    )
    assert desk.journal() == []


def test_an_aborted_attempt_deletes_its_job_once(desk: Desk) -> None:
    request = desk.job("wait")
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    desk.executor.abort(request.key, "enough")
    desk.executor.abort(request.key, "enough")
    end = desk.inbox.wait_for(request.key)
    assert (end.phase, end.reason) == (AttemptPhase.ABORTED, "enough")
    assert desk.journal() == ["created n0 0", "deleted n0 0"]


def test_an_abort_after_a_restart_deletes_the_job(desk: Desk) -> None:
    request = desk.job("wait")
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    desk.restart()
    desk.executor.start(request)
    desk.executor.abort(request.key, "enough")
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    assert desk.journal() == ["created n0 0", "deleted n0 0"]


def test_a_timeout_deletes_the_job(desk: Desk) -> None:
    end = desk.run(desk.job("wait", timeout=0.5))
    assert end.error is not None
    assert (end.error.code, end.error.kind, end.error.recoverable) == ("TimeoutExpired", ErrorKind.USER, True)
    assert desk.journal() == ["created n0 0", "deleted n0 0"]


def test_failures_are_the_users_and_only_some_may_be_tried_again(desk: Desk) -> None:
    permanent = desk.run(desk.job("fail", node="n0")).error
    assert permanent is not None
    assert (permanent.kind, permanent.recoverable) == (ErrorKind.USER, False)
    assert permanent.message == "failed to run the job: the job broke"
    retryable = desk.run(desk.job("fail once", node="n1")).error
    assert retryable is not None
    assert (retryable.kind, retryable.recoverable) == (ErrorKind.USER, True)
    raised = desk.run(desk.job("refuse to begin", node="n2")).error
    assert raised is not None
    assert (raised.kind, raised.recoverable) == (ErrorKind.USER, True)
    assert "ValueError: no job for 21" in raised.message


def test_a_connector_that_keeps_raising_is_given_up_and_its_job_deleted(desk: Desk) -> None:
    end = desk.run(desk.job("raise"))
    assert end.error is not None
    assert "ValueError: who is n0 0?" in end.error.message
    assert desk.journal() == ["created n0 0", "deleted n0 0"]


def test_a_synchronous_connector_answers_within_the_call(desk: Desk) -> None:
    template = tasks_pb2.TaskTemplate()
    template.custom.update({"greeting": "good day"})
    request = desk.request("test-call", outputs=("o0",), template=template, x=7)
    end = desk.run(request)
    assert end.phase is AttemptPhase.SUCCEEDED
    assert desk.outputs(request) == {"o0": "good day 7"}
    assert end.custom_info == {"length": 10.0}
    failed = desk.run(desk.request("test-call", outputs=("o0",), node="n1", template=template, x=-7))
    assert failed.error is not None
    assert failed.error.message == "failed to run the job: -7 is negative"


def test_a_type_that_nobody_serves_is_a_permanent_error_that_says_what_to_do(desk: Desk) -> None:
    error = desk.run(desk.request("airflow")).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("NoConnector", ErrorKind.USER, False)
    assert "'airflow'" in error.message
    assert "test-call, test-job" in error.message
    assert "--connector" in error.message


def test_a_container_of_a_type_that_nobody_serves_runs_as_a_container(desk: Desk) -> None:
    template = tasks_pb2.TaskTemplate(container=tasks_pb2.Container(image="image"))
    odd, plain = desk.request("spark", template=template), desk.request("python-task", node="n1")
    desk.executor.start(odd)
    desk.executor.start(plain)
    eventually(lambda: sorted(desk.behind.started) == [odd.key, plain.key])
    desk.executor.abort(odd.key, "enough")
    desk.executor.forget(odd.key)
    assert desk.behind.aborted == desk.behind.forgotten == [odd.key]


def test_what_the_executor_behind_has_begun_is_not_begun_at_a_connector(desk: Desk) -> None:
    template = tasks_pb2.TaskTemplate(container=tasks_pb2.Container(image="image"))
    request = desk.request("test-job", template=template, folder=str(desk.folder), x=1, how="wait")
    desk.behind.known.add(request.key)
    desk.executor.start(request)
    eventually(lambda: desk.behind.started == [request.key])
    assert desk.journal() == []


def test_an_environment_without_flytekit_is_told_apart() -> None:
    bare = subprocess.run(
        [sys.executable, "-S", str(SERVE), "1"], capture_output=True, text=True, check=False
    )
    assert bare.returncode == 3
    assert "can't serve connectors" in bare.stderr
