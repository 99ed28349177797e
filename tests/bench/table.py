"""Samples in, one printed row out: minimum, median, maximum, and the budget beside them."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing."""

    name: str
    unit: str
    samples: Sequence[float]
    budget: str = ""
    limit: float | None = None
    """In `unit`; a median above it is marked. `None`: no budget is set for this row."""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "within" if self.median <= self.limit else "OVER"

    def __str__(self) -> str:
        low, high = min(self.samples), max(self.samples)
        return (
            f"{self.name:<52} {low:>9.3f} {self.median:>9.3f} {high:>9.3f} {self.unit:<4} "
            f"n={len(self.samples):<3} {self.budget:<26} {self.verdict}"
        )


HEADER = f"{'measure':<52} {'min':>9} {'median':>9} {'max':>9}"


def machine() -> str:
    """Whose numbers these are: a table without its machine says nothing."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}, load {load}"
