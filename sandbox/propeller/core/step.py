"""One step of the machine: the moves that a node can make, whatever its kind.

A `Step` lives for one event. Kinds (`core/kinds/`) call its moves; the moves call the kinds through the table
that the step was given, so no module imports another in a circle. Finished nodes are queued and settled in a
loop, not by recursion: a chain of ten thousand skipped nodes needs no deep stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol, cast

from sandbox.idl import names
from sandbox.idl.identifiers import UniqueNodeId
from sandbox.propeller.core import commands, events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.graph import ClosureGraph, NodeKind
from sandbox.propeller.core.state import (
    LATE,
    TIMED_OUT,
    Elements,
    ExecutionPhase,
    Node,
    NodePhase,
    Scope,
    ScopePhase,
    State,
)

AUTO_ABORT = "Some node execution failed, auto-abort."
_BLOCKING = frozenset({NodePhase.FAILED, NodePhase.SKIPPED, NodePhase.TIMED_OUT, NodePhase.ABORTED})


class Kind(Protocol):
    """What differs from one kind of node to the next."""

    takes_slot: bool
    """Whether it counts against `max_parallelism`."""

    def begin(self, step: Step, node: Node) -> None:
        """Everything that the node needs is finished (and it has its slot)."""

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        """Its inputs are there."""

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        """Begin to end what it runs; False: nothing of it runs, it is aborted at once."""

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        """What must be asked for again after a restart, now that the node is under way and prepared."""


class ElementsKind(Kind, Protocol):
    """A kind whose nodes have elements."""

    def element_ended(self, step: Step, node: Node, element: Node) -> None:
        """One of its elements came to its end."""


class ScopedKind(Kind, Protocol):
    """A kind whose nodes are tried again when their scope took too long."""

    def closed(self, step: Step, node: Node, phase: str) -> None:
        """Its scope is at its end."""

    def late(self, step: Step, node: Node) -> None:
        """Nothing runs any more of an attempt that took too long."""


class Step:
    """What one event does."""

    def __init__(self, state: State, at: int, kinds: Mapping[NodeKind, Kind]) -> None:
        self.state = state
        self.at = at
        self.commands: list[commands.Command] = []
        self._kinds = kinds
        self._settling: deque[Node] = deque()
        self._closing: deque[Scope] = deque()

    # --- what the kinds ask for ----------------------------------------------------------------------------

    def emit(self, command: commands.Command) -> None:
        """Have something done."""
        self.commands.append(command)

    def record(self, node: Node) -> None:
        """The node's row changed."""
        node.updated_at = self.at
        if node.index >= 0:
            self._record_element(node)
            return
        self.commands.append(commands.RecordNode(node.number))

    def record_attempt(self, node: Node) -> None:
        """The row of the node's latest attempt changed."""
        attempt = node.attempt
        attempt.updated_at = self.at
        if node.index >= 0:
            self._record_element(node)
            return
        self.commands.append(commands.RecordAttempt(node.number, attempt.number))

    def prepare(self, node: Node) -> None:
        """Have the node's inputs resolved."""
        node.phase = NodePhase.PREPARING
        self.commands.append(commands.PrepareNode(node.number))

    def run(self, node: Node) -> None:
        """The node is running from now on (again after a retry)."""
        if node.phase is not NodePhase.RUNNING:
            node.phase = NodePhase.RUNNING
            if not node.started_at:
                node.started_at = self.at
            self.record(node)

    def open_scope(self, closure: ClosureGraph, position: int, owner: int) -> Scope:
        """Lay out the nodes of a template of a compiled workflow and start its start node."""
        state = self.state
        graph = closure.workflows[position]
        scope = Scope(len(state.scopes), closure, position, len(state.nodes), owner)
        scope.attempt = state.nodes[owner].inner_attempt if owner >= 0 else 0
        state.scopes.append(scope)
        base = scope.base
        state.nodes.extend(Node(base + spec.index, scope.number, spec, owner) for spec in graph.nodes)
        self.ready(state.nodes[base + graph.start])
        return scope

    def unfold(self, node: Node, uri: str) -> None:
        """Go on with the workflow that a node's task made. The node gives its slot to what is inside."""
        self.state.slots_used -= 1
        node.child = len(self.state.scopes)
        node.phase = NodePhase.RUNNING
        self.record(node)
        self.open_scope(self.state.dynamic[uri], 0, node.number)

    def lay_out(self, node: Node, size: int, minimum: int) -> Elements:
        """Lay out the elements of an array node; none begins yet."""
        spec = node.spec.element
        if spec is None:
            raise TypeError(f"node {node.spec.node_id} has no elements")
        nodes = self.state.nodes
        base = len(nodes)
        nodes.extend(Node(base + index, node.scope, spec, node.number, index) for index in range(size))
        node.elements = Elements(base, size, minimum)
        return node.elements

    def ready(self, node: Node) -> None:
        """Nothing holds the node back: it begins, or waits for a slot, or is skipped."""
        if node.phase is not NodePhase.IDLE:
            return
        if not self.state.scopes[node.scope].admits(node):
            return
        if node.blocked:
            self.skip(node)
            return
        if self._kinds[node.spec.kind].takes_slot and not self._take_slot():
            node.phase = NodePhase.WAITING
            self.state.waiting.append(node.number)
            return
        self._begin(node)

    def skip(self, node: Node) -> None:
        """The node is not to run."""
        self._end(node, NodePhase.SKIPPED)

    def succeed(self, node: Node, *, outputs: bool) -> None:
        """The node did its work."""
        node.outputs = outputs
        self._end(node, NodePhase.SUCCEEDED)

    def recover(self, node: Node, *, outputs: bool) -> None:
        """The node did its work already, in the execution that this one recovers."""
        node.outputs = outputs
        self._end(node, NodePhase.RECOVERED)

    def fail(self, node: Node, failure: Failure) -> None:
        """The node failed for good."""
        node.failure = failure
        self._end(node, NodePhase.FAILED)

    def time_out(self, node: Node, failure: Failure) -> None:
        """The node took longer than it may."""
        node.failure = failure
        self._end(node, NodePhase.TIMED_OUT)

    def aborted(self, node: Node) -> None:
        """Nothing of the node runs any more, because it was ended from outside, or its time was up."""
        if node.reason == TIMED_OUT:
            self.time_out(node, Failure("TimeoutExpired", node.aborting or "", USER))
            return
        node.failure = Failure("NodeAborted", node.aborting or "", SYSTEM)
        self._end(node, NodePhase.ABORTED)

    def abort(self, node: Node, reason: str) -> None:
        """End a node that is under way."""
        if node.phase.is_terminal or node.aborting is not None:
            return
        node.aborting = reason
        if node.phase is NodePhase.PREPARING or not self._kinds[node.spec.kind].abort(self, node, reason):
            self.aborted(node)

    def abort_scope(self, scope: Scope, reason: str, phase: ScopePhase) -> None:
        """End everything that is under way in a scope."""
        if scope.phase is ScopePhase.CLOSED:
            return
        scope.phase = phase
        for number in list(scope.live):
            self.abort(self.state.nodes[number], reason)
        if not scope.live:
            self._closing.append(scope)

    def case_of(self, branch: Node, index: int) -> Node:
        """The node of a branch's case; `index` is its index in the template."""
        return self.state.nodes[self.state.scopes[branch.scope].base + index]

    # --- the execution -------------------------------------------------------------------------------------

    def fail_execution(self, failure: Failure) -> None:
        """End the execution with a failure that is not a node's."""
        state = self.state
        state.failure = failure
        if not state.scopes:
            self._finish(ExecutionPhase.FAILED)
            return
        root = state.scopes[0]
        root.failure = failure
        self._show(ExecutionPhase.FAILING)
        self.abort_scope(root, failure.message, ScopePhase.FAILING)

    def abort_execution(self, cause: str) -> None:
        """End the execution because someone wants it."""
        state = self.state
        state.abort_cause = cause
        if not state.scopes:
            self._finish(ExecutionPhase.ABORTED)
            return
        self._show(ExecutionPhase.ABORTING)
        self.abort_scope(state.scopes[0], cause, ScopePhase.ABORTING)

    # --- settling ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let what ended reach those who waited for it, until nothing moves any more."""
        while True:
            if self._settling:
                self._settle(self._settling.popleft())
            elif self._closing:
                self._close(self._closing.popleft())
            elif not self._fill_slots():
                return

    def _settle(self, node: Node) -> None:
        scope = self.state.scopes[node.scope]
        if node.spec.inner:
            self._settle_inner(node, scope)
        elif scope.phase is ScopePhase.RUNNING:
            if node.phase in (NodePhase.FAILED, NodePhase.TIMED_OUT):
                self._fail_scope(scope, node)
            self._release_successors(node, scope)
        if scope.phase is not ScopePhase.RUNNING or node.number == scope.base + scope.graph.end:
            self._closing.append(scope)

    def _settle_inner(self, node: Node, scope: Scope) -> None:
        """A case of a branch decides the branch, an element is counted by its array; the failure node decides
        its scope.
        """
        if node.owner < 0 or node.number == scope.base + scope.graph.failure_node:
            return
        branch = self.state.nodes[node.owner]
        if branch.elements is not None:
            cast(ElementsKind, self._kinds[branch.spec.kind]).element_ended(self, branch, node)
            return
        if branch.child != node.number or branch.phase.is_terminal:
            return
        if node.has_succeeded:
            self.succeed(branch, outputs=node.outputs)
        elif node.phase is NodePhase.ABORTED and branch.aborting is not None:
            self.aborted(branch)
        elif node.failure is not None:
            self.fail(branch, node.failure)

    def _release_successors(self, node: Node, scope: Scope) -> None:
        nodes = self.state.nodes
        base = scope.base
        blocks = node.phase in _BLOCKING
        for index in node.spec.successors:
            successor = nodes[base + index]
            successor.waits_for -= 1
            successor.blocked = successor.blocked or blocks
            if successor.waits_for == 0:
                self.ready(successor)

    def _fail_scope(self, scope: Scope, node: Node) -> None:
        scope.failure, scope.failed = node.failure, node.number
        if not scope.graph.fail_fast:
            return
        if scope.owner < 0:
            self._show(ExecutionPhase.FAILING)
        self.abort_scope(scope, AUTO_ABORT, ScopePhase.FAILING)

    def _close(self, scope: Scope) -> None:
        """Nothing of the scope is under way: it comes to its end, unless its failure node is to run first."""
        if scope.phase is ScopePhase.CLOSED or scope.live:
            return
        if scope.failure is not None and scope.phase is not ScopePhase.ABORTING and self._handle(scope):
            return
        aborted, scope.phase = scope.phase is ScopePhase.ABORTING, ScopePhase.CLOSED
        end = self.state.nodes[scope.base + scope.graph.end]
        if scope.owner >= 0:
            self._close_inner(scope, self.state.nodes[scope.owner], end, aborted=aborted)
        elif aborted:
            self._finish(ExecutionPhase.ABORTED)
        elif scope.failure is not None:
            self.state.failure = scope.failure
            self._finish(ExecutionPhase.FAILED)
        else:
            self.state.outputs = end.outputs
            self._finish(ExecutionPhase.SUCCEEDED)

    def _close_inner(self, scope: Scope, owner: Node, end: Node, *, aborted: bool) -> None:
        if owner.is_dynamic:
            # Whoever holds something for the node's outputs need not do so any longer, unless they come.
            concludes = not aborted and scope.failure is None
            if concludes:
                self.emit(commands.ConcludeDynamic(owner.number, owner.inner_attempt))
                return
            if owner.attempts:
                self.emit(commands.ForgetAttempt(owner.number, owner.attempt.number))
        if owner.spec.kind is NodeKind.SUBWORKFLOW:
            kind = cast(ScopedKind, self._kinds[owner.spec.kind])
            if aborted and owner.reason == LATE and owner.aborting is None:
                kind.late(self, owner)
                return
            kind.closed(self, owner, "ABORTED" if aborted else "FAILED" if scope.failure else "SUCCEEDED")
        if aborted:
            self.aborted(owner)
        elif scope.failure is not None:
            self.fail(owner, scope.failure)
        else:
            self.succeed(owner, outputs=end.outputs)

    def _handle(self, scope: Scope) -> bool:
        """Start the scope's failure node, if it has one; False: there is none, or it is over. A failure of it
        masks the original.
        """
        if scope.graph.failure_node < 0:
            return False
        node = self.state.nodes[scope.base + scope.graph.failure_node]
        if node.phase is NodePhase.IDLE:
            if scope.owner < 0:
                self._show(ExecutionPhase.FAILING)
            scope.phase = ScopePhase.HANDLING
            self.ready(node)
            return True
        if not node.phase.is_terminal:  # It waits for a slot.
            scope.phase = ScopePhase.HANDLING
            return True
        if node.phase is not NodePhase.ABORTED and node.failure is not None:
            scope.failure = node.failure
        return False

    def _begin(self, node: Node) -> None:
        scope = self.state.scopes[node.scope]
        scope.live[node.number] = None
        self._identify(node)
        node.created_at = self.at
        self._kinds[node.spec.kind].begin(self, node)
        if not node.phase.is_terminal:
            self.record(node)

    def _identify(self, node: Node) -> None:
        if node.owner < 0:
            node.unique_id = names.unique_node_id(None, 0, node.spec.node_id)
        else:
            owner = self.state.nodes[node.owner]
            if node.index >= 0:
                # Never hashed: two elements of one array must not get the same name.
                node.unique_id = UniqueNodeId(f"{owner.unique_id}-0-n{node.index}")
                return
            node.unique_id = names.unique_node_id(owner.unique_id, owner.inner_attempt, node.spec.node_id)

    def _end(self, node: Node, phase: NodePhase) -> None:
        scope = self.state.scopes[node.scope]
        began = node.number in scope.live
        if began:
            del scope.live[node.number]
            if self._kinds[node.spec.kind].takes_slot and not node.is_dynamic:
                self.state.slots_used -= 1
        else:  # It ends before it began: it was skipped, or aborted while it waited for a slot.
            self._identify(node)
            node.created_at = self.at
        node.phase = phase
        node.ended_at = self.at
        self.record(node)
        self._settling.append(node)

    def _record_element(self, node: Node) -> None:
        self.state.nodes[node.owner].attempt.version += 1
        self.commands.append(commands.RecordElement(node.number))

    def _take_slot(self) -> bool:
        limit = self.state.parameters.max_parallelism
        if limit and self.state.slots_used >= limit:
            return False
        self.state.slots_used += 1
        return True

    def _fill_slots(self) -> bool:
        """Begin one of the nodes that wait for a slot, if there is one of each."""
        state = self.state
        while state.waiting:
            node = state.nodes[state.waiting[0]]
            if node.phase is not NodePhase.WAITING or not state.scopes[node.scope].admits(node):
                state.waiting.popleft()
                continue
            if not self._take_slot():
                return False
            state.waiting.popleft()
            self._begin(node)
            return True
        return False

    def _show(self, phase: ExecutionPhase) -> None:
        if self.state.phase is not phase:
            self.state.phase = phase
            self.emit(commands.RecordExecution())

    def _finish(self, phase: ExecutionPhase) -> None:
        self.state.ended_at = self.at
        self._show(phase)
        self.emit(commands.CloseExecution())
