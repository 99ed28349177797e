"""Wall-clock time, as events carry it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def micros(moment: datetime) -> int:
    """An aware time as microseconds since the epoch."""
    return round(moment.timestamp() * 1_000_000)


def moment(at: int) -> datetime:
    """Microseconds since the epoch as an aware time."""
    return datetime.fromtimestamp(at / 1e6, UTC)
