"""What runs while everything around it is killed: retries, maps, dynamics, subworkflows, children, a cache.

Every attempt writes the name of its own raw output folder into the journal, which names execution, node and
attempt, when it begins and when it is done. Every workflow gives a number that follows from `x`.
"""

import functools
import os
import time
import typing

import flytekit
from flytekit import LaunchPlan, dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

RETRIES = 20
"""Storage that is away while a task reads or writes is the task's own failure."""


def _note(journal: str, word: str) -> None:
    name = flytekit.current_context().raw_output_prefix.rstrip("/").split("/")[-1]
    line = (word + " " + name + "\n").encode()
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, line)
    os.close(descriptor)


def _work(journal: str) -> None:
    _note(journal, "start")
    time.sleep(0.3)
    _note(journal, "end")


@task(retries=RETRIES)
def add(x: int, y: int, journal: str) -> int:
    _work(journal)
    return x + y


@task(retries=RETRIES)
def flaky(x: int, journal: str) -> int:
    _note(journal, "start")
    if int(os.environ["FLYTE_ATTEMPT_NUMBER"]) < 2:
        raise FlyteRecoverableException("not yet")
    _note(journal, "end")
    return x + 1


@task(retries=RETRIES)
def numbers(n: int, journal: str) -> typing.List[int]:
    _work(journal)
    return list(range(n))


@task(retries=RETRIES)
def total(values: typing.List[int], journal: str) -> int:
    _work(journal)
    return sum(values)


@task(retries=RETRIES, cache=True, cache_version="1", cache_serialize=True)
def remembered(x: int, journal: str) -> int:
    _work(journal)
    return 100 * x


# --- x + 6 ---------------------------------------------------------------------------------------------------


@workflow
def chain(x: int, journal: str) -> int:
    first = add(x=x, y=1, journal=journal)
    second = flaky(x=first, journal=journal)
    third = flaky(x=second, journal=journal)
    return add(x=third, y=3, journal=journal)


# --- 15 + 6 * x ----------------------------------------------------------------------------------------------


@workflow
def mapped(x: int, journal: str) -> int:
    values = map_task(functools.partial(add, y=x, journal=journal), concurrency=4)(
        x=numbers(n=6, journal=journal)
    )
    return total(values=values, journal=journal)


# --- 4 * x + 6 + x + 6 ---------------------------------------------------------------------------------------


@dynamic(retries=RETRIES)
def fan(x: int, journal: str) -> int:
    return total(values=[add(x=x, y=i, journal=journal) for i in range(4)], journal=journal)


@dynamic(retries=RETRIES)
def nest(x: int, journal: str) -> int:
    return add(x=fan(x=x, journal=journal), y=chain(x=x, journal=journal), journal=journal)


@workflow
def unfolding(x: int, journal: str) -> int:
    return nest(x=x, journal=journal)


# --- (x + 6) + (15 + 6 * x) ----------------------------------------------------------------------------------

mapped_plan = LaunchPlan.get_or_create(mapped, name="chaos.mapped_plan")


@workflow
def family(x: int, journal: str) -> int:
    inside = chain(x=x, journal=journal)
    child = mapped_plan(x=x, journal=journal)
    return add(x=inside, y=child, journal=journal)


# --- 100 * x + 100 * x ---------------------------------------------------------------------------------------


@workflow
def caching(x: int, journal: str) -> int:
    return add(x=remembered(x=x, journal=journal), y=remembered(x=x, journal=journal), journal=journal)
