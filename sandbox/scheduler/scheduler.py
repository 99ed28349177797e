"""Keeps the schedules of active launch plans.

One thread looks which of them are due, launches them, and notes in the launch plan's row up to when it is
done. What came due while no scheduler ran is launched when one runs again, but at most `most_missed` for a
launch plan: a laptop that slept for a week has no use for ten thousand executions.

Any number of schedulers may run: an execution's name is made of what is due and when.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
from flyteidl.admin import launch_plan_pb2

from sandbox.scheduler import timetables
from sandbox.scheduler.launching import Launcher, NotNow
from sandbox.scheduler.timetables import BadSchedule, Timetable
from sandbox.store import errors, schedules
from sandbox.store.database import Database
from sandbox.store.schedules import Scheduled

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """How schedules are kept."""

    look_seconds: float = 5.0
    """How long after its activation a schedule may be noticed."""
    retry_seconds: float = 2.0
    """How long to wait when the database or admin can't be reached."""
    most_missed: int = 100
    """How many executions at most are launched at once for a launch plan; the latest of what is due."""


class Scheduler:
    """`target` is where admin's gRPC services are."""

    def __init__(
        self,
        database: Database,
        target: str,
        settings: SchedulerSettings | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._settings = settings or SchedulerSettings()
        self._clock = clock
        self._channel = grpc.insecure_channel(target)
        self._launcher = Launcher(self._channel)
        self._timetables: dict[int, Timetable | None] = {}
        """By the launch plan's row id; None: its schedule can't be kept. A version never changes."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Keep schedules from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Launch nothing any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._channel.close()

    def is_alive(self) -> bool:
        """Whether its thread is at work."""
        return self._thread.is_alive()

    def turn(self) -> datetime:
        """Launch all that is due; when to look again. Raises store.errors.Unavailable and NotNow."""
        now = self._clock()
        again = now + timedelta(seconds=self._settings.look_seconds)
        with self._database.reading() as connection:
            found = schedules.active(connection)
        for scheduled in found:
            timetable = self._timetable(scheduled)
            if timetable is not None:
                mark = self._launch_due(scheduled, timetable, now)
                again = min(again, timetable.following(mark))
        return again

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                seconds = (self.turn() - self._clock()).total_seconds()
            except (errors.Unavailable, NotNow) as error:
                _LOG.warning("schedules wait: %s", error)
                seconds = self._settings.retry_seconds
            except Exception:  # A defect must not end all schedules: say so, and go on.
                _LOG.exception("a turn of the scheduler failed")
                seconds = self._settings.retry_seconds
            self._stopping.wait(max(0.0, seconds))

    def _launch_due(self, scheduled: Scheduled, timetable: Timetable, now: datetime) -> datetime:
        """The time up to which everything is launched now."""
        due = timetable.due(scheduled.mark, now, self._settings.most_missed)
        if len(due) == self._settings.most_missed:
            _LOG.warning("%s: at most the latest %d of what is due are launched", scheduled.entity, len(due))
        spec = launch_plan_pb2.LaunchPlanSpec.FromString(scheduled.spec)
        for moment in due:
            if self._stopping.is_set():
                break
            self._launcher.launch(scheduled.entity, spec, moment)
            with self._database.reading() as connection:
                if not schedules.advance(connection, scheduled.launch_plan_id, moment):
                    break
        return due[-1] if due else scheduled.mark

    def _timetable(self, scheduled: Scheduled) -> Timetable | None:
        row_id = scheduled.launch_plan_id
        if row_id not in self._timetables:
            self._timetables[row_id] = _read(scheduled)
        return self._timetables[row_id]


def _read(scheduled: Scheduled) -> Timetable | None:
    spec = launch_plan_pb2.LaunchPlanSpec.FromString(scheduled.spec)
    try:
        return timetables.of(spec.entity_metadata.schedule)
    except BadSchedule as error:
        _LOG.warning("the schedule of %s can't be kept: %s", scheduled.entity, error)
        return None
