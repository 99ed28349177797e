"""Recovery: going on from where another execution of the same workflow failed.

What succeeded then (`source`), with the same inputs as now, is not run again: outputs and deck are copied,
and the node is RECOVERED. Of what did not succeed the parts are used: a dynamic task goes on with the
workflow that it made, a task finds the checkpoints of its last attempt, a child execution is recovered
itself; a subworkflow, a branch or an array is begun, and its nodes are looked up in turn.

Objects that are gone are no reason to fail: the node runs, and the log says why.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from flyteidl.admin import node_execution_pb2
from flyteidl.core import compiler_pb2, literals_pb2
from google.protobuf import message

from sandbox.idl import paths
from sandbox.propeller import clock, offloading
from sandbox.propeller.core import events, graph
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node, NodePhase
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.running import Running
from sandbox.propeller.source import Source
from sandbox.propeller.unfolding import Unfolded
from sandbox.store import errors
from sandbox.store.objects import ObjectStore

_LOG = logging.getLogger(__name__)
_ATTEMPTING = (NodeKind.TASK, NodeKind.ELEMENT)
_PROCESSES = ("container", "k8s_pod")
"""Targets of tasks that may keep checkpoints."""


@dataclass(frozen=True, slots=True)
class Recoverer:
    """Finds out what of a node can be recovered. Raises store.errors.Unavailable when it is to be tried
    again.
    """

    literals: LiteralStore
    objects: ObjectStore

    def whole(
        self, running: Running, node: Node, inputs: literals_pb2.LiteralMap
    ) -> events.NodeRecovered | Unfolded | None:
        """What stands for the node's own work: it succeeded then, or made the workflow that it goes on
        with.
        """
        source, was = _counterpart(running, node)
        if source is None or was is None or node.spec.kind is NodeKind.END:
            return None
        is_done = was.has_succeeded or _came_to_an_end(was)
        is_made = was.is_dynamic and not is_done
        if not (is_done or is_made) or not self._same_inputs(running, source, node, was, inputs):
            return None
        try:
            recover = self._workflow if is_made else self._copy
            return recover(running, source, node, was)
        except (errors.ObjectNotFound, UnreadableLiterals, graph.BadGraph) as error:
            _LOG.warning(
                "%s runs node %s again: what it was in %s can't be read: %s",
                running.execution,
                node.unique_id,
                source.execution,
                error,
            )
            return None

    def parts(
        self, running: Running, node: Node, inputs: literals_pb2.LiteralMap, prepared: events.NodePrepared
    ) -> events.NodePrepared:
        """The same event with what helps a node that must run: a checkpoint, the child to recover."""
        source, was = _counterpart(running, node)
        if source is None or was is None or was.has_succeeded:
            return prepared
        if node.spec.kind in (NodeKind.LAUNCH_PLAN, NodeKind.CHILD) and isinstance(was.child, str):
            return replace(prepared, child=was.child)
        if (
            node.spec.kind in _ATTEMPTING
            and node.template.WhichOneof("target") in _PROCESSES
            and self._same_inputs(running, source, node, was, inputs)
        ):
            left = (one for one in source.checkpoints(was) if any(True for _ in self.objects.list(f"{one}/")))
            return replace(prepared, checkpoint=next(left, ""))
        return prepared

    def _same_inputs(
        self, running: Running, source: Source, node: Node, was: Node, inputs: literals_pb2.LiteralMap
    ) -> bool:
        if node.index >= 0:
            array, old_array = running.state.nodes[node.owner], source.state.nodes[was.owner]
            now = running.places.inputs(array)
            return source.same_array(
                array.number,
                lambda: self._were(source, running, old_array, self.literals.get(now)),
            )
        return self._were(source, running, was, inputs)

    def _were(self, source: Source, running: Running, was: Node, inputs: literals_pb2.LiteralMap) -> bool:
        """Whether these were a node's inputs then."""
        try:
            before = self.literals.get(source.places.inputs(was))
        except (errors.ObjectNotFound, UnreadableLiterals) as error:
            why = f"its inputs can't be read: {error}"
        else:
            if before == inputs or _bytes(before) == _bytes(inputs):
                return True
            why = "it had other inputs"
        _LOG.warning(
            "%s runs node %s of %s again: %s", running.execution, was.unique_id, source.execution, why
        )
        return False

    def _copy(self, running: Running, source: Source, node: Node, was: Node) -> events.NodeRecovered:
        own = running.places.attempt(node, 0)
        outputs = was.outputs or _came_to_an_end(was)
        if outputs:
            self.literals.put(own.outputs, self._outputs(source.places.outputs(was)))
        child = was.child if isinstance(was.child, str) else ""
        return events.NodeRecovered(
            clock.now(),
            node.number,
            outputs=outputs,
            deck=self._copy_deck(source, was, own),
            cache=was.cache,
            catalog=was.catalog,
            child=child,
        )

    def _outputs(self, uri: str) -> literals_pb2.LiteralMap:
        """The outputs there. Raises ObjectNotFound also if a large one, in a file of its own, is gone."""
        outputs = self.literals.get(uri)
        for large in offloading.references(outputs):
            if not self.objects.exists(large):
                raise errors.ObjectNotFound(f"There is no object {large}, which {uri} refers to.")
        return outputs

    def _copy_deck(self, source: Source, was: Node, own: paths.AttemptPaths) -> bool:
        """A deck that is gone is no loss."""
        if not was.has_deck:
            return False
        try:
            deck = self.objects.get(source.places.attempt(was, was.inner_attempt).deck)
        except errors.ObjectNotFound:
            return False
        self.objects.put(own.deck, deck)
        return True

    def _workflow(self, running: Running, source: Source, node: Node, was: Node) -> Unfolded:
        """The workflow that a dynamic task made, beside the node's own data."""
        there = source.places.attempt(was, was.inner_attempt)
        own = running.places.attempt(node, 0)
        data = self.objects.get(there.compiled_dynamic)
        try:
            closure = compiler_pb2.CompiledWorkflowClosure.FromString(data)
        except message.DecodeError as error:
            raise graph.BadGraph(f"{there.compiled_dynamic} holds no compiled workflow: {error}") from error
        self.objects.put(own.futures, self.objects.get(there.futures))
        self.objects.put(own.compiled_dynamic, data)
        description = node_execution_pb2.DynamicWorkflowNodeMetadata(
            id=closure.primary.template.id, compiled_workflow=closure, dynamic_job_spec_uri=own.futures
        )
        event = events.NodePrepared(
            clock.now(), node.number, was.cache, was.catalog, unfolds=own.compiled_dynamic
        )
        return Unfolded(event, graph.build(closure), description.SerializeToString())


def _came_to_an_end(was: Node) -> bool:
    """Whether its attempt gave outputs, although the node was aborted meanwhile."""
    if was.phase is not NodePhase.ABORTED or was.spec.kind not in _ATTEMPTING or was.is_dynamic:
        return False
    return bool(was.attempts) and was.attempt.phase == "SUCCEEDED" and was.attempt.outputs


def _counterpart(running: Running, node: Node) -> tuple[Source | None, Node | None]:
    if running.source is None:
        return None, None
    return running.source, running.source.counterpart(running.state, node)


def _bytes(literals: literals_pb2.LiteralMap) -> bytes:
    """Equal for maps that hold NaN, too, which differs from itself."""
    data: bytes = literals.SerializeToString(deterministic=True)
    return data
