"""Who serves which task type: what each endpoint last said, pure.

An agent names *categories* (a type and a version); agents before flytekit 1.11 only type names, which then
stand for every version. An endpoint that does not answer keeps what it said last: its tasks wait for it. The
first endpoint that is up wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flyteidl.admin import agent_pb2

ANY_VERSION = -1
Category = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """What an endpoint serves, and since when we know."""

    endpoint: str
    categories: Mapping[Category, bool] = field(default_factory=dict)
    """Type and version, and whether it is carried out within one call."""
    is_up: bool = False
    """Whether it answered the last look."""
    answered: bool = False
    """Whether it ever answered."""
    looked_at: float = 0.0
    """When the last look at it ended (monotonic); 0: never."""
    trouble: str = ""
    """Why it does not answer."""

    def finds(self, task_type: str, version: int) -> bool | None:
        """Whether it carries the type out within one call; None: it does not serve it."""
        exact = self.categories.get((task_type, version))
        return self.categories.get((task_type, ANY_VERSION)) if exact is None else exact


@dataclass(frozen=True, slots=True)
class Service:
    """Who serves a type."""

    endpoint: str
    is_sync: bool
    is_up: bool


def categories(agents: Iterable[agent_pb2.Agent]) -> dict[Category, bool]:
    """What a list of agents serves."""
    found: dict[Category, bool] = {}
    for agent in agents:
        named = {category.name for category in agent.supported_task_categories}
        for category in agent.supported_task_categories:
            found.setdefault((category.name, category.version), agent.is_sync)
        for name in agent.supported_task_types:
            if name not in named:
                found.setdefault((name, ANY_VERSION), agent.is_sync)
    return found


def find(offers: Iterable[Offer], task_type: str, version: int) -> Service | None:
    """The first endpoint that is up and serves the type, else the first that is down and did."""
    fallback = None
    for offer in offers:
        is_sync = offer.finds(task_type, version)
        if is_sync is None:
            continue
        if offer.is_up:
            return Service(offer.endpoint, is_sync, True)
        fallback = fallback or Service(offer.endpoint, is_sync, False)
    return fallback


def described(offers: Iterable[Offer]) -> str:
    """For a person: which endpoints there are and what they serve."""
    lines = [_described(offer) for offer in offers]
    return "; ".join(lines) or "none is configured"


def _described(offer: Offer) -> str:
    types = ", ".join(sorted({name for name, _ in offer.categories})) or "nothing"
    return f"{offer.endpoint} serves {types}" + ("" if offer.is_up else ", but does not answer now")
