"""A node costs the core the same in a workflow of ten nodes and in one of ten thousand.

Counted, not timed: functions called (Python's and C's) and nodes touched while events are folded. Laying a
workflow out when it opens costs each of its nodes once, and is counted too.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from flyteidl.core import workflow_pb2

from sandbox.propeller.core import commands, events, graph, machine
from sandbox.propeller.core.failures import Failure
from sandbox.propeller.core.state import ExecutionPhase, Node, NodePhase, Parameters, State
from tests.unit.propeller.building import branch, compile, run, subworkflow, workflow
from tests.unit.propeller.world import EXECUTION

INNER = workflow("inner", [run("n0")], "n0")


class Touched(list[Node]):
    """A state's nodes; counts how often one is looked at."""

    touches = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        self.touches += len(found) if isinstance(place, slice) else 1
        return found

    def __iter__(self) -> Iterator[Node]:
        self.touches += len(self)
        return super().__iter__()


def chain(size: int) -> list[workflow_pb2.Node]:
    return [run(f"n{i}", f"n{i - 1}" if i else "start-node") for i in range(size)]


def wide(size: int) -> list[workflow_pb2.Node]:
    return [run(f"n{i}") for i in range(size)]


def nested(size: int) -> list[workflow_pb2.Node]:
    return [subworkflow(f"n{i}", f"n{i - 1}" if i else "start-node", "inner") for i in range(size)]


def branches(size: int) -> list[workflow_pb2.Node]:
    def one(i: int) -> workflow_pb2.Node:
        source = f"n{i - 1}" if i else "start-node"
        return branch(f"n{i}", source, [(3, run(f"a{i}", source))], run(f"b{i}", source))

    return [one(i) for i in range(size)]


def layers(size: int) -> list[workflow_pb2.Node]:
    return [run(f"n{i}", f"n{i - 5}" if i >= 5 else "start-node") for i in range(size)]


def answer(command: commands.Command) -> events.Event | None:
    """The quickest answer to all that is asked."""
    match command:
        case commands.PrepareNode(node):
            return events.NodePrepared(2, node, case=0, outputs=True, size=1)
        case commands.StartAttempt(node, attempt):
            return events.AttemptFinished(3, node, attempt, outputs=True)
        case _:
            return None


def drive(state: State, answered: Callable[[commands.Command], events.Event | None]) -> None:
    news: deque[events.Event] = deque([events.ExecutionStarted(1)])
    while news:
        for command in machine.apply(state, news.popleft()):
            event = answered(command)
            if event is not None:
                news.append(event)


def work(nodes: list[workflow_pb2.Node], **parameters: Any) -> tuple[float, float]:
    """Calls and touches a node of the template."""
    template = workflow("shape", nodes, nodes[-1].id)
    state = State(graph.build(compile(template, subworkflows=[INNER])), Parameters(EXECUTION, **parameters))
    state.nodes = touched = Touched()
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        if event in ("call", "c_call") and "propeller/core" in frame.f_code.co_filename:
            calls += 1

    sys.setprofile(count)
    try:
        drive(state, answer)
    finally:
        sys.setprofile(None)
    assert state.phase is ExecutionPhase.SUCCEEDED
    return calls / len(nodes), touched.touches / len(nodes)


@pytest.mark.parametrize(
    ("shape", "largest"),
    [(chain, 10_000), (wide, 10_000), (layers, 10_000), (nested, 3_000), (branches, 3_000)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_node_costs_the_same_in_a_graph_of_any_size(
    shape: Callable[[int], list[workflow_pb2.Node]], largest: int
) -> None:
    costs = {size: work(shape(size), max_parallelism=25) for size in (10, 100, 1_000, largest)}
    calls, touches = costs[1_000]
    for size, tolerance in ((largest, 0.02), (100, 0.1), (10, 0.4)):
        near = (pytest.approx(calls, rel=tolerance), pytest.approx(touches, rel=tolerance))
        assert costs[size] == near, costs


def test_a_failure_costs_each_node_that_is_skipped_once() -> None:
    def skipped(size: int) -> float:
        template = workflow("deep", chain(size), f"n{size - 1}", fail_fast=False)
        state = State(graph.build(compile(template)), Parameters(EXECUTION))
        state.nodes = touched = Touched()
        machine.apply(state, events.ExecutionStarted(1))
        [first] = state.scopes[0].live
        before = touched.touches
        machine.apply(state, events.NodeRefused(2, first, Failure("C", "m")))
        assert state.phase is ExecutionPhase.FAILED
        assert sum(node.phase is NodePhase.SKIPPED for node in state.nodes) == size
        return (touched.touches - before) / size

    assert skipped(10_000) == pytest.approx(skipped(100), rel=0.05)


def test_the_answer_of_one_node_touches_no_other_that_does_not_wait_for_it() -> None:
    nodes = wide(10_000)
    state = State(
        graph.build(compile(workflow("wide", nodes, nodes[-1].id))), Parameters(EXECUTION, max_parallelism=0)
    )
    machine.apply(state, events.ExecutionStarted(1))
    state.nodes = touched = Touched(state.nodes)
    number = state.nodes[5_000].number
    machine.apply(state, events.NodePrepared(2, number, outputs=True))
    machine.apply(state, events.AttemptUpdated(3, number, 0, "RUNNING"))
    machine.apply(state, events.AttemptFinished(4, number, 0, outputs=True))
    assert touched.touches < 20
