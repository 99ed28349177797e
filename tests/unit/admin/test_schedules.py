"""Cron expressions as Flyte's scheduler reads them, and the inputs a schedule needs."""

from __future__ import annotations

import pytest
from flyteidl.admin import schedule_pb2
from flyteidl.core import interface_pb2, types_pb2

from sandbox.admin import errors, schedules


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 0 1 1 0",
        "*/5 0-6/2 1,15 jan-MAR mon",
        "? ? ? ? ?",
        "59 23 31 12 6",
        "@daily",
        "@hourly",
        "@every 1h30m",
        "CRON_TZ=Europe/Berlin 0 6 * * *",
        "TZ=UTC @daily",
    ],
)
def test_a_cron_expression_is_accepted(expression: str) -> None:
    schedules.check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "fragment"),
    [
        ("", "found 0"),
        ("* * * *", "found 4"),
        ("* * * * * *", "found 6"),
        ("60 * * * *", "'60' is no minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 7", "day of week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        ("1, * * * *", "minute"),
        ("* * * foo *", "month"),
        ("@fortnightly", "unknown alias"),
        ("@every day", "unknown alias"),
        ("CRON_TZ=Moon/Base * * * * *", "Moon/Base"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_reason(expression: str, fragment: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="Invalid cron expression") as caught:
        schedules.check_cron(expression)
    assert fragment in str(caught.value)


def expecting(**types: int) -> interface_pb2.ParameterMap:
    parameters = interface_pb2.ParameterMap()
    for name, kind in types.items():
        parameters.parameters[name].var.type.simple = kind
        parameters.parameters[name].required = True
    return parameters


def test_the_kickoff_time_may_fill_one_required_datetime() -> None:
    schedule = schedule_pb2.Schedule(kickoff_time_input_arg="when")
    schedule.cron_schedule.schedule = "@daily"
    schedules.check(schedule, expecting(when=types_pb2.DATETIME))
    with pytest.raises(errors.InvalidRequest, match=r"\[x\] is required"):
        schedules.check(schedule, expecting(when=types_pb2.DATETIME, x=types_pb2.INTEGER))
    with pytest.raises(errors.InvalidRequest, match="datetime"):
        schedules.check(schedule, expecting(when=types_pb2.STRING))
    with pytest.raises(errors.InvalidRequest, match=r"\[when\] is not free"):
        schedules.check(schedule, expecting())


def test_a_rate_must_be_one_or_more() -> None:
    schedule = schedule_pb2.Schedule(rate=schedule_pb2.FixedRate(value=0))
    with pytest.raises(errors.InvalidRequest, match="at least one"):
        schedules.check(schedule, expecting())
    schedule.rate.value = 1
    schedules.check(schedule, expecting())
    assert schedules.kind(schedule) == "RATE"


def test_no_schedule_needs_nothing() -> None:
    schedules.check(schedule_pb2.Schedule(), expecting(x=types_pb2.INTEGER))
    assert schedules.kind(schedule_pb2.Schedule()) == "NONE"
