"""What the composition asks of a role."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Role:
    """One thing that a control plane does. Made without side effects but for ports that it binds.

    The order of a life: `start`, then `drain` and `close`. A role that has nothing to do at one of them
    inherits it.
    """

    def start(self) -> None:
        """Begin to work; returns at once."""

    def warm(self) -> None:
        """Prepare for what may come next, once everything is started, and whenever the process is told to."""

    def drain(self) -> None:
        """Take no more work, and finish what is under way, as far as time allows."""

    def close(self) -> None:
        """Let go of everything."""

    def is_alive(self) -> bool:
        """Whether its threads are at work; if not, only a new process helps."""
        return True

    def troubles(self) -> tuple[str, ...]:
        """What keeps it from its work, a sentence each. Waits for nothing."""
        return ()

    def asks(self) -> Mapping[str, Callable[[], None]]:
        """What it depends on, by name, and how to find out: a call that raises if it is out of reach."""
        return {}

    def refresh(self) -> None:
        """Troubles came or went."""

    def counters(self) -> Mapping[str, float]:
        """Numbers for people who watch many processes, by their name in Prometheus' manner."""
        return {}
