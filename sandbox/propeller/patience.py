"""How long to wait between attempts to reach a store that is down."""

from __future__ import annotations

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)

SHORTEST = _SECONDS[0]
LONGEST = _SECONDS[-1]


def pause(tries: int) -> float:
    """Seconds to wait after so many attempts before this one; from some number on always the same."""
    return _SECONDS[min(tries, len(_SECONDS) - 1)]
