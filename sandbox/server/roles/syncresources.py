"""The cluster-resource sync as a role."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.server import cluster
from sandbox.server.ground import Ground
from sandbox.server.roles.role import Role
from sandbox.syncresources.admin import Admin
from sandbox.syncresources.sync import Sync, SyncSettings
from sandbox.syncresources.variables import Defaults


class ClusterResources(Role):
    """Several may run; they write the same."""

    def __init__(self, ground: Ground) -> None:
        settings = cluster.of(ground.config)
        kept = settings.cluster_resources
        self._client = cluster.client(settings)
        self._admin = Admin(ground.admin)
        self._sync = Sync(
            SyncSettings(
                templates=Path(kept.templates),
                control_namespace=settings.namespace,
                defaults=Defaults(settings.pods.namespace, kept.defaults, kept.domain_defaults),
                every=kept.every,
                correct_every=kept.correct_every,
            ),
            self._admin,
            self._client,
        )

    def start(self) -> None:
        self._sync.start()

    def drain(self) -> None:
        """Write no more."""
        self._sync.stop()

    def close(self) -> None:
        self._admin.close()
        self._client.close()

    def is_alive(self) -> bool:
        return self._sync.is_alive()

    def troubles(self) -> tuple[str, ...]:
        trouble = self._sync.trouble()
        return (trouble,) if trouble else ()

    def counters(self) -> Mapping[str, float]:
        return {"flyte_sandbox_namespaces_kept": self._sync.kept()}
