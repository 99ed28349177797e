"""The execution that another one recovers: its state, folded once from its history.

A node here and a node there correspond when they are the same node of the same template, inside of
corresponding nodes; so it does not matter how often something had to be tried then. (Flyte compares unique
node ids, in which the number of the parent's attempt is, and finds nothing inside of what was retried.)

A failure node corresponds to none: the failure that it clears up after is a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sandbox.idl import names, paths
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller.core.state import Node, Scope, State
from sandbox.propeller.places import Places


class Source:
    """The execution that another one recovers, as it stands."""

    def __init__(self, execution: ExecutionId, state: State, places: Places, raw_data: str) -> None:
        self.execution = execution
        self.state = state
        self.places = places
        self._raw_data = raw_data
        self._scopes: dict[int, Scope | None] = {}
        self._same_arrays: dict[int, bool] = {}

    def counterpart(self, state: State, node: Node) -> Node | None:
        """The node of the source that corresponds to one of the execution that recovers it, if it began."""
        found = self._element(state, node) if node.index >= 0 else self._of_template(state, node)
        return found if found is not None and found.unique_id else None

    def same_array(self, number: int, compare: Callable[[], bool]) -> bool:
        """Whether an array has the inputs that it had: found out once for all of its elements."""
        if number not in self._same_arrays:
            self._same_arrays[number] = compare()
        return self._same_arrays[number]

    def checkpoints(self, was: Node) -> Iterator[str]:
        """The folders in which attempts of a node may have left checkpoints, the latest first."""
        for attempt in reversed(was.attempts):
            name = names.unique_task_name(
                self.execution.name, was.unique_id, attempt.number, task_type=was.task_type
            )
            yield paths.checkpoint_prefix(paths.raw_output_prefix(self._raw_data, name))
        if was.checkpoint:
            yield was.checkpoint

    def _element(self, state: State, node: Node) -> Node | None:
        array = self.counterpart(state, state.nodes[node.owner])
        if array is None or array.elements is None or node.index >= array.elements.size:
            return None
        return self.state.nodes[array.elements.base + node.index]

    def _of_template(self, state: State, node: Node) -> Node | None:
        here = state.scopes[node.scope]
        if node.number == here.base + here.graph.failure_node:
            return None
        there = self._scope(state, here)
        index = None if there is None else there.graph.by_id.get(node.spec.node_id)
        return None if there is None or index is None else self.state.nodes[there.base + index]

    def _scope(self, state: State, here: Scope) -> Scope | None:
        if here.number not in self._scopes:
            self._scopes[here.number] = self._find_scope(state, here)
        return self._scopes[here.number]

    def _find_scope(self, state: State, here: Scope) -> Scope | None:
        if here.owner < 0:
            return self.state.scopes[0] if self.state.scopes else None
        owner = state.nodes[here.owner]
        if owner.is_dynamic and owner.attempts:
            return None  # What its task made now need not be what it made then.
        was = self.counterpart(state, owner)
        return self.state.scopes[was.child] if was is not None and isinstance(was.child, int) else None
