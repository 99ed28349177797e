"""Where the nodes of an execution keep their data, wherever in its tree they are."""

from __future__ import annotations

from sandbox.idl import paths
from sandbox.idl.identifiers import NodeId
from sandbox.propeller.core import legacy_arrays
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node, NodePhase, State


class Places:
    """Where the nodes of an execution keep their data."""

    def __init__(self, root: paths.ExecutionPaths, state: State) -> None:
        self._root = root
        self._state = state
        self._owners: dict[tuple[int, int], paths.AttemptPaths] = {}

    @property
    def workflow_inputs(self) -> str:
        """The execution's inputs.pb: the outputs of its start node."""
        return self._root.workflow_inputs

    def node(self, node: Node) -> paths.NodePaths:
        """The node's folder: at the top, or inside its owner's."""
        if node.owner < 0:
            return self._root.node(node.spec.node_id)
        if node.index >= 0:
            return self._inside(node).element(node.index)
        return self._inside(node).child(node.spec.node_id)

    def inputs(self, node: Node) -> str:
        """Its inputs.pb; an element of an array mostly reads its array's."""
        if node.spec.kind is NodeKind.START:
            return self.outputs(node)
        if node.index >= 0 and not node.spec.own_inputs:
            return self.inputs(self._state.nodes[node.owner])
        return self.node(node).inputs

    def attempt(self, node: Node, number: int) -> paths.AttemptPaths:
        """The folder of one of its attempts."""
        folder = self.node(node).attempt(number)
        if node.index >= 0 and legacy_arrays.is_one(node.spec.task):
            return paths.AttemptPaths(legacy_arrays.results(folder.prefix, node.index))
        return folder

    def task_template(self, node: Node) -> str:
        """Where the node's task template is put for a command that asks for it."""
        return self.node(node).task_template

    def output_prefix(self, node: Node, number: int) -> str:
        """The folder that the command of an attempt is told to write to."""
        return self.node(node).attempt(number).prefix

    def outputs(self, node: Node) -> str:
        """Where the node's outputs are, once it succeeded."""
        kind = node.spec.kind
        if node.phase is NodePhase.RECOVERED:
            return self.attempt(node, 0).outputs
        if kind in (NodeKind.LAUNCH_PLAN, NodeKind.CHILD):
            return node.outputs_uri
        if kind is NodeKind.BRANCH and isinstance(node.child, int):
            return self.outputs(self._state.nodes[node.child])
        if kind is NodeKind.START and node.owner >= 0:
            return self.inputs(self._state.nodes[node.owner])
        if kind is NodeKind.END and node.owner >= 0:
            return self._inside(node).outputs
        number = node.attempts[-1].number if node.attempts else 0
        return self.attempt(node, number).outputs

    def upstream(self, node: Node, name: NodeId) -> Node:
        """The node that a binding of this one refers to."""
        scope = self._state.scopes[node.scope]
        return self._state.nodes[scope.base + scope.graph.by_id[name]]

    def _inside(self, node: Node) -> paths.AttemptPaths:
        """The folder of the attempt of its owner that a node is inside of."""
        around = (node.owner, self._state.attempt_around(node))
        found = self._owners.get(around)
        if found is None:
            owner, attempt = around
            found = self._owners[around] = self.node(self._state.nodes[owner]).attempt(attempt)
        return found
