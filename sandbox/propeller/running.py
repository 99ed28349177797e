"""An execution in the engine's memory: its state, and what the shell knows beside it."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from flyteidl.admin import execution_pb2

from sandbox.idl import paths, quality
from sandbox.idl.identifiers import AttemptKey, ExecutionId
from sandbox.propeller.core import commands
from sandbox.propeller.core.state import Node, State
from sandbox.propeller.places import Places
from sandbox.propeller.source import Source
from sandbox.store import attributes
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
        raw_data: str,
        source: Source | None = None,
    ) -> None:
        self.leased = leased
        self.state = state
        self.spec = spec
        self.places = Places(paths.ExecutionPaths.of(metadata_prefix, leased.execution), state)
        self.node_rows = node_rows
        """Row ids of node executions, by unique node id."""
        self.raw_data = raw_data
        """Where its tasks put files and tables."""
        self.source = source
        """The execution that it recovers, if it does."""
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
    def budget(self) -> timedelta:
        """How long its attempts may wait before they start."""
        template = self.state.graph.workflows[0].template
        return quality.budget(self.spec.quality_of_service, template.metadata.quality_of_service)

    @cached_property
    def scope(self) -> attributes.Scope:
        """Where it belongs, for what administrators set."""
        execution = self.execution
        return attributes.Scope(execution.project, execution.domain, self.workflow_name)

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
