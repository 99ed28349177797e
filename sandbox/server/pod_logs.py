"""What attempts printed, read for the console from pods, and from where the logs of ended ones are kept."""

from __future__ import annotations

import logging

from sandbox.console.logs import LogChunk
from sandbox.executors.kubernetes.errors import KubernetesError
from sandbox.executors.kubernetes.kinds import Pod
from sandbox.executors.kubernetes.logs import KubernetesLogs
from sandbox.executors.kubernetes.plugins import task_types
from sandbox.idl.identifiers import AttemptKey
from sandbox.server import cluster
from sandbox.server.ground import Ground
from sandbox.store.errors import StoreError

_LOG = logging.getLogger(__name__)


class PodLogs:
    """A `sandbox.console.logs.LogReader`."""

    def __init__(self, logs: KubernetesLogs) -> None:
        self._logs = logs

    @classmethod
    def of(cls, ground: Ground) -> PodLogs:
        """By the configuration. Raises ConfigError."""
        client = cluster.client(cluster.of(ground.config))
        kinds = (Pod(), *task_types.KINDS.values())
        return cls(KubernetesLogs(client, ground.objects, cluster.pods(ground.config), kinds))

    def read(self, key: AttemptKey, offset: int, limit: int) -> LogChunk | None:
        """As the protocol says; a log that can't be reached now is none yet."""
        try:
            found = self._logs.read(key, offset, limit)
        except (KubernetesError, StoreError) as error:
            _LOG.warning("the log of %s can't be read: %s", key, error)
            return None
        return None if found is None else LogChunk(found.data, found.offset, found.size)
