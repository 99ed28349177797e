"""The pieces of the core one by one: events' encoding, retry budgets, the graph, the cost of a step."""

from __future__ import annotations

import itertools
import random
import sys
from types import FrameType
from typing import Any

import pytest
from flyteidl.core import compiler_pb2, workflow_pb2

from sandbox.propeller.core import commands, events, graph, machine, retries
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.kinds.array import min_successes
from sandbox.propeller.core.state import Attempt, ExecutionPhase, Node, NodePhase, Parameters, State
from tests.unit.propeller.building import (
    array,
    branch,
    compile,
    mapped,
    run,
    several,
    subworkflow,
    task,
    workflow,
)
from tests.unit.propeller.world import EXECUTION, Outcome, World

EVERY_EVENT: list[events.Event] = [
    events.ExecutionStarted(1),
    events.NodePrepared(2, 7, cache=2, catalog="CgA=", case=1, outputs=True),
    events.NodePrepared(2, 7, unfolds="s3://b/made.pb", checkpoint="s3://b/left", child="old"),
    events.NodeRecovered(2, 7, True, True, 3, "CgA=", "old"),
    events.NodeRefused(3, 7, Failure("Code", "mess\x00age ü \udcff", USER)),
    events.AttemptUpdated(4, 7, 0, "RUNNING", 3, "why", (("Logs", "http://localhost/x"),)),
    events.AttemptFinished(
        5, 7, 0, Failure("C", "m", SYSTEM, True), True, True, 3, 10, 20, "r", (("a", "b"),)
    ),
    events.AttemptFinished(5, 7, 0),
    events.AttemptFinished(5, 7, 0, unfolds="s3://b/dynamic_compiled.pb"),
    events.DynamicConcluded(6, 7, 0, True, 3, "CgA="),
    events.AttemptAborted(6, 7, 0, "why"),
    events.ChildStarted(7, 7, 0, "child"),
    events.ChildEnded(8, 7, 0, "s3://b/k", None, False),
    events.NodePrepared(8, 7, size=5),
    events.ElementsGathered(8, 7),
    events.ElementsGathered(8, 7, Failure("C", "m", SYSTEM)),
    events.SignalGiven(8, 7),
    events.SignalGiven(8, 7, Failure("ReceivedRejectSignal", "no", USER)),
    events.TimerFired(9, 7, "active"),
    events.AbortRequested(10, "cause", "me"),
    events.ExecutionFailed(11, Failure("C", "m")),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_an_event_survives_storing(event: events.Event) -> None:
    assert events.decode(events.encode(event)) == event


def test_an_event_stored_before_a_field_existed_gets_its_default() -> None:
    assert events.decode(b'[1,"finished",5,7,0]') == events.AttemptFinished(5, 7, 0)


@pytest.mark.parametrize("payload", [b"", b"garbage", b"[]", b'[2,"start",1]', b'[1,"unknown",1]', b"\xff"])
def test_an_unreadable_event_is_refused(payload: bytes) -> None:
    with pytest.raises(events.BadEvent):
        events.decode(payload)


def failing_node(max_attempts: int, attempts: int, system_failures: int) -> Node:
    built = graph.build(compile(workflow("one", [run("n0", retries=max_attempts - 1)], "n0")))
    spec = next(node for node in built.workflows[0].nodes if node.node_id == "n0")
    node = Node(0, 0, spec, -1)
    node.attempts = [Attempt(number, 0) for number in range(attempts)]
    node.system_failures = system_failures
    return node


@pytest.mark.parametrize(
    ("failure", "max_attempts", "attempts", "system_failures", "verdict"),
    [
        (Failure("C", "m", USER, recoverable=False), 3, 1, 0, Failure("C", "m", USER)),
        (Failure("C", "m", USER, recoverable=True), 3, 2, 0, None),
        (Failure("C", "m", USER, recoverable=True), 3, 4, 2, None),
        (
            Failure("C", "m", USER, recoverable=True),
            3,
            3,
            0,
            Failure("RetriesExhausted|C", "[3/3] currentAttempt done. Last Error: USER::m", USER),
        ),
        (Failure("C", "m", SYSTEM, recoverable=True), 1, 3, 2, None),
        (
            Failure("C", "m", SYSTEM, recoverable=True),
            1,
            4,
            3,
            Failure("RetriesExhausted|C", "[3/3] currentAttempt done. Last Error: SYSTEM::m", USER),
        ),
    ],
)
def test_each_kind_of_failure_uses_up_its_own_budget(
    failure: Failure, max_attempts: int, attempts: int, system_failures: int, verdict: Failure | None
) -> None:
    node = failing_node(max_attempts, attempts, system_failures)
    assert retries.verdict(node, failure, Parameters(EXECUTION)) == verdict


def test_the_graph_waits_for_what_any_case_of_a_branch_needs() -> None:
    decision = branch("n2", "start-node", [(5, run("small", "n0"))], run("large", "n1"))
    built = graph.build(compile(workflow("deciding", [run("n0"), run("n1"), decision], "n2")))
    nodes = {str(node.node_id): node for node in built.workflows[0].nodes}
    assert nodes["n2"].dependencies == 3
    assert [built.workflows[0].nodes[index].inner for index in nodes["n2"].cases] == [True, True]
    assert all(not built.workflows[0].nodes[index].successors for index in nodes["n2"].cases)


def test_a_closure_that_lacks_a_task_is_refused() -> None:
    closure = compiler_pb2.CompiledWorkflowClosure()
    closure.CopyFrom(compile(workflow("one", [run("n0")], "n0")))
    del closure.tasks[:]
    with pytest.raises(graph.BadGraph, match="n0"):
        graph.build(closure)


@pytest.mark.parametrize(("of_the_node", "attempts"), [(None, 4), (0, 4), (1, 2)])
def test_a_node_that_says_nothing_of_retries_has_those_of_its_task(
    of_the_node: int | None, attempts: int
) -> None:
    template = task(retries=3)
    node = run("n0", template=template, retries=of_the_node)
    [built] = [
        node
        for node in graph.build(compile(workflow("one", [node], "n0"), [template])).workflows[0].nodes
        if node.node_id == "n0"
    ]
    assert built.max_attempts == attempts


def dynamic_world(inner: graph.ClosureGraph, **more: Any) -> World:
    """A workflow of one task, n0, that makes another workflow, none of whose tasks does."""
    outer = graph.build(compile(workflow("outer", [run("n0")], "n0")))
    return World(
        outer,
        random.Random(1),
        more.pop("outcome", lambda node, attempt: None),
        made={"s3://b/made": inner},
        unfolds=lambda node, state: "s3://b/made" if node.owner < 0 else "",
        **more,
    )


def test_a_dynamic_node_ends_as_the_workflow_that_it_made() -> None:
    inner = graph.build(
        compile(
            workflow("made", [run("n0"), subworkflow("n1", "n0", "in")], "n1"),
            subworkflows=[workflow("in", [run("n0")], "n0")],
        )
    )
    state = dynamic_world(inner, max_parallelism=1).run()
    assert state.phase is ExecutionPhase.SUCCEEDED
    parent = next(node for node in state.nodes if node.unique_id == "n0")
    assert parent.is_dynamic
    assert parent.attempt.outputs
    inside = {str(node.unique_id): node.phase for node in state.nodes if node.unique_id.startswith("n0-0-")}
    assert inside["n0-0-n1-0-n0"] is inside["n0-0-n0"] is NodePhase.SUCCEEDED


def test_a_failure_inside_of_a_dynamic_node_is_not_retried_outside() -> None:
    inner = graph.build(compile(workflow("made", [run("n0")], "n0")))
    failure = Failure("Boom", "boom", USER, recoverable=True)
    world = dynamic_world(inner, outcome=lambda node, attempt: failure if node.owner >= 0 else None)
    state = world.run()
    assert state.phase is ExecutionPhase.FAILED
    parent = next(node for node in state.nodes if node.unique_id == "n0")
    assert [attempt.phase for attempt in parent.attempts] == ["SUCCEEDED"]
    assert parent.failure is not None
    assert parent.failure.code == "RetriesExhausted|Boom"


def test_what_a_retried_attempt_made_is_named_after_that_attempt() -> None:
    inner = graph.build(compile(workflow("made", [run("n0")], "n0")))
    lost = Failure("Lost", "lost", SYSTEM, recoverable=True)
    world = dynamic_world(
        inner, outcome=lambda node, attempt: lost if node.owner < 0 and attempt == 0 else None
    )
    state = world.run()
    assert state.phase is ExecutionPhase.SUCCEEDED
    assert "n0-1-n0" in {node.unique_id for node in state.nodes}


def test_ten_thousand_skipped_nodes_need_no_deep_stack() -> None:
    nodes = [run(f"n{i}", f"n{i - 1}" if i else "start-node") for i in range(10_000)]
    built = graph.build(compile(workflow("deep", nodes, "n9999", fail_fast=False)))
    state = State(built, Parameters(EXECUTION))
    machine.apply(state, events.ExecutionStarted(1))
    [first] = state.scopes[0].live
    machine.apply(state, events.NodeRefused(2, first, Failure("C", "m")))
    assert state.phase is ExecutionPhase.FAILED
    assert sum(node.phase is NodePhase.SKIPPED for node in state.nodes) == 10_000


def calls_per_event(size: int) -> float:
    """Python functions called for one event, on the average of a whole run."""
    layer = 10
    inner = workflow("inner", [run("n0")], "n0")
    nodes = [run(f"n{i}", f"n{i - layer}" if i >= layer else "start-node") for i in range(size)]
    nodes[0] = subworkflow("n0", "start-node", "inner")
    built = graph.build(compile(workflow("layers", nodes, f"n{size - 1}"), subworkflows=[inner]))
    return calls_of(World(built, random.Random(1), lambda node, attempt: None, watchful=False))


def calls_per_element_event(size: int, parallelism: int) -> float:
    """The same for an array of so many elements, every tenth of which fails."""
    template = mapped()
    nodes = [
        array("n0", several([1]), template, parallelism=parallelism, min_success_ratio=0.5),
        run("n1", after=["n0"]),
    ]
    built = graph.build(compile(workflow("mapping", nodes, "n1"), [template]))
    failure = Failure("Boom", "it went boom")
    return calls_of(
        World(
            built,
            random.Random(1),
            lambda node, attempt: failure if node.index % 10 == 9 else None,
            sizes=lambda node: size,
            watchful=False,
        )
    )


def calls_of(world: World) -> float:
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        if event == "call" and "propeller/core" in frame.f_code.co_filename:
            calls += 1

    world.deliver()  # Opening the workflow costs each of its nodes once.
    sys.setprofile(count)
    try:
        world.run(limit=100_000)
    finally:
        sys.setprofile(None)
    return calls / world.state.applied


def test_a_step_costs_the_same_in_a_small_graph_and_in_a_large_one() -> None:
    assert calls_per_event(2000) == pytest.approx(calls_per_event(50), rel=0.1)


@pytest.mark.parametrize("parallelism", [0, 10])
def test_an_element_costs_the_same_in_a_short_list_and_in_a_long_one(parallelism: int) -> None:
    short, long = (calls_per_element_event(size, parallelism) for size in (50, 1500))
    assert long == pytest.approx(short, rel=0.15)


@pytest.mark.parametrize(
    ("criterion", "size", "wanted"),
    [
        ({}, 5, 5),
        ({"min_successes": 3}, 5, 3),
        ({"min_success_ratio": 0.6}, 10, 6),
        ({"min_success_ratio": 0.07}, 100, 7),
        ({"min_success_ratio": 0.5}, 5, 3),
        ({"min_success_ratio": 1.0}, 7, 7),
        ({"min_success_ratio": 0.9}, 0, 0),
    ],
)
def test_a_ratio_asks_for_as_many_elements_as_it_says(
    criterion: dict[str, float], size: int, wanted: int
) -> None:
    assert min_successes(workflow_pb2.ArrayNode(**criterion), size) == wanted  # type: ignore[arg-type]


def test_a_task_is_not_prepared_before_it_has_a_slot() -> None:
    built = graph.build(compile(workflow("wide", [run(f"n{i}") for i in range(5)], "n4"), [task()]))
    state = State(built, Parameters(EXECUTION, max_parallelism=2))
    machine.apply(state, events.ExecutionStarted(1))
    assert len(state.scopes[0].live) == 2
    assert [node.phase for node in state.nodes].count(NodePhase.WAITING) == 3


LOST = Failure("Lost", "lost", SYSTEM, recoverable=True)


def pausing(outcome: Outcome, **more: Any) -> World:
    built = graph.build(compile(workflow("one", [run("n0", retries=1)], "n0")))
    return World(built, random.Random(1), outcome, retry_delay=1_000_000, **more)


def test_system_failures_are_retried_after_pauses_that_grow_and_user_failures_at_once() -> None:
    boom = Failure("Boom", "boom", USER, recoverable=True)
    world = pausing(lambda node, attempt: [LOST, LOST, boom, LOST, None][attempt])
    state = world.run()
    assert state.phase is ExecutionPhase.SUCCEEDED
    attempts = next(node for node in state.nodes if node.unique_id == "n0").attempts
    assert len(attempts) == 5
    pauses = [later.created_at - earlier.ended_at for earlier, later in itertools.pairwise(attempts)]
    assert pauses == [1_000_000, 2_000_000, 0, 4_000_000]
    assert attempts[0].reasons[-1][1] == "another attempt begins in 1 s"


def test_no_pause_is_longer_than_a_minute() -> None:
    parameters = Parameters(EXECUTION, retry_delay=1_000_000)
    node = failing_node(1, 1, 1)
    longest = []
    for node.system_failures in (1, 6, 7, 1000):
        longest.append(retries.delay(node, LOST, parameters))
    assert longest == [1_000_000, 32_000_000, 60_000_000, 60_000_000]


def paused() -> World:
    """A world whose only attempt was lost, at the moment of the pause that follows."""
    world = pausing(lambda node, attempt: LOST if attempt == 0 else None, watchful=False)
    while not any(isinstance(event, events.TimerFired) for event in world.mail):
        world.turn()
    return world


def test_a_restart_during_the_pause_waits_for_the_same_moment() -> None:
    world = paused()
    [node] = [node for node in world.state.nodes if node.retry_at]
    world.crash()
    wanted = machine.outstanding(world.state)
    assert commands.SetTimer(node.number, "retry-1", node.retry_at) in wanted
    assert not [command for command in wanted if isinstance(command, commands.StartAttempt)]
    assert world.run().phase is ExecutionPhase.SUCCEEDED
    assert list(world.known) == [("n0", 0), ("n0", 1)]


def test_an_abort_during_the_pause_ends_the_node_at_once() -> None:
    world = paused()
    world.mail.insert(0, events.AbortRequested(world.now(), "enough"))
    assert world.run().phase is ExecutionPhase.ABORTED
    assert list(world.known) == [("n0", 0)]


def test_a_timer_of_an_earlier_pause_starts_nothing() -> None:
    world = paused()
    [node] = [node for node in world.state.nodes if node.retry_at]
    at = node.retry_at
    machine.apply(world.state, events.TimerFired(at, node.number, "retry-1"))
    lost = events.AttemptFinished(at + 1, node.number, 1, LOST)
    assert machine.apply(world.state, lost)
    before = world.state.applied
    assert machine.apply(world.state, events.TimerFired(at + 2, node.number, "retry-1")) == []
    assert world.state.applied == before
