"""Connections: which node waits for which, in both directions.

An *execution edge* counts both ways. Nodes inside of a branch, and the failure node, know what they read from
(upstream) without being run because of it (no downstream edge).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flyteidl.core import compiler_pb2

from sandbox.idl.paths import START_NODE


class Connections:
    """The edges of one workflow, by node id."""

    def __init__(self) -> None:
        self._upstream: dict[str, set[str]] = {}
        self._downstream: dict[str, set[str]] = {}

    def add_execution(self, provider: str, dependent: str) -> None:
        """`dependent` runs after `provider`; no provider means the start node."""
        self._downstream.setdefault(provider or START_NODE, set()).add(dependent)
        self.add_upstream(provider, dependent)

    def add_upstream(self, provider: str, dependent: str) -> None:
        """`dependent` reads from `provider`."""
        self._upstream.setdefault(dependent, set()).add(provider or START_NODE)

    def has_upstream(self, node: str) -> bool:
        return node in self._upstream

    def has_downstream(self, node: str) -> bool:
        return node in self._downstream

    def cycle(self) -> list[str] | None:
        """The nodes of one cycle, the first one again at its end; None if there is none."""
        finished: set[str] = set()
        for start in sorted(self._downstream):
            if start not in finished:
                found = self._cycle_from(start, finished)
                if found:
                    return found
        return None

    def reachable(self, start: str) -> set[str]:
        """Every node that runs once `start` has, `start` included."""
        seen = {start}
        waiting = [start]
        while waiting:
            for following in self._downstream.get(waiting.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return seen

    def to_proto(self) -> compiler_pb2.ConnectionSet:
        """Sorted, so that the same workflow always compiles to the same bytes."""
        connections = compiler_pb2.ConnectionSet()
        for node, ids in self._upstream.items():
            connections.upstream[node].ids.extend(sorted(ids))
        for node, ids in self._downstream.items():
            connections.downstream[node].ids.extend(sorted(ids))
        return connections

    def _cycle_from(self, start: str, finished: set[str]) -> list[str] | None:
        """Depth first, with a stack of our own: a chain may be longer than Python's."""
        path = [start]
        on_path = {start}
        stack: list[Iterator[str]] = [self._following(start)]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                done = path.pop()
                on_path.discard(done)
                finished.add(done)
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following not in finished:
                path.append(following)
                on_path.add(following)
                stack.append(self._following(following))
        return None

    def _following(self, node: str) -> Iterator[str]:
        following: Iterable[str] = self._downstream.get(node, ())
        return iter(sorted(following))
