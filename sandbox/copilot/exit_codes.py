"""How the copilot's program ends, for whoever started it."""

from __future__ import annotations

DONE = 0
STORE_UNAVAILABLE = 1
"""Another try may help."""
UNTRANSFERABLE = 3
"""The inputs don't fit into files; 2 is what a wrong flag ends with."""
