"""Ways to put a workflow together."""

import functools
import typing
from datetime import datetime

from flytekit import (
    CronSchedule,
    LaunchPlan,
    WorkflowFailurePolicy,
    conditional,
    map_task,
    task,
    workflow,
)

from projects import parts, subworkflows


@task
def say(text: str) -> None:
    print(text)


@workflow
def chained() -> None:
    first = say(text="a").with_overrides(node_name="first-node", name="The first")
    second = say(text="b")
    third = say(text="c")
    third >> second
    second >> first


@workflow
def nested_conditions(x: int, y: int) -> int:
    return (
        conditional("outer")
        .if_(x > 0)
        .then(
            conditional("inner")
            .if_(y > 10)
            .then(parts.add(a=x, b=y))
            .elif_((y > 3) & (x == 3))
            .then(parts.add(a=y, b=0))
            .else_()
            .fail("neither")
        )
        .else_()
        .then(subworkflows.doubled(x=y))
    )


@task
def weighted(x: int, weight: int, offset: int = 0) -> int:
    return x * weight + offset


@workflow
def partials(xs: typing.List[int], weight: int) -> typing.List[int]:
    bound = functools.partial(weighted, weight=weight, offset=parts.add(a=1, b=1))
    return map_task(bound)(x=xs)


@task
def pair(x: int) -> typing.List[int]:
    return [x, x + 1]


@task
def flat(xs: typing.List[typing.List[int]]) -> typing.List[int]:
    return [x for inner in xs for x in inner]


@workflow
def pairs(x: int) -> typing.List[int]:
    return flat(xs=map_task(pair)(x=[x, x]))


@task
def total(xs: typing.List[int]) -> int:
    return sum(xs)


@workflow
def maps_of_lists(x: int) -> typing.Tuple[typing.List[int], typing.List[int]]:
    made = pairs(x=x)
    return map_task(total)(xs=[made, [1, 2]]), map_task(parts.add)(a=made, b=made)


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE, interruptible=True)
def after_the_others(b: int) -> float:
    bad = parts.divide(a=1, b=b)
    slow = parts.stamp()
    parts.stamp(after=slow)
    return bad


@workflow
def passed_through(x: int, xs: typing.List[int]) -> typing.Tuple[int, typing.List[int], int]:
    return x, xs, parts.add(a=x, b=1)


@task
def deep(x: typing.List[typing.Dict[str, typing.List[int]]]) -> int:
    return sum(sum(numbers) for each in x for numbers in each.values())


@workflow
def nested_bindings(a: int) -> int:
    return deep(x=[{"a": [a, 2], "b": [parts.add(a=a, b=a)]}, {}])


@task
def same(at: datetime) -> datetime:
    return at


@workflow
def night(at: datetime) -> datetime:
    return same(at=at)


nightly = LaunchPlan.get_or_create(
    night,
    name="projects.structures.nightly",
    schedule=CronSchedule(schedule="0 0 * * *", kickoff_time_input_arg="at"),
)
