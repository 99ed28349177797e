"""Workflows that are made while they run."""

import typing
import uuid

from flytekit import dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

from projects import launch_plans, maps, parts, subworkflows


@task
def total(values: typing.List[int]) -> int:
    return sum(values)


@dynamic
def sums(n: int) -> int:
    return total(values=[parts.add(a=i, b=i) for i in range(n)])


@workflow
def happy(n: int) -> int:
    return sums(n=n)


@dynamic(retries=2)
def hesitates(failures: int) -> typing.List[int]:
    if parts.attempt() < failures:
        raise FlyteRecoverableException(f"attempt {parts.attempt()} makes no workflow")
    return [parts.flaky(failures=1), parts.add(a=parts.attempt(), b=0)]


@workflow
def retry(failures: int) -> typing.List[int]:
    return hesitates(failures=failures)


@dynamic(retries=2)
def divides(b: int) -> float:
    return parts.divide(a=1, b=b)


@workflow
def fail(b: int) -> float:
    return divides(b=b)


@dynamic
def waits(seconds: int) -> typing.List[str]:
    return [parts.linger(seconds=seconds), parts.stamp()]


@workflow
def abort(seconds: int = 600) -> typing.List[str]:
    return waits(seconds=seconds)


@dynamic
def stumbles(doomed: str) -> typing.List[str]:
    made = uuid.uuid4().hex
    first = parts.stamp(after=made)
    return [made, first, parts.stumble(doomed=doomed, after=first)]


@workflow
def recover(doomed: str) -> typing.List[str]:
    return stumbles(doomed=doomed)


@dynamic(cache=True, cache_version="1")
def remembers(key: str) -> typing.List[str]:
    return [parts.stamp(after=key), uuid.uuid4().hex]


@workflow
def cache(key: str) -> typing.List[str]:
    return remembers(key=key)


@dynamic
def deepest(doomed: str, marks: typing.List[str]) -> typing.List[typing.List[str]]:
    """A child execution, a subworkflow and a map, each with a part that succeeds and a part that is doomed."""
    child_first, child_second = launch_plans.recover_plan(doomed=doomed)
    inside_first, inside_second = subworkflows.inner_recover(doomed=doomed)
    mapped = map_task(maps.stumble_or_stamp)(doomed=marks)
    return [[child_first, child_second], [inside_first, inside_second], mapped]


@workflow
def deep(doomed: str, marks: typing.List[str]) -> typing.List[typing.List[str]]:
    return deepest(doomed=doomed, marks=marks)
