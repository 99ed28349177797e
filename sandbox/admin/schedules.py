"""Is a launch plan's schedule one that can be kept?

Cron expressions are those of Flyte's scheduler (robfig/cron's standard parser): five fields, names of months
and days, `?` for `*`, a `CRON_TZ=` prefix, and the aliases `@hourly`, `@daily`, `@every 1h30m` …
"""

from __future__ import annotations

import re
import zoneinfo

from flyteidl.admin import schedule_pb2
from flyteidl.core import interface_pb2, types_pb2

from sandbox.admin import errors
from sandbox.idl import interfaces

ALIASES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_EVERY = re.compile(r"@every\s+(?:\d+(?:\.\d+)?(?:h|ms|m|s))+")


def kind(schedule: schedule_pb2.Schedule) -> str:
    """NONE, CRON or RATE."""
    chosen = schedule.WhichOneof("ScheduleExpression")
    if chosen == "rate":
        return "RATE"
    return "NONE" if chosen is None else "CRON"


def check(schedule: schedule_pb2.Schedule, expected: interface_pb2.ParameterMap) -> None:
    """Raise `InvalidRequest` unless the schedule can run a launch plan that expects these inputs."""
    if kind(schedule) == "NONE":
        return
    _check_inputs(schedule, expected)
    expression = schedule.cron_expression or schedule.cron_schedule.schedule
    if kind(schedule) == "CRON":
        check_cron(expression)
    elif schedule.rate.value == 0:
        raise errors.InvalidRequest("Invalid rate: a fixed rate must be at least one minute, hour or day")


def _check_inputs(schedule: schedule_pb2.Schedule, expected: interface_pb2.ParameterMap) -> None:
    kickoff = schedule.kickoff_time_input_arg
    for name, parameter in expected.parameters.items():
        if name != kickoff and interfaces.is_required(parameter):
            raise errors.InvalidRequest(
                "Cannot create a launch plan with a schedule if there is an unbound required input. "
                f"[{name}] is required: give it a default or a fixed value"
            )
    if not kickoff:
        return
    if kickoff not in expected.parameters:
        raise errors.InvalidRequest(
            "Cannot create a schedule with a KickoffTimeInputArg that does not point to a free input. "
            f"[{kickoff}] is not free or does not exist."
        )
    if expected.parameters[kickoff].var.type.simple != types_pb2.DATETIME:
        raise errors.InvalidRequest(
            f"KickoffTimeInputArg must reference a datetime input. [{kickoff}] is something else"
        )


def check_cron(expression: str) -> None:
    """Raise `InvalidRequest` unless it is a cron expression."""
    text = _without_zone(expression.strip())
    if text.startswith("@"):
        if text not in ALIASES and not _EVERY.fullmatch(text):
            raise _invalid(expression, f"unknown alias; use one of {', '.join(ALIASES)} or @every 1h30m")
        return
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise _invalid(
            expression,
            f"expected 5 fields (minute, hour, day of month, month, day of week), found {len(parts)}",
        )
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        for item in part.split(","):
            if not _is_item(item, low, high, words):
                raise _invalid(expression, f"{item!r} is no {name} ({low}–{high})")


def _without_zone(text: str) -> str:
    for prefix in ("CRON_TZ=", "TZ="):
        if text.startswith(prefix):
            zone, _, rest = text.removeprefix(prefix).partition(" ")
            try:
                zoneinfo.ZoneInfo(zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as exc:
                raise _invalid(text, f"unknown time zone {zone!r}") from exc
            return rest.strip()
    return text


def _is_item(item: str, low: int, high: int, words: dict[str, int]) -> bool:
    """`*`, `5`, `1-5`, `*/10`, `3-9/2`."""
    span, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    ends = [_number(text, words) for text in span.split("-")]
    if len(ends) > 2:
        return False
    known = [end for end in ends if end is not None]
    return len(known) == len(ends) and low <= known[0] <= known[-1] <= high


def _number(text: str, words: dict[str, int]) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text)
    return words.get(text.lower())


def _invalid(expression: str, reason: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"Invalid cron expression [{expression}]: {reason}")
