"""What every service of this room is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.admin.cache import EntityCache
from sandbox.admin.settings import AdminSettings
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore, Presigner


@dataclass(frozen=True, slots=True)
class AdminContext:
    """The services' collaborators. All of them are thread-safe and outlive the server."""

    database: Database
    objects: ObjectStore
    """How admin itself reads and writes literals."""
    presigner: Presigner
    """Signs URLs for the endpoint that clients on the host reach."""
    settings: AdminSettings
    cache: EntityCache = field(init=False)
    """Compiled workflows that were asked for lately."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", EntityCache(self.settings.cache_size))
