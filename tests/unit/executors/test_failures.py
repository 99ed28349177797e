"""Ends of processes mean to Flyte what ends of pods mean."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.process import failures
from sandbox.executors.process.runner.records import Result


def result(outcome: str = "exited", exit_code: int | None = None, signal: int | None = None) -> Result:
    return Result(outcome, exit_code, signal, 1.0, 2.0, 312 << 20, "")


@pytest.mark.parametrize(
    ("ended", "code", "kind"),
    [
        (result(exit_code=1), "Error", ErrorKind.USER),
        (result(exit_code=127), "Error", ErrorKind.USER),
        (result(exit_code=137), "Interrupted", ErrorKind.SYSTEM),
        (result(exit_code=247), "Interrupted", ErrorKind.SYSTEM),
        (result(signal=9), "Interrupted", ErrorKind.SYSTEM),
        (result(signal=11), "Error", ErrorKind.USER),
        (result("timeout", signal=15), "TimeoutExpired", ErrorKind.USER),
        (result("memory", signal=9), "OOMKilled", ErrorKind.USER),
        (result("lost"), "RunnerLost", ErrorKind.SYSTEM),
    ],
)
def test_every_failure_may_be_retried_at_somebodys_expense(ended: Result, code: str, kind: ErrorKind) -> None:
    error = failures.error_of(ended, memory_limit=200 << 20, timeout=timedelta(seconds=3), log_tail="tail")
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (code, kind, True)


def test_a_zero_exit_is_a_success_without_an_error() -> None:
    assert failures.phase_of(result(exit_code=0)) is AttemptPhase.SUCCEEDED
    assert failures.error_of(result(exit_code=0), memory_limit=None, timeout=None, log_tail="") is None


def test_an_abort_is_neither_success_nor_failure() -> None:
    assert failures.phase_of(result("aborted", exit_code=0)) is AttemptPhase.ABORTED


def test_running_out_of_memory_says_how_much_of_how_much() -> None:
    error = failures.error_of(result("memory", signal=9), memory_limit=200 << 20, timeout=None, log_tail="")
    assert error is not None
    assert "used 312 MiB of 200 MiB" in error.message


def test_the_last_words_of_a_task_are_in_its_error() -> None:
    error = failures.error_of(result(exit_code=2), memory_limit=None, timeout=None, log_tail="segfault ahead")
    assert error is not None
    assert "segfault ahead" in error.message
