"""What keeps a server from starting."""

from __future__ import annotations


class PortUnavailable(Exception):
    """A port can't be listened on; the message names it and says why."""
