"""Tasks that the projects are made of.

What a task returns tells which execution and attempt computed it: so it can be seen whether it was computed anew.
"""

import os
import time
import typing
import uuid

from flytekit import task
from flytekit.exceptions.user import FlyteRecoverableException


def execution() -> str:
    return os.environ["FLYTE_INTERNAL_EXECUTION_ID"]


def attempt() -> int:
    return int(os.environ["FLYTE_ATTEMPT_NUMBER"])


def here() -> str:
    """A value that no other attempt gives."""
    return f"{execution()} {attempt()} {uuid.uuid4().hex}"


@task
def stamp(after: str = "") -> str:
    return here()


@task
def join(parts: typing.List[str]) -> str:
    return ", ".join(parts)


@task
def add(a: int, b: int) -> int:
    return a + b


@task(retries=2)
def flaky(failures: int) -> int:
    """The number of the attempt that succeeded."""
    if attempt() < failures:
        raise FlyteRecoverableException(f"attempt {attempt()} of {failures} that fail")
    return attempt()


@task
def divide(a: int, b: int) -> float:
    return a / b


@task
def linger(seconds: int) -> str:
    """Lasts until somebody ends it."""
    time.sleep(seconds)
    return "nobody came"


@task
def stumble(doomed: str, after: str = "") -> str:
    """Fails for good in executions whose name begins with `doomed`, those that they began included."""
    if execution().startswith(doomed):
        raise ValueError(f"{execution()} is doomed")
    return execution()


@task(cache=True, cache_version="1")
def remembered(key: str) -> str:
    return f"{key} {uuid.uuid4().hex}"
