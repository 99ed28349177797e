"""Histories that are kept: of every kind of node, of real executions, and of defects that were found.

Each file is what `sandbox debug history` writes. The core must go on folding it into the recorded state, byte
for byte: executions that began under an older version go on under a newer one.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def files() -> list[Path]:
    """All histories that are kept."""
    return sorted(FOLDER.glob("*.json"))
