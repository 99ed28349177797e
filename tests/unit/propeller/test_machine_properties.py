"""Any graph, any order of events, repeated and late ones, a crash at any commit: the machine keeps its
promises.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from flyteidl.core import compiler_pb2, interface_pb2, workflow_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.propeller.core import events, graph, machine
from sandbox.propeller.core.state import Node, State, snapshot
from tests.unit.propeller import building, invariants
from tests.unit.propeller.world import World, flaky

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32)
sizes = st.integers(1, 12)
RETRYING = building.task("retrying", retries=2)
# What the types are does not matter here; this way everything can be bound to everything.
TYPES = interface_pb2.TypedInterface(inputs=building.XS, outputs=building.ONE)
MAPPED = [
    building.mapped("mapped", retries=1, interface=TYPES),
    building.mapped("cached", cache=True, interface=TYPES),
]


def random_nodes(
    chance: random.Random, size: int, inner: Sequence[str], *, timeouts: bool
) -> list[workflow_pb2.Node]:
    """Nodes of all kinds, each reading from an earlier one or from the start."""
    nodes: list[workflow_pb2.Node] = []
    for index in range(size):
        source = chance.choice(["start-node", *(f"n{earlier}" for earlier in range(index))])
        after = [f"n{earlier}" for earlier in range(index) if chance.random() < 0.2]
        name = f"n{index}"
        kind = chance.random()
        if inner and kind < 0.2:
            timeout = 0.001 if timeouts and chance.random() < 0.1 else 0
            workflow = chance.choice(list(inner))
            nodes.append(building.subworkflow(name, source, workflow, retries=2, timeout=timeout))
        elif kind < 0.35:
            cases = [
                (3, building.run(f"c{index}a", source)),
                (5, building.run(f"c{index}b", source, RETRYING)),
            ]
            last = building.run(f"c{index}c", source) if chance.random() < 0.5 else "no case"
            nodes.append(building.branch(name, source, cases, last))
        elif kind < 0.4:
            nodes.append(random_array(chance, name, source, run_all=not timeouts))
        elif kind < 0.5:
            timeout = 0.001 if timeouts and chance.random() < 0.2 else 0
            nodes.append(building.launch_plan(name, source, "child", retries=1, timeout=timeout))
        elif kind < 0.6:
            nodes.append(random_gate(chance, name, source, timeouts=timeouts))
        else:
            if chance.random() < 0.1:
                nodes.append(building.sleep(f"s{index}", chance.choice([0, 5])))
                after.append(f"s{index}")
            if chance.random() < 0.15:
                nodes.append(random_array_of_plans(chance, f"l{index}", run_all=not timeouts))
                after.append(f"l{index}")
            template = RETRYING if chance.random() < 0.5 else building.task()
            timeout = 0.001 if timeouts and chance.random() < 0.05 else 0
            nodes.append(building.run(name, source, template, after=after, timeout=timeout))
    return nodes


def random_gate(chance: random.Random, name: str, source: str, *, timeouts: bool) -> workflow_pb2.Node:
    """A gate that approves, or one for a value, after a sleep or not."""
    timeout = 0.001 if timeouts and chance.random() < 0.2 else 0
    if chance.random() < 0.5:
        return building.approve(name, source, timeout=timeout)
    after = [] if source == "start-node" else [source]
    return building.wait_for_input(name, after=after, timeout=timeout, retries=chance.choice([0, 1, 3]))


def random_array(chance: random.Random, name: str, source: str, *, run_all: bool) -> workflow_pb2.Node:
    """An array node; without `run_all` it may abort elements, and the order decides which."""
    return building.array(
        name,
        building.several([1, 2, 3]),
        chance.choice(MAPPED),
        after=[] if source == "start-node" else [source],
        **random_limits(chance, run_all=run_all),
    )


def random_array_of_plans(chance: random.Random, name: str, *, run_all: bool) -> workflow_pb2.Node:
    return building.array_of_plans(
        name, building.several([1, 2, 3]), "child", **random_limits(chance, run_all=run_all)
    )


def random_limits(chance: random.Random, *, run_all: bool) -> dict[str, Any]:
    """How many elements may run, and how many must succeed."""
    criteria: list[dict[str, float | int]] = [{}, {"min_successes": 2}, {"min_success_ratio": 0.6}]
    return {
        "parallelism": chance.choice([0, 1, 2]),
        "run_all_sub_nodes": run_all or chance.random() < 0.3,
        **chance.choice(criteria),
    }


def random_graph(seed: int, size: int, *, fail_fast: bool | None = None) -> graph.ClosureGraph:
    return graph.build(random_closure(seed, size, fail_fast=fail_fast))


def random_closure(
    seed: int, size: int, *, fail_fast: bool | None = None
) -> compiler_pb2.CompiledWorkflowClosure:
    chance = random.Random(seed)
    templates: list[workflow_pb2.WorkflowTemplate] = []
    for level in ("innermost", "inner", "outer"):
        within = [template.id.name for template in templates]
        count = size if level == "outer" else chance.randint(1, 4)
        nodes = random_nodes(chance, count, within, timeouts=fail_fast is not False)
        fast = chance.random() < 0.5 if fail_fast is None else fail_fast
        cleanup = building.run("fn0") if chance.random() < 0.2 else None
        result = nodes[-1].id
        templates.append(building.workflow(level, nodes, result, fail_fast=fast, on_failure=cleanup))
    *inside, outer = templates
    return building.compile(outer, [RETRYING, *MAPPED], inside, plans=["child"])


MADE = ("s3://b/made-0", "s3://b/made-1")


def made_by(seed: int, node: Node, state: State) -> str:
    """Some tasks make a workflow, those in such a workflow more rarely, and never more than three levels."""
    depth, owner = 0, node.owner
    while owner >= 0:
        depth += state.nodes[owner].is_dynamic
        owner = state.nodes[owner].owner
    chance = random.Random(f"{seed} dynamic {node.unique_id}")
    return chance.choice(MADE) if depth < 3 and chance.random() < 0.3 / (1 + depth) else ""


def world(seed: int, size: int, *, fail_fast: bool | None = None, order: int = 0, **more: object) -> World:
    chance = random.Random(seed + 1)
    cached = frozenset(f"n{index}" for index in range(size) if chance.random() < 0.2)
    rate = chance.choice([0.0, 0.0, 0.05, 0.3])
    arguments: dict[str, object] = {
        "max_parallelism": chance.choice([0, 1, 2, 25]),
        "retry_delay": chance.choice([0, 1000]),
        "waits": chance.choice([0.0, 0.3]),
        **more,
    }
    return World(
        random_graph(seed, size, fail_fast=fail_fast),
        random.Random(f"{seed} {order}"),
        flaky(seed, rate),
        cached=cached,
        made={
            uri: random_graph(seed + place + 1, 1 + place, fail_fast=fail_fast)
            for place, uri in enumerate(MADE)
        },
        unfolds=lambda node, state: made_by(seed, node, state),
        sizes=lambda node: random.Random(f"{seed} {node.unique_id}").choice([0, 1, 5]),
        cases=lambda node: random.Random(f"{seed} {node.unique_id}").randint(0, 2),
        **arguments,  # type: ignore[arg-type]
    )


def check_end(one: World, state: State) -> None:
    """What must hold of every execution that is over."""
    invariants.check(state)
    invariants.check_end(state)
    assert not [key for key, status in one.known.items() if status == "running"]


@SETTINGS
@given(seeds, sizes)
def test_every_execution_comes_to_its_end(seed: int, size: int) -> None:
    one = world(seed, size)
    check_end(one, one.run())
    assert one.closed == 1


@SETTINGS
@given(seeds, sizes)
def test_repeated_late_and_lost_events_and_crashes_lead_to_an_end_too(seed: int, size: int) -> None:
    one = world(seed, size, repeats=0.2, crashes=0.08)
    state = one.run()
    check_end(one, state)


@SETTINGS
@given(seeds, sizes)
def test_the_stored_history_folds_into_the_very_same_state(seed: int, size: int) -> None:
    one = world(seed, size, repeats=0.1, crashes=0.05)
    state = one.run()
    history = [events.decode(payload) for payload in one.stored]
    assert [events.encode(event) for event in history] == one.stored
    assert snapshot(one.folded()) == snapshot(state)
    unfold = one.made.__getitem__
    half = machine.fold(one.graph, one.parameters, history[: len(history) // 2], unfold)
    half.dynamic.update(one.made)
    for event in history[len(history) // 2 :]:
        machine.apply(half, event)
    assert snapshot(half) == snapshot(state)


@SETTINGS
@given(seeds, sizes, st.integers(1, 60))
def test_an_abort_at_any_moment_leaves_nothing_running(seed: int, size: int, moment: int) -> None:
    one = world(seed, size, repeats=0.1, crashes=0.05, abort_after=moment)
    check_end(one, one.run())


@SETTINGS
@given(seeds, sizes, st.integers(1, 60), st.integers(1, 60))
def test_an_engine_that_cannot_go_on_leaves_nothing_running(
    seed: int, size: int, moment: int, abort: int
) -> None:
    one = world(seed, size, repeats=0.1, crashes=0.05, break_after=moment, abort_after=moment + abort)
    check_end(one, one.run())


@settings(SETTINGS, max_examples=12)
@given(seeds, st.integers(1, 5))
def test_a_crash_after_any_commit_and_any_command_changes_nothing(seed: int, size: int) -> None:
    """The engine dies at each point once, and each time the execution ends as if it never had."""
    undisturbed = world(seed, size, fail_fast=False)
    wanted = summary(undisturbed.run())
    started = set(undisturbed.known)
    for commit in range(1, undisturbed.commits + 1):
        for carried in range(4):
            one = world(seed, size, fail_fast=False, crash_at=(commit, carried), watchful=False)
            state = one.run()
            check_end(one, state)
            assert summary(state) == wanted
            assert set(one.known) == started


@SETTINGS
@given(seeds, sizes)
def test_the_order_of_events_does_not_decide_what_comes_out(seed: int, size: int) -> None:
    """Where every node that can run does run (no auto-abort), order, crashes and repeats change nothing."""
    summaries = []
    for order, crashes in ((0, 0.0), (1, 0.0), (2, 0.1)):
        one = world(seed, size, fail_fast=False, order=order, crashes=crashes, repeats=crashes)
        state = one.run()
        summaries.append(summary(state))
    assert summaries[0] == summaries[1] == summaries[2]


def summary(state: State) -> object:
    nodes = sorted(
        (node.unique_id, node.phase.name, [a.phase for a in node.attempts])
        for node in state.nodes
        if node.unique_id and node.spec.node_id != "fn0"
    )
    return state.phase, nodes


def recovered(seed: int) -> Callable[[Node], str]:
    """Some nodes were done in the execution that is recovered; of some dynamic ones, what they made."""

    def done(node: Node) -> str:
        chance = random.Random(f"{seed} recovered {node.unique_id}")
        return chance.choice(["all", "made", "", ""])

    return done


@SETTINGS
@given(seeds, sizes)
def test_a_recovery_comes_to_its_end_and_runs_nothing_that_was_done(seed: int, size: int) -> None:
    one = world(seed, size, repeats=0.1, crashes=0.08, recovers=recovered(seed))
    state = one.run()
    check_end(one, state)
    assert snapshot(one.folded()) == snapshot(state)
    done = {node.unique_id for node in state.nodes if node.phase.name == "RECOVERED"}
    assert not done & {name for name, _ in one.known}


@SETTINGS
@given(seeds, sizes)
def test_the_order_of_events_does_not_decide_what_comes_out_of_a_recovery(seed: int, size: int) -> None:
    summaries = []
    for order, crashes in ((0, 0.0), (1, 0.1)):
        one = world(
            seed,
            size,
            fail_fast=False,
            order=order,
            crashes=crashes,
            repeats=crashes,
            recovers=recovered(seed),
        )
        summaries.append(summary(one.run()))
    assert summaries[0] == summaries[1]
