"""What an examination finds, as the person at the keyboard reads it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    """It works, but not as well as it could."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    title: str
    verdict: Verdict
    detail: str
    remedy: str = ""
