"""Why a node or an execution failed, in the core's own words.

The same four facts as `core.ExecutionError` and Flyte's `ContainerError`: a code, a message, whose fault it
is, and whether another attempt may help.
"""

from __future__ import annotations

from dataclasses import dataclass

USER = "USER"
SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure; `recoverable` means that a retry may help."""

    code: str
    message: str
    kind: str = USER
    """`USER` or `SYSTEM`: which retry budget pays."""
    recoverable: bool = False
