"""Map tasks, written as a Flyte user writes them."""

import functools
import os
import typing

from flytekit import map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException


def _note(journal: str, line: str) -> None:
    with open(journal, "a") as file:
        file.write(line + "\n")


@task
def numbers(n: int) -> typing.List[int]:
    return list(range(n))


@task
def square(x: int) -> int:
    return x * x


@task
def total(xs: typing.List[int]) -> int:
    return sum(xs)


@workflow
def sum_of_squares(n: int) -> int:
    return total(xs=map_task(square)(x=numbers(n=n)))


@task
def scale(x: int, factor: int, label: str) -> str:
    return f"{label} {x * factor}"


@workflow
def scaled(xs: typing.List[int], factor: int) -> typing.List[str]:
    return map_task(functools.partial(scale, label="item", factor=factor), concurrency=2)(x=xs)


@task
def pairwise(x: int, y: int) -> int:
    return x - y


@workflow
def differences(xs: typing.List[int], ys: typing.List[int]) -> typing.List[int]:
    return map_task(pairwise)(x=xs, y=ys)


@task
def only_even(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


@task
def count_gaps(xs: typing.List[typing.Optional[int]]) -> str:
    return " ".join("-" if x is None else str(x) for x in xs)


@workflow
def tolerant(n: int) -> str:
    return count_gaps(xs=map_task(only_even, min_success_ratio=0.5)(x=numbers(n=n)))


@workflow
def strict(n: int) -> typing.List[int]:
    return map_task(only_even)(x=numbers(n=n))


@task(retries=2)
def unsteady(x: int, journal: str) -> int:
    attempt = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    _note(journal, f"{x} attempt {attempt}")
    if attempt < x:
        raise FlyteRecoverableException(f"{x} not before attempt {x}")
    return x


@workflow
def retried(n: int, journal: str) -> int:
    return total(xs=map_task(functools.partial(unsteady, journal=journal))(x=numbers(n=n)))


@task(cache=True, cache_version="1", cache_ignore_input_vars=("journal",))
def remembered(x: int, journal: str) -> int:
    _note(journal, f"computed {x}")
    return x + 1


@workflow
def cached(xs: typing.List[int], journal: str) -> typing.List[int]:
    return map_task(functools.partial(remembered, journal=journal))(x=xs)
