"""The rows of a tree as bars on one time axis: waiting, then running."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.console import times
from sandbox.console.trees import Row

_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600),
    *(1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800),
)
"""Seconds between two marks, to choose from."""
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
    spans = [_Span.of(row, now) for row in rows if row.created or row.started]
    start = min((span.created for span in spans), default=now)
    end = max((span.finished for span in spans), default=now)
    length = max((end - start).total_seconds(), 0.001)

    def percent(moment: datetime) -> float:
        return round(100 * (moment - start).total_seconds() / length, 3)

    def bar(span: _Span) -> Bar:
        has_run = span.row.started is not None
        begun, running = percent(span.created), percent(span.started)
        return Bar(
            row=span.row,
            waiting_from=begun,
            waiting=max(running - begun, 0.0),
            running_from=running,
            running=max(percent(span.finished) - running, 0.2) if has_run else 0.0,
            label=times.words(span.finished - span.started) if has_run else span.row.phase.label,
        )

    return Timeline(tuple(bar(span) for span in spans), _ticks(length), timedelta(seconds=length))


@dataclass(frozen=True, slots=True)
class _Span:
    """When a row was created, started, finished; what still runs is taken to finish now."""

    row: Row
    created: datetime
    started: datetime
    finished: datetime

    @classmethod
    def of(cls, row: Row, now: datetime) -> _Span:
        started = row.started or (now if not row.phase.is_terminal else row.created or now)
        created = min(row.created or started, started)
        if row.duration is not None:
            finished = started + row.duration
        else:
            finished = started if row.phase.is_terminal else max(now, started)
        return cls(row, created, started, finished)


def _ticks(length: float) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if length / step <= _MAX_TICKS), None)
    if step is None:
        step = _STEPS[-1] * math.ceil(length / _STEPS[-1] / _MAX_TICKS)
    count = int(length / step)
    return tuple(
        Tick(round(100 * i * step / length, 3), times.words(timedelta(seconds=i * step)) if i else "0")
        for i in range(count + 1)
    )
