"""What every service of this room is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flyteidl.admin import workflow_pb2

from sandbox.admin.cache import EntityCache
from sandbox.admin.launchables import Launchable
from sandbox.admin.settings import AdminSettings
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore, Presigner


def _no_troubles() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class AdminContext:
    """The services' collaborators. All of them are thread-safe and outlive the server."""

    database: Database
    objects: ObjectStore
    """How admin itself reads and writes literals."""
    presigner: Presigner
    """Signs URLs for the endpoint that clients on the host reach."""
    settings: AdminSettings
    troubles: Callable[[], tuple[str, ...]] = _no_troubles
    """What keeps the control plane from its work, a sentence each; for the health service, so it must not
    wait for anything.
    """
    workflows: EntityCache[workflow_pb2.Workflow] = field(init=False)
    """Compiled workflows that were asked for lately."""
    launchables: EntityCache[Launchable] = field(init=False)
    """What was launched lately: launch plans, and lone tasks by their task's id."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "workflows", EntityCache(self.settings.workflow_cache_size))
        object.__setattr__(self, "launchables", EntityCache(self.settings.launchable_cache_size))
