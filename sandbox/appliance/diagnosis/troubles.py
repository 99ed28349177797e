"""One trouble of one object. Troubles that are alike become one finding."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.appliance.diagnosis.facts import Object


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, why, and what to do."""

    about: Object
    what: str
    """Without the object's name: `does not start: its image can't be pulled`."""
    cause: str
    remedy: str
    shared: bool = True
    """Whether others with the same cause are one trouble with this one; those with logs are not."""
