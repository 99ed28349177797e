"""What holds of a state between any two events: everything that it counts is what a count would give."""

from __future__ import annotations

from sandbox.propeller.core import commands, machine
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.kinds.task import ACTIVE_DEADLINE
from sandbox.propeller.core.state import ExecutionPhase, Node, NodePhase, Scope, ScopePhase, State

_UNBEGUN = (NodePhase.IDLE, NodePhase.WAITING)
_TELLING = (commands.ForgetAttempt, commands.RecordElement)
"""Commands about a node that nothing answers."""


def check(state: State) -> None:
    """Count all that the state counts, the slow way."""
    for scope in state.scopes:
        _check_scope(state, scope)
    under_way = [node for node in state.nodes if _is_under_way(node)]
    assert state.slots_used == sum(_holds_slot(node) for node in under_way)
    limit = state.parameters.max_parallelism
    assert not limit or state.slots_used <= limit
    waiting = {node.number for node in state.nodes if node.phase is NodePhase.WAITING}
    admitted = {number for number in waiting if _is_admitted(state, state.nodes[number])}
    assert admitted <= set(state.waiting), "a node waits for a slot that nobody will give it"
    assert not state.waiting or not admitted or (limit and state.slots_used >= limit)
    names = [node.unique_id for node in state.nodes if node.unique_id]
    assert len(names) == len(set(names)), "two nodes have one name"
    for node in state.nodes:
        assert bool(node.unique_id) == (node.phase not in _UNBEGUN), f"{node.spec.node_id} {node.phase}"
        assert bool(node.created_at) == bool(node.unique_id)
        _check_attempts(node)
        _check_elements(state, node)


def check_progress(state: State) -> None:
    """Nothing that is under way is forgotten: after a crash, each node would be asked for again, or is what
    another one waits for.
    """
    if state.is_terminal or not state.scopes:
        return
    wanted = {
        command.node
        for command in machine.outstanding(state)
        if not isinstance(command, (*_TELLING, commands.CloseExecution, commands.RecordExecution))
        and not (isinstance(command, commands.SetTimer) and command.timer == ACTIVE_DEADLINE)
    }
    for node in state.nodes:
        if not _is_under_way(node):
            continue
        inside = any(_is_under_way(other) for other in state.nodes if other.owner == node.number)
        held = any(
            other.phase is NodePhase.WAITING and _is_inside(state, other, node) for other in state.nodes
        )
        assert node.number in wanted or inside or held, f"{node.unique_id} stands still"


def check_end(state: State) -> None:
    """What must hold of every execution that is over."""
    assert state.is_terminal
    assert state.slots_used == 0
    for scope in state.scopes:
        assert not scope.live
        assert scope.phase is ScopePhase.CLOSED
        _check_failure_node(state, scope)
    for node in state.nodes:
        assert node.phase in _UNBEGUN or node.phase.is_terminal
        if node.spec.kind not in (NodeKind.LAUNCH_PLAN, NodeKind.CHILD):
            assert all(attempt.is_terminal for attempt in node.attempts)
    if state.phase is ExecutionPhase.SUCCEEDED:
        assert state.failure is None
        assert state.outputs
    if state.phase is ExecutionPhase.FAILED:
        assert state.failure is not None
    if state.phase is ExecutionPhase.ABORTED:
        assert state.abort_cause is not None


def _is_under_way(node: Node) -> bool:
    return node.phase not in _UNBEGUN and not node.phase.is_terminal


def _holds_slot(node: Node) -> bool:
    return machine.KINDS[node.spec.kind].takes_slot and not node.is_dynamic


def _is_admitted(state: State, node: Node) -> bool:
    return state.scopes[node.scope].admits(node)


def _is_inside(state: State, node: Node, other: Node) -> bool:
    owner = node.owner
    while owner >= 0:
        if owner == other.number:
            return True
        owner = state.nodes[owner].owner
    return False


def _check_scope(state: State, scope: Scope) -> None:
    nodes = [node for node in state.nodes if node.scope == scope.number]
    assert set(scope.live) == {node.number for node in nodes if _is_under_way(node)}
    assert not (scope.phase is ScopePhase.CLOSED and scope.live)
    if scope.phase is not ScopePhase.RUNNING:
        return
    waits = {node.number: 0 for node in nodes}
    for node in nodes:
        if node.phase.is_terminal and node.index < 0:
            continue
        for index in node.spec.successors if node.index < 0 else ():
            waits[scope.base + index] += 1
    for node in nodes:
        if node.index < 0 and not node.spec.inner:
            assert node.waits_for == waits[node.number], f"{node.spec.node_id} counts wrong"
            assert node.waits_for == 0 or node.phase is NodePhase.IDLE, f"{node.spec.node_id} was too early"
            assert node.waits_for or node.phase is not NodePhase.IDLE, f"{node.spec.node_id} was forgotten"


def _check_attempts(node: Node) -> None:
    assert [attempt.number for attempt in node.attempts] == list(range(len(node.attempts)))
    assert all(attempt.is_terminal for attempt in node.attempts[:-1])
    assert node.system_failures <= len(node.attempts)


def _check_elements(state: State, node: Node) -> None:
    elements = node.elements
    if elements is None:
        return
    inside = state.nodes[elements.base : elements.base + elements.size]
    assert [one.index for one in inside] == list(range(elements.size))
    ended = [one for one in inside if one.phase.is_terminal]
    failed = (NodePhase.FAILED, NodePhase.TIMED_OUT)
    assert elements.started == sum(one.phase is not NodePhase.IDLE for one in inside)
    if not node.phase.is_terminal:
        assert elements.succeeded == sum(one.has_succeeded for one in ended)
        assert elements.failed == sum(one.phase in failed for one in ended)
        assert set(elements.live) == {one.number for one in inside if _is_under_way(one)}


def _check_failure_node(state: State, scope: Scope) -> None:
    """It ran if its workflow failed, and only then."""
    if scope.graph.failure_node < 0:
        return
    node = state.nodes[scope.base + scope.graph.failure_node]
    owner = None if scope.owner < 0 else state.nodes[scope.owner].phase
    failed = state.phase is ExecutionPhase.FAILED if owner is None else owner is NodePhase.FAILED
    failure = state.failure if owner is None else state.nodes[scope.owner].failure
    if failed and failure != scope.failure:
        return  # It was ended from outside, because its owner's time was up.
    if failed:
        assert node.phase.is_terminal, f"{node.spec.node_id} of a failed workflow did not run"
    elif owner is not NodePhase.ABORTED and state.phase is not ExecutionPhase.ABORTED:
        assert node.phase in _UNBEGUN or owner is NodePhase.TIMED_OUT
