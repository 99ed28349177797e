"""When a schedule is due. Pure.

A schedule has a mark: all that was due up to it has been launched. `due` tells what came due between the mark
and now, `following` what comes next. Cron times are those of the expression's zone (UTC unless it says
`CRON_TZ=`); a fixed rate counts from the mark, and so from the activation.
"""

from __future__ import annotations

import re
import zoneinfo
from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from flyteidl.admin import schedule_pb2

_UNITS = {
    schedule_pb2.MINUTE: timedelta(minutes=1),
    schedule_pb2.HOUR: timedelta(hours=1),
    schedule_pb2.DAY: timedelta(days=1),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Timetable(Protocol):
    """When something is due. All times are aware, in UTC."""

    def following(self, after: datetime) -> datetime:
        """The first time that is later than this one."""

    def due(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """The last `most` of the times later than `after` and not later than `until`, in order."""


class BadSchedule(ValueError):
    """A schedule that tells no times."""


class Rate:
    """Every so often."""

    def __init__(self, period: timedelta) -> None:
        if period < timedelta(seconds=1):
            raise BadSchedule(f"a schedule can't be due more often than every second, not every {period}")
        self._period = period

    def following(self, after: datetime) -> datetime:
        return after + self._period

    def due(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        count = max(0, (until - after) // self._period)
        return [after + number * self._period for number in range(max(1, count - most + 1), count + 1)]


class Cron:
    """A cron expression of five fields, or one of the aliases."""

    def __init__(self, expression: str) -> None:
        # Lazy: most sandboxes have no schedule.
        import croniter  # noqa: PLC0415

        fields, zone = _without_zone(expression.strip())
        self._zone = zone
        self._fields = fields.replace("?", "*")
        self._croniter = croniter.croniter
        if not self._croniter.is_valid(self._fields):
            raise BadSchedule(f"{expression!r} is no cron expression")

    def following(self, after: datetime) -> datetime:
        return self._utc(self._croniter(self._fields, after.astimezone(self._zone)).get_next(datetime))

    def due(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        found: deque[datetime] = deque()
        # It looks for what is earlier than its start, and times of cron are whole minutes.
        times = self._croniter(self._fields, until.astimezone(self._zone) + timedelta(microseconds=1))
        while len(found) < most:
            moment = self._utc(times.get_prev(datetime))
            if moment <= after:
                break
            found.appendleft(moment)
        return list(found)

    @staticmethod
    def _utc(moment: datetime) -> datetime:
        return moment.astimezone(UTC)


def of(schedule: schedule_pb2.Schedule) -> Timetable | None:
    """The timetable of a launch plan's schedule; None: it has none. Raises BadSchedule."""
    match schedule.WhichOneof("ScheduleExpression"):
        case "rate":
            return _rate(schedule.rate)
        case "cron_schedule":
            return _cron(schedule.cron_schedule.schedule)
        case "cron_expression":
            return _cron(schedule.cron_expression)
        case _:
            return None


def _rate(rate: schedule_pb2.FixedRate) -> Rate:
    unit = _UNITS.get(rate.unit)
    if unit is None:
        raise BadSchedule(f"a fixed rate can't be in the unit {rate.unit}")
    return Rate(rate.value * unit)


def _cron(expression: str) -> Timetable:
    text = expression.strip()
    if text.startswith("@every"):
        parts = _DURATION.findall(text)
        return Rate(timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts)))
    return Cron(text)


def _without_zone(text: str) -> tuple[str, tzinfo]:
    for prefix in ("CRON_TZ=", "TZ="):
        if text.startswith(prefix):
            name, _, rest = text.removeprefix(prefix).partition(" ")
            try:
                return rest.strip(), zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
                raise BadSchedule(f"there is no time zone {name!r}") from error
    return text, UTC
