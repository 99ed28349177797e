"""Child executions of launch-plan nodes: created as admin would create them, found again by their name.

The child's row says which node it belongs to. When it ends, whichever engine drove it announces the parent
(`projections.commit`), and whichever engine holds the parent looks.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2

from sandbox.compiler import launching
from sandbox.compiler.errors import InputsRejected
from sandbox.idl import names, paths, quality
from sandbox.idl.identifiers import EntityId, ExecutionId
from sandbox.propeller import clock
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node
from sandbox.propeller.elements import NodeInputs
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.preparing import refuse
from sandbox.propeller.running import Running
from sandbox.store import eager_executions, errors, executions, launch_plans, leases
from sandbox.store.database import Connection, Database

_LOG = logging.getLogger(__name__)
_ABORTED = "cascading abort as parent execution id [{execution}] aborted, reason [{reason}]"


class ChildLauncher:
    """Creates and aborts child executions."""

    def __init__(
        self, database: Database, literals: LiteralStore, inputs: NodeInputs, metadata_prefix: str
    ) -> None:
        self._database = database
        self._literals = literals
        self._inputs = inputs
        self._metadata_prefix = metadata_prefix
        self._lock = threading.Lock()
        """Held while a child is created or aborted: an abort comes wholly before or wholly after a launch."""

    def launch(
        self, running: Running, node: Node, attempt: int, node_row_id: int
    ) -> events.ChildStarted | events.NodeRefused | None:
        """Create the child, or find it; None: it is not wanted any more, nothing was created.

        Raises store.errors.Unavailable when it should be tried again.
        """
        child = child_of(running, node, attempt)
        try:
            with self._lock, self._database.transaction() as connection:
                existing = executions.find(connection, child)
                if existing is None and _is_unwanted(node, attempt):
                    return None
                if existing is None:
                    self._create(connection, running, node, child, node_row_id)
                elif existing.parent_node_execution_id != node_row_id:
                    raise errors.AlreadyExists(f"an execution {child} exists that this node did not start")
        except (InputsRejected, errors.NotFound) as error:
            return refuse(node, _not_launched(node, error, USER))
        except (errors.StoreError, UnreadableLiterals) as error:
            if isinstance(error, errors.Unavailable):
                raise
            return refuse(node, _not_launched(node, error, SYSTEM))
        return events.ChildStarted(clock.now(), node.number, attempt, child.name)

    def abort(self, running: Running, node: Node, attempt: int, reason: str) -> bool:
        """Wish the child's end; False: it does not exist (or is over)."""
        child = child_of(running, node, attempt)
        cause = _ABORTED.format(execution=running.execution.name, reason=reason)
        try:
            with self._lock, self._database.transaction() as connection:
                return eager_executions.request_abort(
                    connection, child, cause=cause, principal="flytepropeller"
                )
        except errors.NotFound:
            return False

    def _create(
        self, connection: Connection, running: Running, node: Node, child: ExecutionId, node_row_id: int
    ) -> None:
        plan = launch_plans.get(connection, _plan(node))
        if plan.workflow_id is None:
            raise errors.NotFound(f"{_plan(node)} runs a lone task, which a node can't launch")
        expected = launch_plan_pb2.LaunchPlanClosure.FromString(plan.closure).expected_inputs
        fixed = launch_plan_pb2.LaunchPlanSpec.FromString(plan.spec)
        given = self._inputs.of(running, node)
        resolved = launching.resolve_inputs(expected, fixed.fixed_inputs, given)
        places = paths.RequestPaths.of(self._metadata_prefix, child)
        self._literals.put(places.inputs, resolved)
        self._literals.put(places.user_inputs, given)
        spec = _spec(running, node, fixed)
        source = self._recovered(connection, running, node)
        if source is not None:
            spec.metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
            spec.metadata.reference_execution.CopyFrom(source.execution.to_proto())
        new = executions.NewExecution(
            execution=child,
            launch_plan_id=plan.id,
            workflow_id=plan.workflow_id,
            spec=spec.SerializeToString(deterministic=True),
            inputs_uri=places.inputs,
            user_inputs_uri=places.user_inputs,
            mode=spec.metadata.mode,
            source_execution_id=None if source is None else source.id,
            user=spec.metadata.principal,
            parent_node_execution_id=node_row_id,
            priority=quality.priority(clock.moment(clock.now()), quality.budget(spec.quality_of_service)),
            tags=tuple(spec.labels.values.items()),
        )
        executions.create(connection, new)

    def _recovered(self, connection: Connection, running: Running, node: Node) -> executions.Execution | None:
        """The execution that the node's child recovers, if there is one."""
        if not node.recovers:
            return None
        known = replace(running.execution, name=node.recovers)
        found = executions.find(connection, known)
        if found is None:
            _LOG.warning("%s launches node %s anew: %s is gone", running.execution, node.unique_id, known)
        return found


def child_of(running: Running, node: Node, attempt: int) -> ExecutionId:
    """The name of a node's child."""
    parent = running.execution
    name = names.child_execution_name(parent.name, node.unique_id, attempt)
    return ExecutionId(parent.project, parent.domain, name)


def launching_node(running: Running, node: Node) -> Node:
    """The node that people see as the one that launched a node's child: of an element, its array."""
    return node if node.index < 0 else running.state.nodes[node.owner]


def _is_unwanted(node: Node, attempt: int) -> bool:
    """Whether the node is being aborted, or this attempt is late, before its child was there."""
    is_late = node.attempt.number != attempt or node.attempt.failure is not None
    return is_late or node.aborting is not None


def ended(running: Running, node: Node, child: leases.EndedChild) -> events.ChildEnded | None:
    """What the end of a child means for its node; None: it is one of an attempt that is long over."""
    attempt = node.attempt.number
    if child.execution != child_of(running, node, attempt):
        return None
    at = clock.now()
    if child.phase == "SUCCEEDED":
        return events.ChildEnded(at, node.number, attempt, outputs_uri=child.outputs_uri)
    if child.phase == "ABORTED":
        message = f"the child execution {node.child or ''} was aborted: {child.abort_cause}"
        failure = Failure("RemoteChildWorkflowExecutionFailed", message, USER)
        return events.ChildEnded(at, node.number, attempt, failure=failure, aborted=True)
    told = core_execution_pb2.ExecutionError.FromString(child.error or b"")
    kind = core_execution_pb2.ExecutionError.ErrorKind.Name(told.kind)
    failure = Failure(
        told.code or "LaunchPlanExecutionFailed",
        told.message or f"the child execution {node.child or ''} ended in phase {child.phase}",
        kind if kind in (USER, SYSTEM) else USER,
    )
    return events.ChildEnded(at, node.number, attempt, failure=failure)


def _not_launched(node: Node, error: Exception, kind: str) -> Failure:
    return Failure("RuntimeExecutionError", f"launching {_plan(node)} failed: {error}", kind)


def _plan(node: Node) -> EntityId:
    return EntityId.from_proto(node.spec.proto.workflow_node.launchplan_ref)


def _spec(running: Running, node: Node, plan: launch_plan_pb2.LaunchPlanSpec) -> execution_pb2.ExecutionSpec:
    """What the child inherits: what its parent's request said about how to run. Of its end are told those who
    its own plan names.
    """
    parent = running.spec
    spec = execution_pb2.ExecutionSpec(
        launch_plan=node.spec.proto.workflow_node.launchplan_ref,
        max_parallelism=parent.max_parallelism or plan.max_parallelism,
        overwrite_cache=parent.overwrite_cache or plan.overwrite_cache,
        labels=common_pb2.Labels(values={**plan.labels.values, **parent.labels.values}),
        annotations=common_pb2.Annotations(values={**plan.annotations.values, **parent.annotations.values}),
        envs=parent.envs if parent.envs.values else plan.envs,
        raw_output_data_config=(
            parent.raw_output_data_config
            if parent.raw_output_data_config.output_location_prefix
            else plan.raw_output_data_config
        ),
        metadata=execution_pb2.ExecutionMetadata(
            mode=execution_pb2.ExecutionMetadata.CHILD_WORKFLOW,
            nesting=parent.metadata.nesting + 1,
            principal=parent.metadata.principal,
            parent_node_execution=identifier_pb2.NodeExecutionIdentifier(
                node_id=launching_node(running, node).unique_id, execution_id=running.execution.to_proto()
            ),
        ),
    )
    for said in (plan.quality_of_service, parent.quality_of_service):
        if quality.is_said(said):
            spec.quality_of_service.CopyFrom(said)
            break
    spec.notifications.notifications.extend(plan.entity_metadata.notifications)
    if parent.HasField("execution_cluster_label"):
        spec.execution_cluster_label.CopyFrom(parent.execution_cluster_label)
    for source in (plan, parent):
        if source.HasField("security_context"):
            spec.security_context.CopyFrom(source.security_context)
        if source.HasField("interruptible"):
            spec.interruptible.CopyFrom(source.interruptible)
    return spec
