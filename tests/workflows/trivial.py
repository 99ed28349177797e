"""Tasks that do next to nothing, for the bench: what is measured is the sandbox."""

import typing

from flytekit import map_task, task, workflow


@task
def say_hello(name: str) -> str:
    return f"Hello, {name}!"


@task
def increment(x: int) -> int:
    return x + 1


@task
def total(xs: typing.List[int]) -> int:
    return sum(xs)


@workflow
def hello(name: str = "world") -> str:
    return say_hello(name=name)


@workflow
def chain_of_20(x: int = 0) -> int:
    for _ in range(20):
        x = increment(x=x)
    return x


@workflow
def fan_out_of_100(x: int = 0) -> int:
    return total(xs=[increment(x=x) for _ in range(100)])


@workflow
def mapped(xs: typing.List[int]) -> typing.List[int]:
    return map_task(increment)(x=xs)
