"""The standard gRPC health service, which says NOT_SERVING when the control plane can't do its work.

The protocol has no room for a reason: it travels in the trailing metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2

REASON = "reason"
"""The key of the trailing metadata that says what is wrong."""


class HealthService(health.HealthServicer):  # type: ignore[misc]  # the package has no types
    """Answers for the whole server and for each service by its name: they are well or ill together."""

    def __init__(self, services: Sequence[str], troubles: Callable[[], tuple[str, ...]]) -> None:
        super().__init__()
        self._services = ("", *services)
        self._troubles = troubles
        self.refresh()

    def refresh(self) -> None:
        """Tell those who watch how things are now."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        now = status.NOT_SERVING if self._troubles() else status.SERVING
        for service in self._services:
            self.set(service, now)

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """How things are now, and why; never waits."""
        answer = super().Check(request, context)
        troubles = self._troubles()
        if not troubles or request.service not in self._services:
            return answer
        reason = " ".join(troubles).encode("ascii", "replace").decode()
        context.set_trailing_metadata(((REASON, " ".join(reason.split())),))
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
