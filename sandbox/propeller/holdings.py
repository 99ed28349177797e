"""What this engine holds in the database's eyes: leases, places in line for children and signals, cache
reservations.

The core thread writes them down, the leasing thread keeps them up, the pool adds to them: hence the lock.
"""

from __future__ import annotations

import threading

from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import memoization
from sandbox.store.leases import Leased

ChildPlace = tuple[int, ExecutionId]
"""The row id of the node execution that launched a child, and the child's name."""


class Holdings:
    """All by row id of the execution they belong to. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[int, Leased] = {}
        self._children: dict[ChildPlace, tuple[int, int]] = {}
        self._children_of: dict[int, set[ChildPlace]] = {}
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

    def await_child(self, place: ChildPlace, execution_id: int, node: int) -> None:
        """Note that a node waits for its child."""
        with self._lock:
            self._children[place] = (execution_id, node)
            self._children_of.setdefault(execution_id, set()).add(place)

    def awaits_children(self) -> bool:
        """Whether any node waits for a child."""
        return bool(self._children)

    def awaited_children(self, execution_ids: set[int]) -> list[ChildPlace]:
        """The children that nodes of these executions wait for."""
        with self._lock:
            found = execution_ids & self._children_of.keys()
            return [place for execution_id in found for place in self._children_of[execution_id]]

    def take_child(self, place: ChildPlace) -> tuple[int, int] | None:
        """Note that a child is waited for no longer. The execution and the node that did; None: none."""
        with self._lock:
            waiting = self._children.pop(place, None)
            if waiting is not None:
                self._children_of[waiting[0]].discard(place)
            return waiting

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
            for child in self._children_of.pop(execution_id, ()):
                del self._children[child]
            for place in [place for place in self._reservations if place[0] == execution_id]:
                del self._reservations[place]
