"""Our times as protobuf's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf import duration_pb2, timestamp_pb2


def now() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> timestamp_pb2.Timestamp:
    """An aware time."""
    proto = timestamp_pb2.Timestamp()
    proto.FromDatetime(moment)
    return proto


def duration(seconds: float) -> duration_pb2.Duration:
    """Seconds, to the microsecond."""
    proto = duration_pb2.Duration()
    proto.FromTimedelta(timedelta(seconds=seconds))
    return proto
