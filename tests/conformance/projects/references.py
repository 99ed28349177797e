"""Tasks and launch plans that are known by their names alone, as if another team had registered them."""

import typing

from flytekit import reference_launch_plan, reference_task, workflow

_THERE = {"project": "flytesnacks", "domain": "development", "version": "conformance"}


@reference_task(name="projects.parts.add", **_THERE)
def add(a: int, b: int) -> int: ...


@reference_task(name="projects.parts.flaky", **_THERE)
def flaky(failures: int) -> int: ...


@reference_task(name="projects.parts.divide", **_THERE)
def divide(a: int, b: int) -> float: ...


@reference_task(name="projects.parts.linger", **_THERE)
def linger(seconds: int) -> str: ...


@reference_task(name="projects.parts.stamp", **_THERE)
def stamp(after: str) -> str: ...


@reference_task(name="projects.parts.stumble", **_THERE)
def stumble(doomed: str, after: str) -> str: ...


@reference_task(name="projects.parts.remembered", **_THERE)
def remembered(key: str) -> str: ...


@reference_launch_plan(name="projects.subworkflows.happy", **_THERE)
def quadrupled(x: int) -> int: ...


@workflow
def happy(x: int) -> typing.Tuple[int, int]:
    total = add(a=x, b=x)
    return total, quadrupled(x=total)


@workflow
def retry(failures: int) -> int:
    return flaky(failures=failures)


@workflow
def fail(b: int) -> float:
    return divide(a=1, b=b)


@workflow
def abort(seconds: int = 600) -> str:
    return linger(seconds=seconds)


@workflow
def recover(doomed: str) -> typing.Tuple[str, str]:
    first = stamp(after="")
    return first, stumble(doomed=doomed, after=first)


@workflow
def cache(key: str) -> str:
    return remembered(key=key)
