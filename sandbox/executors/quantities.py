"""Kubernetes quantities: of memory `200Mi`, `1.5G`, `128974848`, `1e9`, of processors `500m`, `2`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}
_QUANTITY = re.compile(r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)\s*")


def to_bytes(quantity: str) -> int:
    """A quantity as a whole number of bytes, rounded up; raises `ValueError` for what is not a quantity."""
    exact = _exact(quantity, "a quantity of memory such as 200Mi or 1.5G")
    return int(exact.to_integral_value(rounding="ROUND_CEILING"))


def to_number(quantity: str) -> float:
    """A quantity as a number, of processors for one; raises `ValueError` for what is not a quantity."""
    return float(_exact(quantity, "a quantity such as 500m or 2"))


def for_people(size: int) -> str:
    """Bytes in the largest binary unit that leaves a number of at least one: `312 MiB`, `1.5 GiB`."""
    value = Decimal(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _exact(quantity: str, wanted: str) -> Decimal:
    found = _QUANTITY.fullmatch(quantity)
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"{quantity!r} is not {wanted}")
    try:
        return Decimal(found[1]) * _SUFFIXES[found[2]]
    except InvalidOperation as exc:
        raise ValueError(f"{quantity!r} is not {wanted}") from exc
