"""Peak memory of attempts against their limit, as the engine records them in `closure.custom_info`."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_PEAK, _LIMIT = FIELDS = ("peak_memory_bytes", "memory_limit_bytes")
"""What the closure's custom info says about memory."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What an attempt used of what it was allowed."""

    peak: int
    """Bytes."""
    limit: int | None
    """Bytes; None where the task asked for no limit."""

    @property
    def is_over(self) -> bool:
        return self.limit is not None and self.peak > self.limit

    @property
    def brief(self) -> str:
        """For a table: `34 MiB of 200 MiB`."""
        return size(self.peak) if self.limit is None else f"{size(self.peak)} of {size(self.limit)}"

    @property
    def sentence(self) -> str:
        """For a person who should act."""
        if self.is_over:
            return f"used {self.brief}: a cluster would kill this"
        return f"used {self.brief}"


def size(number: int) -> str:
    """`312 MiB`; one decimal below ten."""
    value = float(number)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return _rounded(value, unit)
        value /= 1024
    return _rounded(value, _UNITS[-1])


def _rounded(value: float, unit: str) -> str:
    if value < 10 and value != int(value):
        return f"{value:.1f} {unit}"
    return f"{round(value)} {unit}"


def from_custom_info(info: Struct) -> MemoryUse | None:
    """What the attempt's closure says; None where nothing was recorded."""
    peak = _number(info, _PEAK)
    if not peak:
        return None
    return MemoryUse(peak, _number(info, _LIMIT) or None)


def _number(info: Struct, key: str) -> int:
    if key not in info.fields:
        return 0
    value = info.fields[key]
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return int(value.number_value)
    if kind == "string_value" and value.string_value.isdigit():
        return int(value.string_value)
    return 0
