"""The pod webhook as a role."""

from __future__ import annotations

from sandbox.server import cluster
from sandbox.server.errors import PortUnavailable
from sandbox.server.ground import Ground
from sandbox.server.roles.role import Role
from sandbox.webhook.server import WebhookServer
from sandbox.webhook.trust import Trust


class PodWebhook(Role):
    """Several may run: they share a certificate. Raises PortUnavailable, NoConnection."""

    def __init__(self, ground: Ground) -> None:
        settings = cluster.of(ground.config)
        self._client = cluster.client(settings)
        trust = Trust(
            self._client,
            namespace=settings.namespace,
            service=settings.webhook.service,
            secret=settings.webhook.secret,
            configuration=settings.webhook.configuration,
        )
        host, port = settings.listen.host, settings.listen.webhook
        try:
            self._server = WebhookServer(trust, host, port)
        except OSError as exc:
            raise PortUnavailable(f"can't listen on {host}:{port}: {exc.strerror or exc}") from exc

    def start(self) -> None:
        self._server.start()

    def drain(self) -> None:
        """Answer no more."""
        self._server.stop()

    def close(self) -> None:
        self._client.close()

    def is_alive(self) -> bool:
        return self._server.is_alive()

    def troubles(self) -> tuple[str, ...]:
        trouble = self._server.trouble()
        return (trouble,) if trouble else ()
