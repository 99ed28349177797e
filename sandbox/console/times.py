"""Moments and lengths of time, from protobuf and for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def moment(stamp: Timestamp) -> datetime | None:
    """An aware UTC datetime; None for a timestamp that was never set."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return datetime.fromtimestamp(stamp.seconds, UTC) + timedelta(microseconds=stamp.nanos // 1000)


def moment_of(message: Message, field: str) -> datetime | None:
    """The timestamp in a field, None where the field is not set."""
    return moment(getattr(message, field)) if message.HasField(field) else None


def length_of(message: Message, field: str) -> timedelta | None:
    """The duration in a field, None where the field is not set."""
    if not message.HasField(field):
        return None
    duration: Duration = getattr(message, field)
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)


def words(length: timedelta | None) -> str:
    """`84 ms`, `3.2 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`; an en dash where there is none."""
    if length is None:
        return "–"
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def iso(instant: datetime) -> str:
    """As `<time datetime>` wants it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(instant: datetime | None) -> str:
    """`2026-03-01 12:30:05 UTC`; the page's script shows the reader's own zone instead."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if instant else "–"
