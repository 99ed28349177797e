"""The endpoints that the sandbox was told of: the connection, the pools, and what each offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sandbox.executors.agent import directory, errors
from sandbox.executors.agent.client import Connector
from sandbox.executors.agent.directory import Offer
from sandbox.executors.agent.settings import ConnectorSettings

_DOWN_AGAIN = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between looks at an endpoint that does not answer."""


class Endpoint:
    """One of them. As a job: the look at what it serves, again and again.

    Its calls have pools of their own, so that one endpoint that hangs delays nothing of another.
    """

    def __init__(self, address: str, settings: ConnectorSettings, looked: Callable[[Offer], None]) -> None:
        self.connector = Connector(address, settings)
        self.offer = Offer(address)
        self.pool = ThreadPoolExecutor(settings.unary_calls, thread_name_prefix=f"connector-{address}")
        self.sync_pool = ThreadPoolExecutor(
            settings.sync_calls, thread_name_prefix=f"connector-sync-{address}"
        )
        self._looked = looked
        self._settings = settings
        self._failures = 0

    def __str__(self) -> str:
        return f"the connector at {self.offer.endpoint}"

    def advance(self) -> float:
        began = time.monotonic()
        try:
            offered = self._offered()
        except errors.ConnectorError as error:
            self._failures += 1
            offer = replace(self.offer, is_up=False, looked_at=began, trouble=error.said)
        else:
            self._failures = 0
            offer = Offer(self.offer.endpoint, offered, is_up=True, answered=True, looked_at=began)
        self.offer = offer
        self._looked(offer)
        return self._delay()

    def stumbled(self, error: Exception) -> float:
        self._failures += 1
        return self._delay()

    def close(self, patience: float) -> None:
        """End the calls under way."""
        self.connector.close(patience)
        for pool in (self.pool, self.sync_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def _offered(self) -> dict[directory.Category, bool]:
        try:
            return directory.categories(self.connector.list_agents())
        except errors.Refused:  # an agent of before ListAgents: it is there, and nobody knows for what
            return {}

    def _delay(self) -> float:
        if not self._failures:
            return self._settings.look_every
        if self._failures > len(_DOWN_AGAIN):
            return self._settings.look_every
        return _DOWN_AGAIN[self._failures - 1]
