"""What follows from what happens to an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind, TaskRequest
from sandbox.executors.kubernetes.board import Board
from sandbox.executors.kubernetes.records import Failed, Full, Job, Later
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId
from tests.unit.executors.kubernetes import requests
from tests.unit.executors.kubernetes.world import POD, World

SETTINGS = KubernetesSettings(logs_prefix="s3://logs", log_url_prefix="http://logs")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUOTA = "waits for room in the quota"


def request(number: int = 0, timeout: timedelta | None = None) -> TaskRequest:
    key = AttemptKey(ExecutionId("p", "d", "e"), UniqueNodeId(f"n{number}"), 0)
    return requests.of(requests.container(), key=key, unique_name=f"e-n{number}-0", timeout=timeout)


def world(**changes: object) -> World:
    return World(replace(SETTINGS, **changes), NOW)  # type: ignore[arg-type]


def phases(place: World) -> list[str]:
    return [update.phase.value for update in place.told]


def jobs(place: World) -> list[Job]:
    return [order.job for order in place.orders]


def started(place: World, wanted: TaskRequest | None = None, *, runs: bool = True) -> str:
    """A pod that was created and, perhaps, runs; its name."""
    wanted = wanted or request()
    place.start(wanted)
    place.work(0, "good")
    if runs:
        place.run(wanted.unique_name, 0)
    while place.sights:
        place.see()
    return wanted.unique_name


def test_an_attempt_from_its_start_to_the_deletion_of_its_pod() -> None:
    place = world()
    name = started(place)
    place.run(name, 0)
    place.see()
    assert phases(place) == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert place.told[-1].logs[0].uri == "http://logs/p/d/e/n0/0"
    assert jobs(place) == [Job.KEEP_LOG]
    place.work(0, "good")
    assert jobs(place) == [Job.RELEASE]
    place.work(0, "good")
    place.see()
    assert place.board.remembered() == []
    assert name in place.pods
    place.now += SETTINGS.keep_finished
    place.board.due(place.now)
    place.take()
    assert jobs(place) == [Job.DELETE]


def test_to_start_twice_is_to_be_told_again() -> None:
    place = world()
    started(place)
    place.start(request())
    assert phases(place) == ["QUEUED", "RUNNING", "RUNNING"]
    assert place.created == ["e-n0-0"]


def test_a_pod_that_others_delete_is_a_system_error() -> None:
    place = world()
    place.delete(started(place))
    place.see()
    (update,) = [update for update in place.told if update.phase is AttemptPhase.FAILED]
    assert update.error is not None
    assert (update.error.code, update.error.kind) == ("ResourceDeletedExternally", ErrorKind.SYSTEM)


def test_an_aborted_pod_is_deleted_and_its_log_kept_before() -> None:
    place = world()
    started(place)
    place.abort(request().key)
    place.work(0, "good")
    assert phases(place)[-1] == "RUNNING"
    place.work(0, "good")
    assert phases(place)[-1] == "ABORTED"
    assert place.pods["e-n0-0"]["metadata"]["deletionTimestamp"]


def test_what_is_over_is_not_aborted_any_more() -> None:
    place = world()
    name = started(place)
    place.run(name, 3)
    place.see()
    place.board.abort(request().key, "late", place.now)
    place.take()
    assert phases(place) == ["QUEUED", "RUNNING", "FAILED", "FAILED"]


def test_who_waits_to_be_created_is_aborted_at_once() -> None:
    place = world()
    place.start(request())
    place.abort(request().key)
    place.board.finished(place.orders.pop(), Later("busy"), place.now)
    place.take()
    assert phases(place) == ["ABORTED"]
    assert place.orders == []


def test_if_the_answer_to_a_creation_is_lost_an_abort_deletes_what_may_be_there() -> None:
    place = world()
    place.start(request())
    place.abort(request().key)
    place.work(0, "lost")
    assert phases(place) == []
    assert jobs(place) == [Job.DELETE]
    place.work(0, "good")
    assert phases(place) == ["ABORTED"]
    place.settle()


def test_an_attempt_that_takes_too_long_fails_and_its_pod_is_deleted() -> None:
    place = world()
    started(place, request(timeout=timedelta(seconds=10)))
    assert place.board.next_alarm() == NOW + timedelta(seconds=10)
    place.now += timedelta(seconds=10)
    place.board.due(place.now)
    place.take()
    error = place.told[-1].error
    assert error is not None
    assert (error.code, error.kind) == ("TimeoutExpired", ErrorKind.USER)
    place.work(0, "good")
    assert jobs(place) == [Job.DELETE]


def test_a_pod_that_no_node_takes_may_have_waited_long_enough() -> None:
    place = world(pending_timeout=timedelta(minutes=1))
    name = started(place, runs=False)
    place.pods[name]["metadata"]["creationTimestamp"] = "2026-01-01T12:00:00Z"
    place.changed(name)
    place.see()
    place.now += timedelta(minutes=1)
    place.board.due(place.now)
    place.take()
    assert place.told[-1].error is not None
    assert place.told[-1].error.code == "PodPendingTimeout"


def test_who_finds_the_quota_full_waits_until_something_ends_there() -> None:
    place = world()
    running = started(place, request(0))
    for number in (1, 2):
        place.start(request(number))
    place.board.finished(place.orders.pop(0), Full(QUOTA), place.now)
    place.board.finished(place.orders.pop(0), Full(QUOTA), place.now)
    place.start(request(3))
    place.take()
    assert place.orders == []
    assert [update.reason for update in place.told[2:4]] == [QUOTA, QUOTA]
    assert place.told[-1].phase is AttemptPhase.QUEUED
    place.run(running, 0)
    place.see()
    creations = [order.key.node for order in place.orders if order.job is Job.CREATE]
    assert creations == ["n1"]
    place.settle()
    assert sorted(place.created) == ["e-n0-0", "e-n1-0", "e-n2-0", "e-n3-0"]


def test_a_full_quota_is_looked_at_again_even_if_nothing_ends() -> None:
    place = world()
    place.start(request())
    place.board.finished(place.orders.pop(), Full(QUOTA), place.now)
    place.take()
    for _ in range(10):
        alarm = place.board.next_alarm()
        assert alarm is not None
        assert timedelta(0) < alarm - place.now <= SETTINGS.quota_retry
        place.now = alarm
        place.board.due(place.now)
        place.take()
        assert jobs(place) == [Job.CREATE]
        place.board.finished(place.orders.pop(), Full(QUOTA), place.now)
    assert place.board.next_alarm() == place.now + SETTINGS.quota_retry


def test_who_waits_for_quota_and_is_aborted_lets_the_next_one_try() -> None:
    place = world()
    for number in (0, 1):
        place.start(request(number))
    place.board.finished(place.orders.pop(0), Full(QUOTA), place.now)
    place.board.finished(place.orders.pop(0), Full(QUOTA), place.now)
    place.now += SETTINGS.quota_retry
    place.board.due(place.now)
    place.take()
    place.abort(request(0).key)
    place.board.finished(place.orders.pop(), Later("busy"), place.now)
    place.take()
    assert phases(place)[-1] == "ABORTED"
    assert [(order.job, order.key.node) for order in place.orders] == [(Job.CREATE, "n1")]


def test_creation_is_given_up_after_some_time_and_what_may_be_there_is_deleted() -> None:
    place = world(create_patience=timedelta(minutes=1))
    place.start(request())
    while AttemptPhase.FAILED not in {update.phase for update in place.told}:
        place.board.finished(place.orders.pop(), Later("no answer", doubtful=True), place.now)
        place.now += timedelta(seconds=15)
        place.board.due(place.now)
        place.take()
    error = place.told[-1].error
    assert error is not None
    assert (error.kind, error.recoverable, error.message) == (ErrorKind.SYSTEM, True, "no answer")
    assert jobs(place) == [Job.DELETE]


def test_what_is_refused_is_told_with_its_reason() -> None:
    place = world()
    place.start(request())
    order = place.orders.pop()
    refused = AttemptError("BadTaskFormat", "no", ErrorKind.USER, recoverable=False)
    place.board.finished(order, Failed(refused), place.now)
    place.take()
    assert place.told[-1].error == refused
    place.settle()


def test_a_pod_is_found_again_after_a_restart_and_its_end_is_told() -> None:
    place = world()
    name = started(place)
    place.run(name, 0)
    place.crash()
    assert phases(place)[-1] == "SUCCEEDED"
    place.settle()
    assert place.created == [name]


def test_an_abort_before_the_first_list_waits_for_what_is_found() -> None:
    place = world()
    started(place)
    place.board = Board(SETTINGS, (POD,), lambda _: POD)
    place.board.abort(request().key, "enough", place.now)
    place.take()
    assert phases(place)[-1] == "RUNNING"
    place.list()
    assert jobs(place) == [Job.KEEP_LOG]


def test_an_abort_of_what_does_not_exist_is_done() -> None:
    place = world()
    place.wanted[request().key] = request()
    place.abort(request().key)
    assert phases(place) == ["ABORTED"]


def test_what_vanished_unseen_is_missed_by_the_next_list() -> None:
    place = world()
    name = started(place)
    del place.pods[name]
    place.list()
    assert place.told[-1].error is not None
    assert place.told[-1].error.code == "ResourceDeletedExternally"


def test_what_was_created_while_the_list_was_made_is_not_missed() -> None:
    place = world()
    place.board.listing(POD)
    started(place)
    place.board.listed(POD, set(), place.now)
    place.take()
    assert phases(place)[-1] == "RUNNING"


def test_a_log_that_cannot_be_kept_does_not_hold_up_an_abort_for_long() -> None:
    place = world()
    started(place)
    place.abort(request().key)
    for _ in range(3):
        assert jobs(place) == [Job.KEEP_LOG]
        place.board.finished(place.orders.pop(), Later("no store"), place.now)
        place.now += timedelta(seconds=20)
        place.board.due(place.now)
        place.take()
    assert jobs(place) == [Job.DELETE]


steps = st.one_of(
    st.tuples(st.just("start"), st.integers(0, 2)),
    st.tuples(st.just("abort"), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.integers(0, 2)),
    st.tuples(st.just("run"), st.integers(0, 2)),
    st.tuples(st.just("fail"), st.integers(0, 2)),
    st.tuples(st.just("see"), st.just(0)),
    st.tuples(st.just("good"), st.integers(0, 3)),
    st.tuples(st.just("lost"), st.integers(0, 3)),
    st.tuples(st.just("busy"), st.integers(0, 3)),
    st.tuples(st.just("list"), st.just(0)),
    st.tuples(st.just("crash"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)


@given(st.lists(steps, min_size=10, max_size=60))
@settings(max_examples=100, deadline=None)
def test_whatever_happens_every_attempt_runs_at_most_once_ends_and_leaves_nothing(
    story: list[tuple[str, int]],
) -> None:
    place = world()
    for word, number in story:
        name = f"e-n{number}-0"
        match word:
            case "start":
                if request(number).key not in place.wanted:
                    place.start(request(number))
            case "abort":
                if request(number).key in place.wanted:
                    place.abort(request(number).key)
            case "delete":
                place.delete(name)
            case "run" | "fail":
                place.run(name, 1 if word == "fail" else 0)
            case "see":
                place.see()
            case "list":
                place.sights.clear()
                place.list()
            case "crash":
                place.crash()
            case "wait":
                place.now += timedelta(seconds=number)
                place.board.due(place.now)
                place.take()
            case _:
                place.work(number, word)
    place.settle()
    assert len(place.created) == len(set(place.created))
    for key, end in place.ends.items():
        # Whoever is told something after the end is told the same.
        later = {update.phase for update in place.told if update.key == key and update.phase.is_terminal}
        assert end.phase in later


def test_a_pod_that_another_control_plane_released_is_dropped() -> None:
    place = world()
    name = started(place)
    metadata = place.pods[name]["metadata"]
    metadata["annotations"]["flyte.org/released"] = NOW.isoformat()
    place.changed(name)
    place.see()
    assert place.board.remembered() == []
    assert place.board.next_alarm() == NOW + SETTINGS.keep_finished
