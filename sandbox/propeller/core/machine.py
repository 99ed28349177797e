"""The machine: an event goes in, the state changes, commands come out.

`apply` is deterministic. It reads no clock (times travel in events), does no I/O and draws no lots; what it
does depends on the graph, the parameters and the events so far. So folding the stored events always gives the
same state, and `outstanding` says what has to be asked for again.

An event that says nothing new (a repeated report, one for an attempt that is over, a timer for a node that
is done) changes nothing and gives no commands; `state.applied` does not move, and the event need not be
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.graph import ClosureGraph, NodeKind
from sandbox.propeller.core.kinds import (
    array,
    boundary,
    branch,
    child,
    element,
    gate,
    launch_plan,
    subworkflow,
    task,
)
from sandbox.propeller.core.state import ExecutionPhase, Node, NodePhase, Parameters, ScopePhase, State
from sandbox.propeller.core.step import Kind, Step

_TASK = task.TaskKind()
_ELEMENT = element.ElementKind()
_ARRAY = array.ArrayKind()
_GATE = gate.GateKind()
_LAUNCH_PLAN = launch_plan.LaunchPlanKind()
_CHILD = child.ChildKind()
_LAUNCHING: Mapping[NodeKind, launch_plan.LaunchPlanKind] = {
    NodeKind.LAUNCH_PLAN: _LAUNCH_PLAN,
    NodeKind.CHILD: _CHILD,
}
"""The kinds whose nodes are executions of their own."""
_SUBWORKFLOW = subworkflow.SubworkflowKind()
_ATTEMPTING: Mapping[NodeKind, task.TaskKind] = {NodeKind.TASK: _TASK, NodeKind.ELEMENT: _ELEMENT}
"""The kinds whose nodes make attempts with an executor."""
KINDS: Mapping[NodeKind, Kind] = {
    NodeKind.START: boundary.StartKind(),
    NodeKind.END: boundary.EndKind(),
    NodeKind.TASK: _TASK,
    NodeKind.SUBWORKFLOW: _SUBWORKFLOW,
    NodeKind.BRANCH: branch.BranchKind(),
    NodeKind.LAUNCH_PLAN: _LAUNCH_PLAN,
    NodeKind.GATE: _GATE,
    NodeKind.ARRAY: _ARRAY,
    NodeKind.ELEMENT: _ELEMENT,
    NodeKind.CHILD: _CHILD,
}


def apply(state: State, event: events.Event) -> list[commands.Command]:
    """Fold one event into the state, in place, and say what is to be done about it."""
    if state.is_terminal:
        return []
    step = Step(state, event.at, KINDS)
    if not _HANDLERS[type(event)](step, event):
        return []
    step.settle()
    state.applied += 1
    return step.commands


def fold(
    graph: ClosureGraph,
    parameters: Parameters,
    history: Iterable[events.Event],
    unfold: Callable[[str], ClosureGraph] | None = None,
) -> State:
    """The state after these events. `unfold` finds the workflow that a dynamic task made, by its URI."""
    state = State(graph, parameters)
    for event in history:
        advance(state, event, unfold)
    return state


def advance(state: State, event: events.Event, unfold: Callable[[str], ClosureGraph] | None = None) -> None:
    """Fold one more event of a history; the commands have been carried out long ago."""
    if unfold is not None and isinstance(event, events.UNFOLDING) and event.unfolds:
        state.dynamic[event.unfolds] = unfold(event.unfolds)
    apply(state, event)


def outstanding(state: State) -> list[commands.Command]:
    """What has been asked for and not been answered: to be carried out (again) after a restart."""
    if state.is_terminal:
        return [commands.CloseExecution()]
    wanted: list[commands.Command] = []
    for scope in state.scopes:
        for number in scope.live:
            node = state.nodes[number]
            if node.phase is NodePhase.PREPARING:
                wanted.append(commands.PrepareNode(number))
            else:
                wanted.extend(KINDS[node.spec.kind].outstanding(state, node))
            if node.spec.kind is NodeKind.TASK and node.spec.timeout:
                deadline = node.created_at + 2 * node.spec.timeout
                wanted.append(commands.SetTimer(number, task.ACTIVE_DEADLINE, deadline))
    wanted.extend(
        commands.ForgetAttempt(node.number, attempt.number)
        for node in state.nodes
        if node.spec.kind in _ATTEMPTING
        for attempt in node.attempts
        if attempt.is_terminal
    )
    return wanted


def _execution_started(step: Step, event: events.ExecutionStarted) -> bool:
    state = step.state
    if state.phase is not ExecutionPhase.UNDEFINED:
        return False
    state.phase = ExecutionPhase.RUNNING
    state.started_at = event.at
    step.emit(commands.RecordExecution())
    step.open_scope(state.graph, 0, -1)
    return True


def _live(step: Step, number: int) -> Node | None:
    """The node of that number, if it is under way."""
    if not 0 <= number < len(step.state.nodes):
        return None
    node = step.state.nodes[number]
    return node if number in step.state.scopes[node.scope].live else None


def _node_prepared(step: Step, event: events.NodePrepared) -> bool:
    node = _live(step, event.node)
    if node is None or node.phase is not NodePhase.PREPARING:
        return False
    node.prepared = True
    KINDS[node.spec.kind].prepared(step, node, event)
    return True


def _node_recovered(step: Step, event: events.NodeRecovered) -> bool:
    node = _live(step, event.node)
    if node is None or node.phase is not NodePhase.PREPARING:
        return False
    node.prepared = True
    node.started_at = event.at
    node.deck = event.deck
    node.cache = event.cache
    node.catalog = event.catalog
    if node.spec.kind in _LAUNCHING:
        node.child = event.child or None
    step.recover(node, outputs=event.outputs)
    return True


def _node_refused(step: Step, event: events.NodeRefused) -> bool:
    node = _live(step, event.node)
    if node is None or (node.phase is not NodePhase.PREPARING and node.spec.kind not in _LAUNCHING):
        return False
    node.started_at = node.started_at or event.at
    if node.aborting is not None:
        step.aborted(node)
    else:
        step.fail(node, event.failure)
    return True


def _current(step: Step, kinds: Container[NodeKind], number: int, attempt: int | None = None) -> Node | None:
    """The node, if it is under way and this attempt of it (None: any) is the current one and not over."""
    node = _live(step, number)
    if node is None or node.spec.kind not in kinds or not node.attempts:
        return None
    if node.attempt.is_terminal or attempt not in (None, node.attempt.number):
        return None
    return node


def _attempt_updated(step: Step, event: events.AttemptUpdated) -> bool:
    node = _current(step, _ATTEMPTING, event.node, event.attempt)
    if node is None or not task.moves_on(node.attempt, event):
        return False
    _ATTEMPTING[node.spec.kind].updated(step, node, event)
    return True


def _attempt_finished(step: Step, event: events.AttemptFinished) -> bool:
    node = _current(step, _ATTEMPTING, event.node, event.attempt)
    if node is None:
        return False
    _ATTEMPTING[node.spec.kind].finished(step, node, event)
    return True


def _attempt_aborted(step: Step, event: events.AttemptAborted) -> bool:
    node = _current(step, _ATTEMPTING, event.node, event.attempt)
    if node is None:
        return False
    _ATTEMPTING[node.spec.kind].aborted(step, node, event)
    return True


def _dynamic_concluded(step: Step, event: events.DynamicConcluded) -> bool:
    node = _live(step, event.node)
    if node is None or not isinstance(node.child, int) or not node.is_dynamic:
        return False
    if step.state.scopes[node.child].phase is not ScopePhase.CLOSED:
        return False
    _TASK.concluded(step, node, event)
    return True


def _child_started(step: Step, event: events.ChildStarted) -> bool:
    node = _current(step, _LAUNCHING, event.node, event.attempt)
    if node is None or node.child is not None:
        return False
    _LAUNCHING[node.spec.kind].started(step, node, event)
    return True


def _child_ended(step: Step, event: events.ChildEnded) -> bool:
    node = _current(step, _LAUNCHING, event.node, event.attempt)
    if node is None:
        return False
    _LAUNCHING[node.spec.kind].ended(step, node, event)
    return True


def _elements_gathered(step: Step, event: events.ElementsGathered) -> bool:
    node = _live(step, event.node)
    if node is None or node.elements is None or not node.elements.gathering:
        return False
    _ARRAY.gathered(step, node, event)
    return True


def _signal_given(step: Step, event: events.SignalGiven) -> bool:
    node = _current(step, (NodeKind.GATE,), event.node)
    if node is None or gate.sleeps(node):
        return False
    _GATE.given(step, node, event)
    return True


def _timer_fired(step: Step, event: events.TimerFired) -> bool:
    node = _live(step, event.node)
    if node is None:
        return False
    match node.spec.kind:
        case NodeKind.TASK | NodeKind.ELEMENT:
            return _ATTEMPTING[node.spec.kind].timer(step, node, event)
        case NodeKind.GATE:
            return _GATE.timer(step, node, event)
        case NodeKind.SUBWORKFLOW:
            return _SUBWORKFLOW.timer(step, node, event)
        case NodeKind.LAUNCH_PLAN:
            return _LAUNCH_PLAN.timer(step, node, event)
        case _:
            return False


def _abort_requested(step: Step, event: events.AbortRequested) -> bool:
    if step.state.abort_cause is not None:
        return False
    step.abort_execution(event.cause)
    return True


def _execution_failed(step: Step, event: events.ExecutionFailed) -> bool:
    if step.state.scopes and step.state.scopes[0].phase in (ScopePhase.FAILING, ScopePhase.ABORTING):
        return False
    step.fail_execution(event.failure)
    return True


_HANDLERS: dict[type[Any], Callable[[Step, Any], bool]] = {
    events.ExecutionStarted: _execution_started,
    events.NodePrepared: _node_prepared,
    events.NodeRecovered: _node_recovered,
    events.NodeRefused: _node_refused,
    events.AttemptUpdated: _attempt_updated,
    events.AttemptFinished: _attempt_finished,
    events.AttemptAborted: _attempt_aborted,
    events.DynamicConcluded: _dynamic_concluded,
    events.ChildStarted: _child_started,
    events.ChildEnded: _child_ended,
    events.ElementsGathered: _elements_gathered,
    events.SignalGiven: _signal_given,
    events.TimerFired: _timer_fired,
    events.AbortRequested: _abort_requested,
    events.ExecutionFailed: _execution_failed,
}
