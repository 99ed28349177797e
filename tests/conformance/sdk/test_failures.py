"""How a task may end badly: code, kind, message and number of attempts, as the user sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import case
from tests.conformance.seen import run

Error = core.ExecutionError


@case()
@pytest.mark.parametrize(
    ("how", "code", "attempts", "words"),
    [
        ("value", "USER:RuntimeError", 1, ["Traceback", "failures.py", "ValueError: a value"]),
        ("recoverable", "RetriesExhausted|USER:Recoverable", 2, ["[2/2] currentAttempt done", "once more"]),
        ("system", "USER:NonRecoverableSystemError", 1, ["inner"]),
        (
            "caused",
            "USER:RuntimeError",
            1,
            ["ZeroDivisionError", "direct cause", "ValueError: the outer one"],
        ),
        ("recursion", "USER:RuntimeError", 1, ["RecursionError"]),
        ("unpicklable", "USER:RuntimeError", 1, ["Unpicklable: odd"]),
        ("bytes", "USER:RuntimeError", 1, ["ValueError: after the bytes"]),
        (
            "gigantic",
            "USER:RuntimeError",
            1,
            ["begin x x", "characters of the message are left out", "x end"],
        ),
        ("surrogate", "RetriesExhausted|Error", 2, ["exit code 1", "surrogates not allowed"]),
        ("interrupt", "RetriesExhausted|Error", 2, ["exit code 1"]),
        ("exit 3", "RetriesExhausted|Error", 2, ["exit code 3"]),
        ("exit text", "RetriesExhausted|Error", 2, ["exit code 1", "with words"]),
        ("os exit 7", "RetriesExhausted|Error", 2, ["exit code 7"]),
        ("segfault", "RetriesExhausted|Error", 2, ["SIGSEGV"]),
        # As process 1 of a container it can't be aborted: the C library ends it by a bad access instead.
        ("abort", "RetriesExhausted|Error", 2, ["SIGABRT or SIGSEGV"]),
    ],
)
def test_a_users_failure_is_told_as_it_was(
    backend: Backend, how: str, code: str, attempts: int, words: list[str]
) -> None:
    seen = run(backend, "failures.ending", how=how)
    assert seen.phase == "FAILED"
    node = seen.node("n0")
    assert len(node.attempts()) == attempts
    for error in (seen.error, node.error):
        assert (error.code, error.kind) == (code, Error.USER)
        for word in words:
            assert any(one in error.message for one in word.split(" or "))
    assert {attempt.phase for attempt in node.attempts()} == {"FAILED"}


@case()
@pytest.mark.parametrize("how", ["exit 0", "os exit 0"])
def test_a_task_that_ends_well_without_outputs_is_tried_again_and_fails(backend: Backend, how: str) -> None:
    seen = run(backend, "failures.ending", how=how)
    assert (seen.phase, seen.error.code) == ("FAILED", "RetriesExhausted|OutputsNotFound")
    kinds = {attempt.error.kind for attempt in seen.node("n0").attempts()}
    assert kinds == {Error.SYSTEM}


@case()
def test_a_value_of_the_wrong_type_is_told(backend: Backend) -> None:
    seen = run(backend, "failures.ending", how="none")
    assert seen.phase == "FAILED"
    assert "Failed to convert outputs of task 'projects.failures.end'" in seen.error.message


@case()
def test_a_failed_task_keeps_its_deck(backend: Backend) -> None:
    seen = run(backend, "failures.showing", b=0)
    [attempt] = seen.node("n0").attempts()
    assert attempt.phase == "FAILED"
    assert seen.node("n0").proto.closure.deck_uri.endswith("deck.html")


@case()
@pytest.mark.parametrize(("mib", "expected"), [(9, 9 * 1024 * 1024), (11, None)])
def test_outputs_have_a_limit(backend: Backend, mib: int, expected: Any) -> None:
    seen = run(backend, "failures.larger", mib=mib)
    if expected is not None:
        assert seen.output(kind=int) == expected
        return
    assert (seen.phase, seen.error.code) == ("FAILED", "OutputSizeExceeded")
    assert "the limit is 10485760" in seen.error.message
    assert len(seen.node("n0").attempts()) == 1
