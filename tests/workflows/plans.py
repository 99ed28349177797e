"""Map tasks over launch plans and over reference tasks, written as a Flyte user writes them."""

import typing

from flytekit import LaunchPlan, dynamic, map_task, task, workflow


@task
def divide(a: int, b: int) -> int:
    return a // b


@task
def add(x: int, y: int) -> int:
    return x + y


@task
def total(xs: typing.List[typing.Optional[int]]) -> int:
    return sum(x for x in xs if x is not None)


@task
def numbers(n: int) -> typing.List[int]:
    return list(range(1, n + 1))


@workflow
def quotient(a: int, b: int, plus: int = 0) -> int:
    return add(x=divide(a=a, b=b), y=plus)


every = LaunchPlan.get_or_create(quotient, name="workflows.plans.every")
hundred = LaunchPlan.get_or_create(
    quotient, name="workflows.plans.hundred", fixed_inputs={"a": 100}, default_inputs={"plus": 1}
)


@workflow
def mapped(n: int, bs: typing.List[int]) -> typing.List[int]:
    return map_task(every, concurrency=2)(a=numbers(n=n), b=bs, plus=bs)


@workflow
def fixed(bs: typing.List[int], plus: typing.List[int]) -> typing.List[int]:
    return map_task(hundred)(b=bs, plus=plus)


@workflow
def tolerant(bs: typing.List[int], plus: typing.List[int]) -> int:
    return total(xs=map_task(hundred, min_success_ratio=0.5)(b=bs, plus=plus))


@dynamic
def maps(bs: typing.List[int]) -> typing.List[int]:
    return map_task(hundred)(b=bs, plus=bs)


@workflow
def dynamic_map(bs: typing.List[int]) -> typing.List[int]:
    return maps(bs=bs)
