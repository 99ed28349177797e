"""All distributions, by name."""

from __future__ import annotations

from sandbox.appliance.errors import UsageError
from sandbox.appliance.node import debian, k3s
from sandbox.appliance.node.distribution import Distribution

DEFAULT = k3s.DISTRIBUTION.name
_ALL = {one.name: one for one in (k3s.DISTRIBUTION, debian.DISTRIBUTION)}
NAMES = tuple(_ALL)


def get(name: str) -> Distribution:
    """The distribution of a name. Raises UsageError."""
    if name not in _ALL:
        known = " and ".join(NAMES)
        raise UsageError(f"there is no distribution {name!r}", f"there are {known}", "Choose one of them.")
    return _ALL[name]
