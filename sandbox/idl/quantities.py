"""Kubernetes quantities (`500m`, `1Gi`, `2e3`), as numbers.

Source of the grammar: `k8s.io/apimachinery/pkg/api/resource`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?", re.ASCII)
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_MAX_EXPONENT = 30
"""Nothing that can be asked for is larger, and decimals of any size would cost any time."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class NotAQuantity(ValueError):
    """Not a Kubernetes quantity: expected a number like 2, 500m, 0.5, 1Gi or 2e3."""


def parse(text: str) -> Decimal:
    """The quantity's value in its base unit: cores, bytes, pieces."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise NotAQuantity(f"{text!r} is no quantity: expected a number like 2, 500m, 0.5, 1Gi or 2e3")
    number, binary, decimal, exponent = match.groups()
    value = Decimal(number)
    if binary:
        return value * _BINARY[binary]
    if decimal:
        return value.scaleb(_DECIMAL[decimal])
    if exponent:
        return value.scaleb(max(-_MAX_EXPONENT, min(int(exponent), _MAX_EXPONENT)))
    return value


def exceeds(text: str, most: str) -> bool:
    """Whether one quantity is more than another; what is none exceeds nothing."""
    try:
        return parse(text) > parse(most)
    except NotAQuantity:
        return False


def total(texts: Iterable[str]) -> str:
    """The sum of quantities as a plain number; a single one stays as it is written."""
    several = list(texts)
    if len(several) == 1:
        return several[0]
    return f"{sum((parse(text) for text in several), Decimal(0)):f}"
