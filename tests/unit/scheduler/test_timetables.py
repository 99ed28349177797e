"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.admin import schedule_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.scheduler import timetables
from sandbox.scheduler.timetables import BadSchedule, Timetable

_START = datetime(2026, 3, 28, 23, 58, 30, tzinfo=UTC)


def cron(expression: str) -> Timetable:
    found = timetables.of(schedule_pb2.Schedule(cron_schedule=schedule_pb2.CronSchedule(schedule=expression)))
    assert found is not None
    return found


def rate(value: int, unit: int) -> Timetable:
    found = timetables.of(schedule_pb2.Schedule(rate=schedule_pb2.FixedRate(value=value, unit=unit)))
    assert found is not None
    return found


def due(timetable: Timetable, *, hours: float, most: int = 1000) -> list[str]:
    until = _START + timedelta(hours=hours)
    return [moment.strftime("%d %H:%M:%S") for moment in timetable.due(_START, until, most)]


def test_a_cron_expression_is_due_at_its_minutes() -> None:
    assert due(cron("*/20 * * * *"), hours=1) == ["29 00:00:00", "29 00:20:00", "29 00:40:00"]


def test_a_time_that_is_now_is_due_and_one_at_the_mark_is_not() -> None:
    midnight = datetime(2026, 3, 29, tzinfo=UTC)
    assert cron("@daily").due(_START, midnight, 10) == [midnight]
    assert cron("@daily").due(midnight, midnight, 10) == []


def test_a_time_zone_has_its_own_midnight() -> None:
    assert due(cron("CRON_TZ=Asia/Tokyo 0 9 * * ?"), hours=25) == ["29 00:00:00", "30 00:00:00"]


def test_an_hour_that_a_zone_skips_is_due_once_at_most() -> None:
    """In Berlin the clocks went from 2 to 3 that night."""
    assert len(due(cron("CRON_TZ=Europe/Berlin 30 2 * * *"), hours=24)) <= 1
    assert len(due(cron("CRON_TZ=Europe/Berlin 0 * * * *"), hours=6)) == 6


def test_a_rate_counts_from_the_mark() -> None:
    assert due(rate(20, schedule_pb2.MINUTE), hours=1) == ["29 00:18:30", "29 00:38:30", "29 00:58:30"]
    assert due(rate(1, schedule_pb2.DAY), hours=25) == ["29 23:58:30"]


def test_every_is_a_rate() -> None:
    assert due(cron("@every 1h30m"), hours=3) == ["29 01:28:30", "29 02:58:30"]


def test_the_deprecated_field_is_a_cron_expression_too() -> None:
    found = timetables.of(schedule_pb2.Schedule(cron_expression="@hourly"))
    assert found is not None
    assert due(found, hours=1) == ["29 00:00:00"]


@pytest.mark.parametrize("timetable", [cron("* * * * *"), rate(1, schedule_pb2.MINUTE)])
def test_of_too_many_the_latest_are_due(timetable: Timetable) -> None:
    assert due(timetable, hours=24, most=3) == due(timetable, hours=24, most=2000)[-3:]


def test_no_schedule_is_no_timetable() -> None:
    assert timetables.of(schedule_pb2.Schedule(kickoff_time_input_arg="t")) is None


@pytest.mark.parametrize("expression", ["every day", "CRON_TZ=Nowhere/Else * * * * *", "@every 1ms", ""])
def test_what_tells_no_times_is_refused(expression: str) -> None:
    with pytest.raises(BadSchedule):
        cron(expression)


EXPRESSIONS = st.sampled_from(
    [
        "*/7 * * * *",
        "0 */3 * * *",
        "15 3 1,15 * 1",
        "CRON_TZ=America/New_York 30 1 * * 6,0",
        "@every 11m",
        "@weekly",
    ]
)


@given(EXPRESSIONS, st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.integers(0, 2000))
def test_due_is_what_following_tells_one_by_one(expression: str, start: datetime, minutes: int) -> None:
    timetable = cron(expression)
    after = start.replace(tzinfo=UTC)
    until = after + timedelta(minutes=minutes)
    one_by_one = []
    moment = timetable.following(after)
    while moment <= until:
        one_by_one.append(moment)
        moment = timetable.following(moment)
    assert timetable.due(after, until, 10_000) == one_by_one
