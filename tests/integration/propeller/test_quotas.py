"""Quotas and priorities through the whole engine: who starts, who waits, what people see, what a death
does.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flyteidl.admin import matchable_resource_pb2, task_execution_pb2
from flyteidl.core import execution_pb2
from google.protobuf import duration_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate
from sandbox.idl.identifiers import AttemptKey, ExecutionId
from sandbox.store import attributes, executions
from tests.integration.propeller.house import House
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller.building import array, mapped, run, several, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")
HERE = attributes.Scope("flytesnacks", "development")
CLUSTER = matchable_resource_pb2.CLUSTER_RESOURCE


def set_quota(house: House, **values: str) -> None:
    matching = matchable_resource_pb2.MatchingAttributes(
        cluster_resource_attributes=matchable_resource_pb2.ClusterResourceAttributes(attributes=values)
    )
    with house.database.transaction() as connection:
        if values:
            attributes.put(connection, CLUSTER, HERE, matching.SerializeToString())
        else:
            attributes.delete(connection, CLUSTER, HERE)


def waiting(house: House, launched: list[ExecutionId]) -> list[str]:
    """The reasons of the attempts that wait for resources, as people see them."""
    found = []
    for execution in launched:
        if "n0" not in house.nodes(execution):
            continue
        for attempt in house.attempts(execution, "n0"):
            if attempt.phase == "WAITING_FOR_RESOURCES":
                closure = task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure)
                found.append(closure.reason)
    return found


def end(house: House, key: AttemptKey) -> None:
    house.scripted.end(house.scripted.echo(house.scripted.requests[key]))


def until_started(house: House, count: int) -> None:
    eventually(lambda: len(house.scripted.started) >= count)


def flood(house: House, count: int) -> list[ExecutionId]:
    """Executions of one task each, which run until the test ends them."""
    house.scripted.behave = lambda request: None
    row = house.register(workflow("flood", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    return [house.launch(row) for _ in range(count)]


def test_over_the_quota_attempts_wait_say_why_and_start_as_others_end(house: House) -> None:
    set_quota(house, projectQuotaTasks="2")
    with house.engine():
        launched = flood(house, 5)
        reasons = eventually(lambda: (found := waiting(house, launched)) and len(found) == 3 and found)
        assert all("quota of flytesnacks/development is 2 tasks at once" in reason for reason in reasons)
        started = house.scripted.started
        assert len(started) == 2
        for ended in range(5):
            assert len(started) == min(5, ended + 2)
            end(house, started[ended])
            until_started(house, min(5, ended + 3))
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}
    assert len(started) == 5


def test_a_changed_quota_holds_at_once(house: House) -> None:
    set_quota(house, projectQuotaTasks="0")
    with house.engine(heartbeat_seconds=60):
        launched = flood(house, 4)
        eventually(lambda: len(waiting(house, launched)) == 4)
        assert house.scripted.started == []
        set_quota(house, projectQuotaTasks="1")
        eventually(lambda: len(house.scripted.started) == 1)
        set_quota(house)
        eventually(lambda: len(house.scripted.started) == 4)
        for key in list(house.scripted.started):
            end(house, key)
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}


def test_a_restart_neither_forgets_who_waits_nor_starts_more_than_the_quota(house: House) -> None:
    set_quota(house, projectQuotaTasks="2")
    with dying_engine(house):
        launched = flood(house, 6)
        eventually(lambda: len(waiting(house, launched)) == 4)
        first = set(house.scripted.started)
    with dying_engine(house):
        eventually(lambda: len(house.scripted.forgotten) == 0 and house.scripted.sink is not None)
        end(house, next(iter(first)))
        eventually(lambda: len(house.scripted.started) == 3)
    with house.engine():
        for ended in range(6):
            open_ones = [key for key in house.scripted.started if key not in house.scripted.ends]
            assert len(open_ones) <= 2
            if open_ones:
                end(house, open_ones[0])
            until_started(house, min(6, ended + 2))
        for key in house.scripted.started:
            end(house, key)
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}
    assert len(house.scripted.started) == len(set(house.scripted.started)) == 6


def test_an_engine_that_is_not_to_count_holds_nothing_back(house: House) -> None:
    set_quota(house, projectQuotaTasks="1")
    house.scripted.behave = lambda request: None
    with house.engine(counts_quotas=False):
        launched = flood(house, 3)
        until_started(house, 3)
        assert not waiting(house, launched)
        for key in list(house.scripted.started):
            end(house, key)
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}


def test_an_attempt_that_waits_is_aborted_without_ever_being_started(house: House) -> None:
    set_quota(house, projectQuotaTasks="0")
    with house.engine():
        [execution] = flood(house, 1)
        eventually(lambda: waiting(house, [execution]))
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="me")
        assert house.wait(execution).phase == "ABORTED"
    assert house.scripted.started == house.scripted.aborted == []


def test_elements_of_an_array_share_the_quota(house: House) -> None:
    set_quota(house, projectQuotaTasks="3")
    house.scripted.behave = lambda request: None
    template = mapped(type="python-task")
    row = house.register(
        workflow("mapping", [array("n0", several(range(10)), template), run("n1", 1)], "n1"), [template]
    )
    with house.engine():
        execution = house.launch(row)
        for ended in range(10):
            until_started(house, min(10, ended + 3))
            assert len(house.scripted.started) == min(10, ended + 3)
            end(house, house.scripted.started[ended])
        assert house.wait(execution).phase == "SUCCEEDED"


def test_who_is_urgent_starts_first(house: House) -> None:
    """The request's quality of service: a tier, or a budget of its own."""
    set_quota(house, projectQuotaTasks="1")
    house.scripted.behave = lambda request: None
    row = house.register(workflow("urgent", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    quality = execution_pb2.QualityOfService
    spec = execution_pb2.QualityOfServiceSpec(queueing_budget=duration_pb2.Duration(seconds=1))
    with house.engine():
        first = house.launch(row)
        eventually(lambda: house.scripted.started)
        low = house.launch(row, quality_of_service=quality(tier=quality.LOW))
        usual = house.launch(row)
        high = house.launch(row, quality_of_service=quality(tier=quality.HIGH))
        at_once = house.launch(row, quality_of_service=quality(spec=spec))
        eventually(lambda: len(waiting(house, [low, usual, high, at_once])) == 4)
        for position in range(5):
            until_started(house, position + 1)
            end(house, house.scripted.started[position])
        assert house.wait(low).phase == "SUCCEEDED"
    assert [key.execution for key in house.scripted.started] == [first, at_once, high, usual, low]


def test_a_failed_attempt_gives_its_place_to_the_next(house: House) -> None:
    set_quota(house, projectQuotaTasks="1")
    with house.engine():
        launched = flood(house, 2)
        eventually(lambda: len(waiting(house, launched)) == 1)
        [key] = house.scripted.started
        house.scripted.end(AttemptUpdate(key, AttemptPhase.ABORTED, datetime.now(UTC)))
        eventually(lambda: len(house.scripted.started) >= 2)
        house.scripted.behave = house.scripted.echo
        for other in list(house.scripted.started):
            end(house, other)
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}


def test_what_administrators_set_for_tasks_holds_from_the_next_attempt_on(house: House) -> None:
    def limit_memory(most: str) -> None:
        spec = matchable_resource_pb2.TaskResourceSpec
        said = matchable_resource_pb2.TaskResourceAttributes(
            defaults=spec(cpu="250m"), limits=spec(memory=most)
        )
        matching = matchable_resource_pb2.MatchingAttributes(task_resource_attributes=said)
        with house.database.transaction() as connection:
            kind = matchable_resource_pb2.TASK_RESOURCE
            attributes.put(connection, kind, HERE, matching.SerializeToString())

    greedy = task("python", type="python-task", memory_limit="8Gi")
    row = house.register(workflow("greedy", [run("n0", template=greedy)], "n0"), [greedy])
    with house.engine(heartbeat_seconds=60):
        for most in ("2Gi", "1Gi"):
            limit_memory(most)

            def is_capped(most: str = most) -> bool:
                execution = house.launch(row)
                assert house.wait(execution).phase == "SUCCEEDED"
                request = next(
                    request for key, request in house.scripted.requests.items() if key.execution == execution
                )
                limits = request.template.container.resources.limits
                return {entry.name: entry.value for entry in limits} == {1: "250m", 3: most}

            eventually(is_capped)  # the engine hears of it a moment after it was set
