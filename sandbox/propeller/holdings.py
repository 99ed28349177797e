"""What this engine holds in the database's eyes: leases, places in line for children and signals, cache
reservations.

The core thread writes them down, the leasing thread keeps them up, the pool adds to them: hence the lock.
"""

from __future__ import annotations

import threading

from sandbox.propeller import memoization
from sandbox.store.leases import Leased


class Holdings:
    """All by row id of the execution they belong to. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[int, Leased] = {}
        self._waiting: dict[int, tuple[int, int]] = {}
        self._signals: dict[int, dict[int, str]] = {}
        self._reservations: dict[tuple[int, int], tuple[memoization.CacheKey, str]] = {}

    def hold(self, leased: Leased) -> None:
        """Note that an execution is ours, before it is loaded."""
        with self._lock:
            self._leases[leased.id] = leased

    def release(self, execution_id: int) -> None:
        """Note that an execution is ours no longer."""
        with self._lock:
            self._leases.pop(execution_id, None)

    def held(self) -> set[int]:
        """The row ids of the executions that are ours."""
        with self._lock:
            return set(self._leases)

    def await_child(self, node_row_id: int, execution_id: int, node: int) -> None:
        """Note that a launch-plan node waits for its child."""
        with self._lock:
            self._waiting[node_row_id] = (execution_id, node)

    def waiting(self, execution_ids: set[int]) -> dict[int, tuple[int, int]]:
        """The launch-plan nodes of these executions that wait: row id to execution and node."""
        with self._lock:
            return {row: where for row, where in self._waiting.items() if where[0] in execution_ids}

    def await_signal(self, execution_id: int, node: int, signal: str) -> None:
        """Note that a gate node waits for a signal."""
        with self._lock:
            self._signals.setdefault(execution_id, {})[node] = signal

    def awaited_signals(self, execution_ids: set[int]) -> list[tuple[int, int, str]]:
        """The gate nodes of these executions that wait: execution, node and signal."""
        with self._lock:
            return [
                (execution_id, node, signal)
                for execution_id in execution_ids & self._signals.keys()
                for node, signal in self._signals[execution_id].items()
            ]

    def take_signal(self, execution_id: int, node: int) -> bool:
        """Note that a gate node waits no longer; False: it does not."""
        with self._lock:
            return self._signals.get(execution_id, {}).pop(node, None) is not None

    def reserve(self, execution_id: int, node: int, key: memoization.CacheKey, owner: str) -> None:
        """Note that a node has the right to compute cached outputs, in the name of `owner`."""
        with self._lock:
            self._reservations[execution_id, node] = (key, owner)

    def unreserve(self, execution_id: int, node: int) -> None:
        """Prolong a node's reservation no longer, if it has one."""
        with self._lock:
            self._reservations.pop((execution_id, node), None)

    def reservations(self) -> list[tuple[memoization.CacheKey, str]]:
        """The rights to compute cached outputs that are to be prolonged: key and owner."""
        with self._lock:
            return list(self._reservations.values())

    def forget(self, execution_id: int) -> None:
        """Drop what the nodes of an execution hold; its lease stays."""
        with self._lock:
            self._signals.pop(execution_id, None)
            for row in [row for row, where in self._waiting.items() if where[0] == execution_id]:
                del self._waiting[row]
            for place in [place for place in self._reservations if place[0] == execution_id]:
                del self._reservations[place]
