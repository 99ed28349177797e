"""An execution in the engine's memory: its state, and what the shell knows beside it."""

from __future__ import annotations

from functools import cached_property

from flyteidl.admin import execution_pb2

from sandbox.idl import paths
from sandbox.idl.identifiers import AttemptKey, ExecutionId, NodeId
from sandbox.propeller.core import commands, legacy_arrays
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node, State
from sandbox.store.leases import Leased


class Running:
    """One execution that this engine leases. Only the core thread changes it."""

    def __init__(
        self,
        leased: Leased,
        state: State,
        metadata_prefix: str,
        *,
        spec: execution_pb2.ExecutionSpec,
        node_rows: dict[str, int],
    ) -> None:
        self.leased = leased
        self.state = state
        self.spec = spec
        self.places = Places(paths.ExecutionPaths.of(metadata_prefix, leased.execution), state)
        self.node_rows = node_rows
        """Row ids of node executions, by unique node id."""
        self.numbers = {node.unique_id: node.number for node in state.nodes if node.unique_id}
        """Nodes by unique node id: executors and children name them so."""
        self.committed = state.applied
        """How many events are stored."""
        self.events: list[bytes] = []
        """Encoded events to be stored next."""
        self.execution_changed = False
        self.nodes_changed: dict[int, None] = {}
        self.attempts_changed: dict[tuple[int, int], None] = {}
        self.dynamic_workflows: dict[int, bytes] = {}
        """`admin.DynamicWorkflowNodeMetadata` of nodes that unfold, to be stored with their rows."""
        self.arrays_changed: set[int] = set()
        """Array nodes whose elements changed, and whose task execution will say so before long."""
        self.durable: list[commands.Command] = []
        """Commands to be carried out once the events are stored."""
        self.dropped = False
        """Whether it is no longer this engine's: what is still under way for it comes to nothing."""

    @property
    def id(self) -> int:
        """Its row id."""
        return self.leased.id

    @property
    def execution(self) -> ExecutionId:
        """Its name."""
        return self.leased.execution

    @cached_property
    def environment(self) -> dict[str, str]:
        """Variables that the request gives to all tasks, and those that name the execution."""
        execution = self.execution
        workflow = f"{execution.project}:{execution.domain}:{self.workflow_name}"
        return {
            **{pair.key: pair.value for pair in self.spec.envs.values},
            "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
            "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
            "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
            "FLYTE_INTERNAL_EXECUTION_WORKFLOW": workflow,
        }

    @cached_property
    def workflow_name(self) -> str:
        """The primary workflow's name, without project and version."""
        return str(self.state.graph.workflows[0].template.id.name)

    def stored(self) -> list[commands.Command]:
        """Note that everything up to now is stored; the commands that may be carried out from now on."""
        self.committed += len(self.events)
        self.events.clear()
        self.nodes_changed.clear()
        self.dynamic_workflows.clear()
        self.attempts_changed.clear()
        self.execution_changed = False
        durable, self.durable = self.durable, []
        return durable

    def key(self, node: Node, attempt: int) -> AttemptKey:
        """How executors name an attempt."""
        return AttemptKey(self.execution, node.unique_id, attempt)


class Places:
    """Where the nodes of an execution keep their data."""

    def __init__(self, root: paths.ExecutionPaths, state: State) -> None:
        self._root = root
        self._state = state
        self._owners: dict[int, paths.AttemptPaths] = {}

    @property
    def workflow_inputs(self) -> str:
        """The execution's inputs.pb: the outputs of its start node."""
        return self._root.workflow_inputs

    def node(self, node: Node) -> paths.NodePaths:
        """The node's folder: at the top, or inside its owner's."""
        if node.owner < 0:
            return self._root.node(node.spec.node_id)
        if node.index >= 0:
            return self._inside(node.owner).element(node.index)
        return self._inside(node.owner).child(node.spec.node_id)

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
        if kind is NodeKind.LAUNCH_PLAN:
            return node.outputs_uri
        if kind is NodeKind.BRANCH and isinstance(node.child, int):
            return self.outputs(self._state.nodes[node.child])
        if kind is NodeKind.START and node.owner >= 0:
            return self.inputs(self._state.nodes[node.owner])
        if kind is NodeKind.END and node.owner >= 0:
            return self._inside(node.owner).outputs
        number = node.attempts[-1].number if node.attempts else 0
        return self.attempt(node, number).outputs

    def upstream(self, node: Node, name: NodeId) -> Node:
        """The node that a binding of this one refers to."""
        scope = self._state.scopes[node.scope]
        return self._state.nodes[scope.base + scope.graph.by_id[name]]

    def _inside(self, owner: int) -> paths.AttemptPaths:
        found = self._owners.get(owner)
        if found is None:
            found = self._owners[owner] = self._place_inside(self._state.nodes[owner])
        return found

    def _place_inside(self, owner: Node) -> paths.AttemptPaths:
        return self.node(owner).attempt(owner.inner_attempt)
