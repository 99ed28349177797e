"""Stories: small workflows in a world with a fixed seed, each of which shows one thing."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyteidl.core import compiler_pb2, workflow_pb2

from sandbox.propeller import histories
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.graph import build
from sandbox.propeller.core.state import Node
from sandbox.propeller.histories import History
from tests.unit.propeller import building
from tests.unit.propeller.building import branch, launch_plan, run, subworkflow, workflow
from tests.unit.propeller.test_machine_properties import made_by, random_closure, world
from tests.unit.propeller.world import World

RETRYING = building.task("retrying", retries=2)
MAPPED = building.mapped("mapped", retries=1)
CACHED = building.mapped("cached", cache=True)
MADE = "s3://b/made"


@dataclass(frozen=True)
class Story:
    """A workflow, and what befalls it."""

    closure: compiler_pb2.CompiledWorkflowClosure
    outcome: Callable[[Node, int], Failure | None] = lambda node, attempt: None
    made: Mapping[str, compiler_pb2.CompiledWorkflowClosure] = field(default_factory=dict)
    seed: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> History:
        """Tell it, to the end."""
        one = World(
            build(self.closure),
            random.Random(self.seed),
            self.outcome,
            made={uri: build(closure) for uri, closure in self.made.items()},
            **self.more,
        )
        one.run()
        made = {uri: closure.SerializeToString(deterministic=True) for uri, closure in self.made.items()}
        closure = self.closure.SerializeToString(deterministic=True)
        return histories.record(one.parameters, closure, made, one.stored)


def of(
    nodes: Sequence[workflow_pb2.Node],
    inside: Sequence[workflow_pb2.WorkflowTemplate] = (),
    **template: Any,
) -> compiler_pb2.CompiledWorkflowClosure:
    """A workflow that gives what its last node gives."""
    tasks = [RETRYING, MAPPED, CACHED]
    return building.compile(
        workflow("story", nodes, nodes[-1].id, **template), tasks, inside, plans=["child"]
    )


def fails(*names: str, kind: str = USER, until: int = 99, recoverable: bool = True) -> Any:
    """What happens to attempts: those of these nodes (ids in their template) fail, up to a number."""

    def outcome(node: Node, attempt: int) -> Failure | None:
        called = node.spec.node_id if node.index < 0 else f"{node.spec.node_id}[{node.index}]"
        if called in names and attempt < until:
            return Failure("Boom", f"it went boom: {called}", kind, recoverable)
        return None

    return outcome


def dynamic(made: compiler_pb2.CompiledWorkflowClosure, **more: Any) -> dict[str, Any]:
    """The first node of the workflow makes another one."""
    more.setdefault("unfolds", lambda node, state: MADE if node.unique_id == "n0" else "")
    return {"made": {MADE: made}, "more": more}


def done(*names: str, made: Sequence[str] = ()) -> Callable[[Node], str]:
    """An execution is recovered in which these nodes (unique ids; elements by index) had succeeded, and these
    had made their workflows.
    """

    def recovers(node: Node) -> str:
        called = node.unique_id if node.index < 0 else f"{node.spec.node_id}[{node.index}]"
        return "all" if called in names else "made" if called in made else ""

    return recovers


def _mixed(seed: int) -> Story:
    """Everything at once: random workflows, failures, repeats and crashes."""
    one = world(seed, 8)
    return Story(
        random_closure(seed, 8),
        one.outcome,
        {uri: random_closure(seed + place + 1, 1 + place) for place, uri in enumerate(one.made)},
        seed,
        {
            "max_parallelism": 2,
            "repeats": 0.1,
            "crashes": 0.05,
            "cached": one.cached,
            "unfolds": lambda node, state: made_by(seed, node, state),
            "sizes": one.sizes,
            "cases": one.cases,
        },
    )


TWO = [run("n0"), run("n1", "n0")]
INNER = workflow("inner", TWO, "n1")
BAD = run("bad", "start-node", RETRYING)
UNRULY = workflow("unruly", [BAD, run("n1", "bad")], "n1", on_failure=run("fn0"))
DECISION = branch("n1", "n0", [(3, run("small", "n0")), (5, run("middle", "n0"))], run("large", "n0"))
UNDECIDED = branch("n0", "start-node", [(3, run("small"))], "no case")
STUCK = workflow("stuck", [UNDECIDED], "n0", on_failure=run("fn0"))
ARRAY = [building.array("n0", building.several([1, 2, 3, 4, 5]), MAPPED, parallelism=2, min_successes=3)]
PLANS = [
    building.array_of_plans("n0", building.several([1, 2, 3, 4]), "child", parallelism=2, min_successes=3)
]
AFTER = run("n1", after=["n0"])
ARRAY_AFTER = [
    building.array("n2", building.several([1, 2, 3, 4, 5]), MAPPED, parallelism=2, after=["n1"]),
    run("n3", after=["n2"]),
]

STORIES: dict[str, Story] = {
    "chain": Story(of(TWO)),
    "cached": Story(of(TWO), more={"cached": frozenset({"n0"})}),
    "wide-with-two-slots": Story(of([run(f"n{i}") for i in range(5)]), more={"max_parallelism": 2}),
    "retried": Story(of([run("n0", "start-node", RETRYING)]), fails("n0", until=2)),
    "retries-used-up": Story(of([run("n0", "start-node", RETRYING)]), fails("n0")),
    "lost-to-the-system": Story(of([run("n0")]), fails("n0", kind=SYSTEM, until=2)),
    "lost-and-tried-again-after-pauses": Story(
        of([*ARRAY, AFTER]),
        fails("n0[1]", "n1", kind=SYSTEM, until=2),
        more={"retry_delay": 1000, "sizes": lambda node: 5},
    ),
    "lost-too-often": Story(of([run("n0")]), fails("n0", kind=SYSTEM)),
    "lost-and-retried-after-pauses": Story(
        of([run("n0")]), fails("n0", kind=SYSTEM, until=3), more={"retry_delay": 500_000}
    ),
    "aborted-during-a-pause": Story(
        of([run("n0")]),
        fails("n0", kind=SYSTEM),
        more={"retry_delay": 500_000, "abort_after": 3, "watchful": False},
    ),
    "waits-for-resources": Story(of([run("n0"), run("n1", "n0"), run("n2")]), more={"waits": 1.0}),
    "elements-wait-for-resources": Story(
        of([*ARRAY, AFTER]), fails("n0[1]", kind=SYSTEM, until=1), more={"waits": 1.0, "retry_delay": 500_000}
    ),
    "timed-out": Story(of([run("n0", timeout=0.001)]), seed=2),
    "subworkflows": Story(of([run("n0"), subworkflow("n1", "n0", "inner")], [INNER])),
    "branch": Story(of([run("n0"), DECISION]), more={"cases": lambda node: 1}),
    "branch-without-a-case": Story(of([UNDECIDED]), more={"cases": lambda node: 1}),
    "launch-plan": Story(of([run("n0"), launch_plan("n1", "n0", "child")])),
    "launch-plan-fails": Story(of([launch_plan("n0", "start-node", "child")]), fails("n0")),
    "gates": Story(
        of([building.approve("n0", "start-node"), building.sleep("n1", 5), run("n2", "n0", after=["n1"])])
    ),
    "gate-refused": Story(of([building.approve("n0", "start-node")]), fails("n0", recoverable=False)),
    "array": Story(of([*ARRAY, AFTER]), fails("n0[1]", "n0[3]"), more={"sizes": lambda node: 5}),
    "array-fails": Story(
        of([*ARRAY, AFTER]), fails("n0[0]", "n0[1]", "n0[2]"), more={"sizes": lambda node: 5}
    ),
    "array-cached": Story(
        of([building.array("n0", building.several([1, 2, 3]), CACHED), AFTER]),
        more={"cached": frozenset({"n0"})},
    ),
    "array-of-nothing": Story(
        of([building.array("n0", building.several([]), MAPPED), AFTER]),
        more={"sizes": lambda node: 0},
    ),
    "array-of-plans": Story(of([*PLANS, AFTER]), fails("n0[1]"), more={"sizes": lambda node: 4}),
    "array-of-plans-fails": Story(
        of([*PLANS, AFTER]), fails("n0[1]", "n0[2]"), more={"sizes": lambda node: 4}
    ),
    "aborted-array-of-plans": Story(
        of([*PLANS, AFTER]), more={"sizes": lambda node: 4, "abort_after": 6}, seed=2
    ),
    "gate-unanswered": Story(of([building.wait_for_input("n0", timeout=0.001, retries=1)]), seed=4),
    "dynamic": Story(of(TWO), **dynamic(of([run("d0"), subworkflow("d1", "d0", "inner")], [INNER]))),
    "dynamic-in-dynamic": Story(
        of(TWO),
        **dynamic(
            of([run("d0"), run("d1", "d0")]),
            unfolds=lambda node, state: MADE if node.unique_id in ("n0", "n0-0-d0") else "",
            max_parallelism=1,
        ),
    ),
    "dynamic-fails-inside": Story(of(TWO), fails("d1"), **dynamic(of([run("d0"), run("d1", "d0")]))),
    "dynamic-retried": Story(of(TWO), fails("n0", kind=SYSTEM, until=1), **dynamic(of([run("d0")]))),
    "fail-fast": Story(
        of([run("n0"), run("n1"), run("n2"), run("n3", "n0")]), fails("n1", recoverable=False), seed=3
    ),
    "fail-after-all": Story(
        of([run("n0"), run("n1"), run("n2", "n1"), run("n3", "n0")], fail_fast=False),
        fails("n1", recoverable=False),
    ),
    "failure-node": Story(of(TWO, on_failure=run("fn0")), fails("n1")),
    "failure-node-fails": Story(of(TWO, on_failure=run("fn0")), fails("n1", "fn0")),
    "failure-node-inside": Story(
        of([subworkflow("n0", "start-node", "unruly"), AFTER], [UNRULY]), fails("bad")
    ),
    "aborted": Story(of([*TWO, subworkflow("n2", "n1", "inner")], [INNER]), more={"abort_after": 9}),
    "aborted-array": Story(of([*ARRAY, AFTER]), more={"sizes": lambda node: 5, "abort_after": 6}),
    "aborted-launch-plan": Story(of([launch_plan("n0", "start-node", "child")]), more={"abort_after": 4}),
    "late-subworkflow": Story(
        of([subworkflow("n0", "start-node", "inner", retries=1, timeout=0.001), AFTER], [INNER]), seed=2
    ),
    "late-launch-plan": Story(
        of([launch_plan("n0", "start-node", "child", retries=1, timeout=0.001), AFTER]), seed=21
    ),
    "recovered": Story(
        of([*TWO, *ARRAY_AFTER, subworkflow("n4", "n1", "inner"), launch_plan("n5", "n4", "child")], [INNER]),
        more={"recovers": done("n0", "n2[1]", "n4-0-n0"), "sizes": lambda node: 5},
    ),
    "recovered-dynamic": Story(
        of(TWO), **dynamic(of([run("d0"), run("d1", "d0")]), recovers=done("n0-0-d0", made=("n0",)))
    ),
    "crashes": Story(
        of([*TWO, run("n2", "n1", RETRYING)]),
        fails("n2", until=1),
        more={"crashes": 0.2, "repeats": 0.3},
    ),
    # Defects that were found. A failure node that found all slots taken was not run:
    "failure-node-waits-for-a-slot": Story(
        of([run("n0"), run("n1"), subworkflow("n2", "start-node", "stuck")], [STUCK], fail_fast=False),
        more={"max_parallelism": 1, "cases": lambda node: 1},
    ),
    # A case of a branch, waiting for a slot when its branch was aborted, had a row without a name:
    "aborted-case-that-waits-for-a-slot": Story(
        of([branch("n0", "start-node", [(3, run("small"))], run("large")), run("n1")]),
        seed=2,
        more={"max_parallelism": 1, "abort_after": 3},
    ),
    **{f"mixed-{seed}": _mixed(seed) for seed in range(1, 7)},
}
