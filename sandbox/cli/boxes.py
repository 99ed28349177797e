"""What commands do that are for sandboxes in a container alone."""

from __future__ import annotations

from sandbox.appliance import found
from sandbox.appliance.errors import NotFound, UsageError


def require(name: str, word: str, instead: str) -> None:
    """Refuse an embedded sandbox. Raises UsageError, NotFound."""
    profile = found.profile(name)
    if profile is None:
        raise NotFound.named(name)
    if profile == found.EMBEDDED:
        raise UsageError(
            f"the sandbox {name!r} can't be asked to {word}",
            "it is embedded: processes on this machine, without a container",
            instead,
        )
