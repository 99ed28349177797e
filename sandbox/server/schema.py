"""The database's schema and the bucket, before any role uses them.

On a laptop the one control plane brings it up to date. In a cluster the role `migrate` does, once an upgrade,
and every other role waits until it has.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sandbox.server.config import ServerConfig
from sandbox.server.ground import Ground
from sandbox.store import migrate, projects
from sandbox.store.errors import DatabaseUnavailable, Unavailable
from sandbox.store.objects import S3ObjectStore

_LOG = logging.getLogger(__name__)
_SOON = 0.02
_LATER = 0.5


class _NotYet(DatabaseUnavailable):
    """The schema is not the one that this version needs."""


def upgrade(ground: Ground, stop: threading.Event) -> bool:
    """Wait for the database, bring it up to date, and make the projects of a fresh sandbox.

    Raises DatabaseUnavailable if it stays away; False when `stop` was set meanwhile.
    """
    url = ground.config.database.url
    if not _insist(lambda: migrate.upgrade(url), ground.config, stop, pause=_SOON):
        return False
    with ground.database.transaction() as connection:
        projects.seed(connection)
        projects.seed(connection, (ground.config.system_project,))
    return True


def await_current(ground: Ground, stop: threading.Event) -> bool:
    """Wait until the database is as this version needs it. As `upgrade`, else."""

    def look() -> None:
        with ground.database.transaction() as connection:
            if not migrate.is_current(connection):
                raise _NotYet(
                    f"The database is not at revision {migrate.HEAD} yet: `--role migrate` brings it there"
                )

    return _insist(look, ground.config, stop, pause=_LATER)


def ensure_bucket(ground: Ground, stop: threading.Event) -> bool:
    """Wait for the object store, and make the bucket if it isn't there.

    Raises ObjectStoreUnavailable if it stays away; False when `stop` was set meanwhile.
    """
    objects = ground.objects
    if not isinstance(objects, S3ObjectStore):
        return True
    return _insist(
        lambda: objects.ensure_bucket(ground.config.objects.bucket), ground.config, stop, pause=_LATER
    )


def _insist(
    attempt: Callable[[], None], config: ServerConfig, stop: threading.Event, *, pause: float
) -> bool:
    deadline = time.monotonic() + config.database.startup_timeout
    told = ""
    while True:
        try:
            attempt()
        except Unavailable as exc:
            if time.monotonic() > deadline:
                raise
            if str(exc) != told:
                _LOG.info("waiting: %s", told := str(exc))
            if stop.wait(pause):
                return False
        else:
            return True
