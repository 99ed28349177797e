"""A tree of everything, some leaves of which fail as long as a file names them.

Tasks that take `journal` append one line to that file, so that a test can count how often they really ran.
"""

import functools
import typing
from pathlib import Path

from flytekit import LaunchPlan, conditional, current_context, dynamic, map_task, task, workflow
from flytekit.core.workflow import WorkflowFailurePolicy


def _note(journal: str, line: str) -> None:
    with open(journal, "a") as file:
        file.write(line + "\n")


def _fail_if_broken(name: str, broken: str) -> None:
    if name in Path(broken).read_text().split():
        raise ValueError(f"{name} is broken")


@task
def sound(x: int, name: str, journal: str) -> int:
    _note(journal, f"sound {name}")
    return x + 1


@task
def fragile(x: int, name: str, broken: str, journal: str) -> int:
    _note(journal, f"fragile {name}")
    _fail_if_broken(name, broken)
    return x + 10


@task
def total(values: typing.List[int]) -> int:
    return sum(values)


@workflow
def inner(x: int, broken: str, journal: str) -> int:
    return fragile(x=sound(x=x, name="inner", journal=journal), name="inner", broken=broken, journal=journal)


@task
def element(index: int, broken: str, journal: str) -> int:
    _note(journal, f"element {index}")
    _fail_if_broken(f"element-{index}", broken)
    return index


@dynamic
def made(x: int, broken: str, journal: str) -> int:
    _note(journal, "made")
    return fragile(x=sound(x=x, name="made", journal=journal), name="made", broken=broken, journal=journal)


@workflow
def grandchild(x: int, broken: str, journal: str) -> int:
    before = sound(x=x, name="grandchild", journal=journal)
    return fragile(x=before, name="grandchild", broken=broken, journal=journal)


grandchild_plan = LaunchPlan.get_or_create(grandchild, "recovery.grandchild")


@workflow
def child(x: int, broken: str, journal: str) -> int:
    return grandchild_plan(x=sound(x=x, name="child", journal=journal), broken=broken, journal=journal)


child_plan = LaunchPlan.get_or_create(child, "recovery.child")


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def tree(broken: str, journal: str) -> int:
    begin = sound(x=0, name="begin", journal=journal)
    inside = inner(x=begin, broken=broken, journal=journal)
    chosen = (
        conditional("way")
        .if_(begin > 0)
        .then(fragile(x=begin, name="case", broken=broken, journal=journal))
        .else_()
        .then(sound(x=begin, name="other", journal=journal))
    )
    dynamically = made(x=begin, broken=broken, journal=journal)
    one_by_one = map_task(functools.partial(element, broken=broken, journal=journal), concurrency=1)
    mapped = one_by_one(index=[0, 1, 2, 3])
    launched = child_plan(x=begin, broken=broken, journal=journal)
    return total(values=[inside, chosen, dynamically, total(values=mapped), launched])


# --- what a task did of its work -----------------------------------------------------------------------------


@task
def counts(broken: str, journal: str) -> int:
    """Counts to ten; begins where the checkpoint says."""
    checkpoint = current_context().checkpoint
    begin = int(checkpoint.read() or b"0")
    for number in range(begin, 10):
        _note(journal, f"count {number}")
        checkpoint.write(str(number + 1).encode())
        if number == 5:
            _fail_if_broken("counting", broken)
    return 10


@workflow
def counting(broken: str, journal: str) -> int:
    return counts(broken=broken, journal=journal)
