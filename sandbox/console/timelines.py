"""The rows of a tree as bars on one time axis: waiting, then running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.console import times
from sandbox.console.trees import Row

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800,
          3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)  # fmt: skip
_MAX_TICKS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A row's place on the axis; all in per cent of its length."""

    row: Row
    waiting_from: float
    waiting: float
    running_from: float
    running: float
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis."""

    at: float
    """Per cent."""
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars under one axis."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    length: timedelta


def build(rows: Sequence[Row], now: datetime) -> Timeline:
    """Bars for all rows that have begun; what still runs reaches until `now`."""
    begun = [row for row in rows if row.created or row.started]
    spans = [(row, *_span(row, now)) for row in begun]
    start = min((created for _, created, _, _ in spans), default=now)
    end = max((finished for *_, finished in spans), default=now)
    length = max((end - start).total_seconds(), 0.001)

    def percent(moment: datetime) -> float:
        return round(100 * (moment - start).total_seconds() / length, 3)

    bars = tuple(
        Bar(
            row,
            percent(created),
            max(percent(started) - percent(created), 0.0),
            percent(started),
            max(percent(finished) - percent(started), 0.2) if row.started else 0.0,
            times.words(finished - started) if row.started else row.phase.label,
        )
        for row, created, started, finished in spans
    )
    return Timeline(bars, _ticks(length), timedelta(seconds=length))


def _span(row: Row, now: datetime) -> tuple[datetime, datetime, datetime]:
    """When the row was created, started, finished."""
    started = row.started or (now if not row.phase.is_terminal else row.created or now)
    created = min(row.created or started, started)
    if row.duration is not None:
        finished = started + row.duration
    else:
        finished = started if row.phase.is_terminal else max(now, started)
    return created, started, finished


def _ticks(length: float) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if length / step <= _MAX_TICKS), _STEPS[-1])
    count = int(length / step)
    return tuple(
        Tick(round(100 * i * step / length, 3), times.words(timedelta(seconds=i * step)) if i else "0")
        for i in range(count + 1)
    )
