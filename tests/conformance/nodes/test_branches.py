"""Conditions."""

from __future__ import annotations

import uuid

import pytest
from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fresh_name, launch, recover, run


@cell("branch", "happy")
@pytest.mark.parametrize(("x", "expected", "taken"), [(3, 4, 0), (12, 112, 1)])
def test_one_case_runs_and_the_others_are_skipped(
    backend: Backend, x: int, expected: int, taken: int
) -> None:
    seen = run(backend, "branches.happy", x=x)
    assert seen.output(kind=int) == expected
    branch = seen.node("n0")
    assert (branch.phase, branch.attempts()) == ("SUCCEEDED", [])
    cases = seen.nodes(branch)
    phases = ["SKIPPED", "SKIPPED"]
    phases[taken] = "SUCCEEDED"
    assert [node.phase for node in sorted(cases, key=lambda node: node.spec_id)] == phases
    assert [len(node.attempts()) for node in cases if node.phase == "SUCCEEDED"] == [1]


@cell("branch", "retry")
def test_the_task_of_a_case_is_tried_again(backend: Backend) -> None:
    seen = run(backend, "branches.retry", failures=2)
    assert seen.output(kind=int) == 2
    [taken] = [node for node in seen.nodes(seen.node("n0")) if node.phase != "SKIPPED"]
    assert [one.number for one in taken.attempts()] == [0, 1, 2]


@cell("branch", "fail")
def test_a_condition_without_a_case_fails_with_the_authors_words(backend: Backend) -> None:
    seen = run(backend, "branches.happy", x=-1)
    assert seen.phase == "FAILED"
    for error in (seen.node("n0").error, seen.error):
        assert error.code == "UserProvidedError"
        assert error.kind == core.ExecutionError.USER
        assert "x must be positive" in error.message
    assert {node.phase for node in seen.nodes(seen.node("n0"))} <= {"SKIPPED"}


@cell("branch", "fail")
def test_a_failure_in_a_case_is_the_failure_of_the_branch(backend: Backend) -> None:
    seen = run(backend, "branches.fail", b=0)
    assert seen.phase == "FAILED"
    branch = seen.node("n0")
    assert sorted(node.phase for node in seen.nodes(branch)) == ["FAILED", "SKIPPED"]
    for error in (branch.error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "ZeroDivisionError" in error.message


@cell("branch", "abort")
def test_an_abort_reaches_the_case_that_runs(backend: Backend) -> None:
    seen = launch(backend, "branches.abort").when_running("n0", "n0-n0").aborted("enough")
    assert seen.phase == "ABORTED"
    assert seen.node("n0").phase == "ABORTED"
    assert seen.node("n0", "n0-n0").phase == "ABORTED"
    assert [one.phase for one in seen.node("n0", "n0-n0").attempts()] == ["ABORTED"]


@cell("branch", "recover")
def test_a_recovery_goes_on_in_the_case_that_failed(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "branches.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    assert seen.output(kind=str) == seen.name
    assert (seen.node("n0").phase, seen.node("n0").attempts()) == ("RECOVERED", [])
    assert sorted(node.phase for node in seen.nodes(seen.node("n1"))) == ["SKIPPED", "SUCCEEDED"]


@cell("branch", "recover")
def test_a_recovery_reaches_through_conditions_and_what_is_in_their_cases(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "branches.deep", name=doomed, doomed=doomed, x=3)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    assert seen.output("o0", kind=str).startswith(doomed)
    assert seen.output("o1", kind=str) == seen.name
    ran = [node for node in seen.tree() if node.attempts()]
    assert [node.phase for node in ran] == ["SUCCEEDED"]


@cell("branch", "cache")
def test_the_task_of_a_case_is_cached(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "branches.cache", key=key) for _ in range(2))
    assert first.output(kind=str) == second.output(kind=str)
    taken = [next(n for n in s.nodes(s.node("n0")) if n.phase == "SUCCEEDED") for s in (first, second)]
    assert [node.cache_status for node in taken] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [len(node.attempts()) for node in taken] == [1, 0]
