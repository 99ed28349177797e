"""Two hundred executions while control plane, Postgres, object store, runner and tasks are killed.

Five minutes by default; `SANDBOX_CHAOS_SECONDS=60` is a short form with fewer executions, and
`SANDBOX_CHAOS_SEED` draws another order of kills. A failure tells the seed and all kills.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from flyteidl.core import catalog_pb2, execution_pb2, identifier_pb2, literals_pb2

from sandbox.idl import names
from sandbox.propeller import histories
from sandbox.propeller.archive import Archive
from sandbox.propeller.core.graph import NodeKind
from tests.acceptance.chaos import leftovers
from tests.acceptance.chaos.monkey import COMPONENTS, Monkey
from tests.sandboxes import DOMAIN, PROJECT, TERMINAL, Client, Sandbox, integers
from tests.waiting import eventually

SECONDS = float(os.environ.get("SANDBOX_CHAOS_SECONDS", "300"))
SEED = int(os.environ.get("SANDBOX_CHAOS_SEED", "20240229"))
EXECUTIONS = max(10, round(200 * min(1.0, SECONDS / 300)))
CALM = 900.0
"""Seconds that everything may take to end once nobody kills any more: the machine may be slow."""
STILL = 90.0
"""But not so long without any task that begins or ends."""
WORKFLOW = Path(__file__).parents[2] / "workflows" / "chaos.py"
ANSWERS: dict[str, Callable[[int], int]] = {
    "chain": lambda x: x + 6,
    "mapped": lambda x: 15 + 6 * x,
    "unfolding": lambda x: 4 * x + 6 + x + 6,
    "family": lambda x: x + 6 + 15 + 6 * x,
    "caching": lambda x: 200 * x,
}
UNFOLDING = ("nest", "fan")
"""Tasks that keep no journal: what they make does. An abort may find one that has ended, and whose workflow
nobody has read yet."""
MERCY = 6.0
"""Seconds between two kills of one component at least; more where the sandbox needs longer to start."""
LATER = 2
"""How many launches later an execution is aborted that is to be."""
DIFFERENT = 10
"""How many different numbers the workflows are given: cached values are shared between executions."""


@dataclass
class Launched:
    """An execution and what must come of it."""

    name: str
    workflow: str
    x: int
    doomed: bool
    """Whether someone aborts it while it runs."""


@dataclass
class Victim:
    """The sandbox that is hurt, and how long it takes to start (seconds)."""

    sandbox: Sandbox
    start: float


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    sandbox = Sandbox(tmp_path, "chaos")
    project = sandbox.project(WORKFLOW)
    sandbox.start("--source", str(project))
    try:
        sandbox.register("v1")
        sandbox.run("stop", "--name", sandbox.name)
        began = time.monotonic()
        sandbox.start()
        yield Victim(sandbox, time.monotonic() - began)
    finally:
        sandbox.teardown()
    assert leftovers.mentioning(tmp_path / "sandboxes") == []


@pytest.mark.timeout(SECONDS + CALM + 240)
def test_all_executions_end_right_although_everything_is_killed(victim: Victim, tmp_path: Path) -> None:
    sandbox = victim.sandbox
    journal = tmp_path / "journal"
    journal.touch()
    root = tmp_path / "sandboxes" / sandbox.name
    client = Client(sandbox.status()["endpoints"]["target"])
    plan = [
        Launched(f"chaos-{number}", workflow, number % DIFFERENT, number % 13 == 12)
        for number, workflow in zip(range(EXECUTIONS), _round(list(ANSWERS)), strict=False)
    ]
    random.Random(SEED).shuffle(plan)
    monkey = Monkey(root, SEED, mercy=max(MERCY, victim.start))
    monkey.start()
    try:
        _launch_all(client, plan, journal, seconds=SECONDS * 0.8)
        _let_pass(monkey, SECONDS)
        monkey.stop()
        _await_all(client, plan, journal)
        _check(sandbox, client, plan, journal, root)
    except BaseException:
        print(f"SANDBOX_CHAOS_SEED={SEED} SANDBOX_CHAOS_SECONDS={SECONDS:g}; kills: {dict(monkey.counts)}")
        print("\n".join(monkey.kills))
        raise
    finally:
        monkey.stop()
        client.close()
    assert set(monkey.counts) >= set(COMPONENTS), "a run that proves nothing"


def _round(words: list[str]) -> Iterator[str]:
    while True:
        yield from words


def _launch_all(client: Client, plan: list[Launched], journal: Path, *, seconds: float) -> None:
    """Launch evenly, each as often as it takes until the sandbox says that it has it."""
    began = time.monotonic()
    for number, one in enumerate(plan):
        due = began + seconds * number / len(plan)
        _pause(due - time.monotonic())
        inputs = integers(x=one.x)
        inputs.literals["journal"].CopyFrom(_text(str(journal)))
        eventually(lambda one=one, inputs=inputs: _launch(client, one, inputs), timeout=120, interval=0.2)
        doomed = plan[max(0, number - LATER)]
        if doomed.doomed:
            eventually(lambda doomed=doomed: _abort(client, doomed), timeout=120, interval=0.2)


def _launch(client: Client, one: Launched, inputs: literals_pb2.LiteralMap) -> bool:
    try:
        client.create_execution(f"workflows.chaos.{one.workflow}", "v1", inputs, name=one.name)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.ALREADY_EXISTS:
            return True
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def _abort(client: Client, one: Launched) -> bool:
    try:
        client.abort(_id(one.name), "chaos")
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
            return True  # it is over already
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def _text(text: str) -> literals_pb2.Literal:
    return literals_pb2.Literal(
        scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=text))
    )


def _pause(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def _let_pass(monkey: Monkey, seconds: float) -> None:
    """Wait until the monkey has been at it for so long."""
    monkey.join(max(0.0, seconds - monkey.age))
    assert monkey.is_alive(), "the monkey died"


def _await_all(client: Client, plan: list[Launched], journal: Path) -> None:
    open_ones = {one.name for one in plan}
    size, since = 0, time.monotonic()

    def all_over() -> bool:
        nonlocal size, since
        if journal.stat().st_size > size:
            size, since = journal.stat().st_size, time.monotonic()
        if time.monotonic() - since > STILL:
            raise TimeoutError(f"nothing moves; not over are {sorted(open_ones)}")
        for name in list(open_ones):
            try:
                if client.get(_id(name)).closure.phase in TERMINAL:
                    open_ones.discard(name)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                return False
        assert not open_ones, f"{len(open_ones)} are not over: {sorted(open_ones)[:10]}"
        return True

    eventually(all_over, timeout=CALM, interval=0.5)


def _id(name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    return identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)


def _check(sandbox: Sandbox, client: Client, plan: list[Launched], journal: Path, root: Path) -> None:
    """Right outputs, each attempt once, histories that say what people see, nothing left over."""
    wrong = [text for one in plan if (text := _wrong(client, one))]
    assert not wrong, "\n".join(wrong)
    sandbox.audit()
    with sandbox.archive() as archive:
        _check_attempts(archive, journal)
        eventually(lambda: not leftovers.attempts(root) or _fail(leftovers.attempts(root)), timeout=30)
        eventually(lambda: not (left := leftovers.files(root)) or _fail(left), timeout=60, interval=0.5)
        eventually(lambda: not (left := leftovers.rows(archive.database)) or _fail(left), timeout=90)


def _fail(left: list[str]) -> bool:
    raise AssertionError(left[:20])


def _wrong(client: Client, one: Launched) -> str:
    found = client.get(_id(one.name))
    phase = execution_pb2.WorkflowExecution.Phase.Name(found.closure.phase)
    if one.doomed and phase == "ABORTED":
        return ""
    if phase != "SUCCEEDED":
        return f"{one}: {phase} {found.closure.error.code}: {found.closure.error.message}"
    answer, right = client.outputs(_id(one.name))["o0"].scalar.primitive.integer, ANSWERS[one.workflow](one.x)
    return "" if answer == right else f"{one}: {answer}, not {right}"


def _check_attempts(archive: Archive, journal: Path) -> None:
    """What ran is what the histories say: no attempt twice, none that the engine does not know, and each that
    succeeded once to its end.
    """
    lines = [line.split() for line in journal.read_text().splitlines()]
    started = Counter(name for word, name in lines if word == "start")
    ended = Counter(name for word, name in lines if word == "end")
    twice = [name for name, count in started.items() if count > 1]
    assert not twice, f"attempts that were started twice: {twice}"
    known: set[str] = set()
    succeeded: set[str] = set()
    computed: Counter[str] = Counter()
    for execution in archive.ended():
        if execution.project != PROJECT:
            continue  # the canary keeps no journal
        for node in histories.fold(archive.history(execution)).nodes:
            if node.spec.kind not in (NodeKind.TASK, NodeKind.ELEMENT):
                continue
            for attempt in node.attempts:
                name = names.unique_task_name(execution.name, node.unique_id, attempt.number)
                known.add(name)
                if attempt.phase == "SUCCEEDED" and node.template.id.name.rpartition(".")[2] not in UNFOLDING:
                    succeeded.add(name)
            is_cacheable = node.template.metadata.discoverable and node.has_succeeded
            if is_cacheable and node.cache != catalog_pb2.CACHE_HIT:
                computed[node.template.id.name] += 1
    assert set(started) <= known, f"attempts that nobody asked for: {sorted(set(started) - known)[:10]}"
    assert succeeded == {name for name in succeeded if started[name] == ended[name] == 1}
    assert sum(computed.values()) <= DIFFERENT, f"cached values were computed again: {computed}"
