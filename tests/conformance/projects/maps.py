"""Map tasks."""

import functools
import time
import typing
import uuid

from flytekit import dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

from projects import parts


@task
def scale(x: int, factor: int) -> int:
    return x * factor


@workflow
def happy(xs: typing.List[int], factor: int) -> typing.List[int]:
    return map_task(functools.partial(scale, factor=factor))(x=xs)


@task(retries=2)
def fails_often(failures: int) -> int:
    if parts.attempt() < failures:
        raise FlyteRecoverableException(f"attempt {parts.attempt()} of {failures} that fail")
    return parts.attempt()


@workflow
def retry(failures: typing.List[int]) -> typing.List[int]:
    return map_task(fails_often)(failures=failures)


@task
def inverse(x: int) -> float:
    return 1 / x


@workflow
def fail(xs: typing.List[int]) -> typing.List[float]:
    return map_task(inverse)(x=xs)


@workflow
def tolerate(xs: typing.List[int]) -> typing.List[typing.Optional[float]]:
    return map_task(inverse, min_success_ratio=0.5)(x=xs)


@workflow
def abort(seconds: typing.List[int]) -> typing.List[str]:
    return map_task(parts.linger)(seconds=seconds)


@task
def stumble_or_stamp(doomed: str) -> str:
    if doomed and parts.execution().startswith(doomed):
        raise ValueError(f"{parts.execution()} is doomed")
    return f"{parts.execution()} {uuid.uuid4().hex}"


@workflow
def recover(doomed: typing.List[str]) -> typing.List[str]:
    return map_task(stumble_or_stamp, concurrency=1)(doomed=doomed)


@workflow
def cache(keys: typing.List[str]) -> typing.List[str]:
    return map_task(parts.remembered)(key=keys)


@workflow
def exhausted(failures: typing.List[int]) -> typing.List[int]:
    return map_task(fails_often, concurrency=1)(failures=failures)


@dynamic
def as_many(n: int) -> typing.List[int]:
    return map_task(functools.partial(scale, factor=2))(x=list(range(n)))


@workflow
def in_a_dynamic(n: int) -> typing.List[int]:
    return as_many(n=n)


@task
def linger_or_stamp(slow: str) -> str:
    """Lasts in executions whose name begins with `slow`."""
    if slow and parts.execution().startswith(slow):
        time.sleep(600)
    return parts.here()


@workflow
def interrupted(slow: typing.List[str]) -> typing.List[str]:
    return map_task(linger_or_stamp)(slow=slow)
