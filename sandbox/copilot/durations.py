"""Durations as Go has them (`1h2m3.5s`, `300ms`), and, to read, as Python prints them (`1 day, 2:03:04`)."""

from __future__ import annotations

import re
from decimal import Decimal

_NANOSECONDS = {
    "ns": Decimal(1),
    "us": Decimal(10) ** 3,
    "µs": Decimal(10) ** 3,
    "μs": Decimal(10) ** 3,
    "ms": Decimal(10) ** 6,
    "s": Decimal(10) ** 9,
    "m": Decimal(60) * 10**9,
    "h": Decimal(3600) * 10**9,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_PYTHON = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_SECOND = 10**9


def text(nanoseconds: int) -> str:
    """As Go's `Duration.String`: the largest units that fit, a fraction only in the last one."""
    if nanoseconds == 0:
        return "0s"
    sign, size = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if size < _SECOND:
        unit, scale = next((u, s) for u, s in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if size >= s)
        return f"{sign}{_plain(Decimal(size) / scale)}{unit}"
    minutes, rest = divmod(size, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_plain(Decimal(rest) / _SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def nanoseconds(written: str) -> int:
    """A duration in either notation; raises ValueError."""
    python = _PYTHON.fullmatch(written)
    if python is not None:
        days, hours, minutes = (int(part or 0) for part in python.group(1, 2, 3))
        seconds = Decimal((days * 24 + hours) * 3600 + minutes * 60) + Decimal(python[4])
        return int(seconds * _SECOND)
    sign = -1 if written.startswith("-") else 1
    rest = written.lstrip("+-")
    parts = _PART.findall(rest)
    if rest == "0":
        return 0
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f"{written!r} is not a duration such as 300ms, 1h30m or 1:30:00")
    return sign * int(sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in parts))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
