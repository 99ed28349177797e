"""Schedules are kept: against a real database, through the real admin service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.admin import execution_pb2, launch_plan_pb2, project_pb2, schedule_pb2
from flyteidl.core import identifier_pb2, types_pb2, workflow_pb2

from sandbox.scheduler.launching import NotNow
from sandbox.scheduler.scheduler import Scheduler, SchedulerSettings
from sandbox.store import executions, launch_plans, listing
from sandbox.store.database import Database
from sandbox.store.executions import Execution
from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin, admin
from tests.waiting import eventually

__all__ = ["admin"]

_DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)


class Clock:
    """A clock that tests put forward."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(admin: Admin, database: Database, clock: Clock) -> Iterator[Scheduler]:
    made = Scheduler(database, admin.target, SchedulerSettings(most_missed=5), clock)
    yield made
    made.stop()


def schedule(admin: Admin, schedule: schedule_pb2.Schedule, name: str = "often") -> identifier_pb2.Identifier:
    """Register and activate a launch plan with a schedule; its input `x` is fixed, or the kick-off time."""
    admin.admin.CreateTask(builders.task(inputs={"x": builders.INTEGER}))
    admin.admin.CreateWorkflow(builders.workflow())
    request = builders.launch_plan(name, fixed=builders.literal_map(x=builders.integer(1)))
    request.spec.entity_metadata.schedule.CopyFrom(schedule)
    admin.admin.CreateLaunchPlan(request)
    activate(admin, request.id, launch_plan_pb2.ACTIVE)
    return request.id


def activate(admin: Admin, plan: identifier_pb2.Identifier, state: int) -> None:
    admin.admin.UpdateLaunchPlan(launch_plan_pb2.LaunchPlanUpdateRequest(id=plan, state=state))


def launched(database: Database) -> list[Execution]:
    with database.reading() as connection:
        page = executions.list_page(
            connection, builders.PROJECT, builders.DOMAIN, "", listing.Listing(limit=100)
        )
    return list(page.items)


def minutes(value: int) -> schedule_pb2.Schedule:
    return schedule_pb2.Schedule(rate=schedule_pb2.FixedRate(value=value, unit=schedule_pb2.MINUTE))


def test_what_is_due_is_launched_once(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    schedule(admin, minutes(10))
    scheduler.turn()
    assert launched(database) == []
    clock.now += timedelta(minutes=11)
    again = scheduler.turn()
    scheduler.turn()
    (execution,) = launched(database)
    spec = execution_pb2.ExecutionSpec.FromString(execution.spec)
    assert spec.metadata.mode == execution_pb2.ExecutionMetadata.SCHEDULED
    due = spec.metadata.scheduled_at.ToDatetime(tzinfo=UTC)
    assert timedelta(seconds=50) < clock.now - due < timedelta(seconds=70)
    assert again <= clock.now + timedelta(seconds=5)


def test_two_schedulers_launch_what_one_would(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    schedule(admin, minutes(10))
    clock.now += timedelta(minutes=31)
    other = Scheduler(database, admin.target, None, clock)
    other.turn()
    scheduler.turn()
    other.stop()
    assert len(launched(database)) == 3


def test_of_what_was_missed_the_latest_are_launched(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    schedule(admin, minutes(1))
    clock.now += timedelta(days=7)
    scheduler.turn()
    assert len(launched(database)) == 5
    clock.now += timedelta(minutes=1)
    scheduler.turn()
    assert len(launched(database)) == 6


def test_an_inactive_plan_launches_nothing_and_makes_nothing_good(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    plan = schedule(admin, minutes(1))
    activate(admin, plan, launch_plan_pb2.INACTIVE)
    clock.now += timedelta(minutes=3)
    scheduler.turn()
    assert launched(database) == []
    activate(admin, plan, launch_plan_pb2.ACTIVE)
    with database.transaction() as connection:
        (row,) = launch_plans.list_active(
            connection, builders.PROJECT, builders.DOMAIN, listing.Listing(limit=9)
        ).items
    assert row.updated_at <= datetime.now(UTC)
    clock.now = row.updated_at + timedelta(seconds=59)
    scheduler.turn()
    assert launched(database) == []


def test_the_kick_off_time_is_an_input_of_rates_too(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    admin.admin.CreateTask(builders.task(inputs={"x": _DATETIME}))
    admin.admin.CreateWorkflow(builders.workflow(inputs={"x": _DATETIME}, nodes=[_first()]))
    request = builders.launch_plan("kicked")
    request.spec.entity_metadata.schedule.CopyFrom(minutes(5))
    request.spec.entity_metadata.schedule.kickoff_time_input_arg = "x"
    admin.admin.CreateLaunchPlan(request)
    activate(admin, request.id, launch_plan_pb2.ACTIVE)
    clock.now += timedelta(minutes=6)
    scheduler.turn()
    (execution,) = launched(database)
    data = admin.admin.GetExecutionData(
        execution_pb2.WorkflowExecutionGetDataRequest(id=execution.execution.to_proto())
    )
    spec = execution_pb2.ExecutionSpec.FromString(execution.spec)
    assert data.full_inputs.literals["x"].scalar.primitive.datetime == spec.metadata.scheduled_at


def _first() -> workflow_pb2.Node:
    return builders.node("n0", builders.task_id(), builders.promise("x", "", "x"))


def test_what_admin_refuses_is_not_asked_for_again(
    admin: Admin, database: Database, scheduler: Scheduler, clock: Clock
) -> None:
    schedule(admin, minutes(1))
    archived = admin.admin.GetProject(project_pb2.ProjectGetRequest(id=builders.PROJECT))
    archived.state = archived.ARCHIVED
    archived.ClearField("domains")
    admin.admin.UpdateProject(archived)
    clock.now += timedelta(minutes=2)
    scheduler.turn()
    assert launched(database) == []
    archived.state = archived.ACTIVE
    admin.admin.UpdateProject(archived)
    scheduler.turn()
    assert launched(database) == []
    clock.now += timedelta(minutes=1)
    scheduler.turn()
    assert len(launched(database)) == 1


def test_without_admin_nothing_is_lost(admin: Admin, database: Database, clock: Clock) -> None:
    schedule(admin, minutes(1))
    clock.now += timedelta(minutes=2, seconds=30)
    lonely = Scheduler(database, "127.0.0.1:1", None, clock)
    with pytest.raises(NotNow):
        lonely.turn()
    lonely.stop()
    found = Scheduler(database, admin.target, None, clock)
    found.turn()
    found.stop()
    assert len(launched(database)) == 2


def test_the_thread_launches_by_itself(admin: Admin, database: Database) -> None:
    schedule(admin, schedule_pb2.Schedule(cron_schedule=schedule_pb2.CronSchedule(schedule="@every 1s")))
    running = Scheduler(database, admin.target)
    running.start()
    eventually(lambda: launched(database), timeout=10)
    running.stop()
