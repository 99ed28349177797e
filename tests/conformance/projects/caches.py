"""What the cache takes for the same."""

import functools
import time
import typing
import uuid
from dataclasses import dataclass

from flytekit import Cache, HashMethod, map_task, task, workflow
from flytekit.core.cache import VersionParameters
from typing_extensions import Annotated


@task(cache=Cache(version="1", ignored_inputs=("noise",)))
def deaf(key: str, noise: str) -> str:
    return f"{key} {uuid.uuid4().hex}"


@workflow
def ignored(key: str, noise: str) -> str:
    return deaf(key=key, noise=noise)


@dataclass
class Measured:
    value: int


def last_digit(measured: Measured) -> str:
    return str(measured.value % 10)


@task
def measure(value: int) -> Annotated[Measured, HashMethod(last_digit)]:
    return Measured(value)


@task(cache=True, cache_version="1")
def judged(measured: Measured, key: str) -> str:
    return f"{key} {uuid.uuid4().hex}"


@workflow
def hashed(value: int, key: str) -> str:
    return judged(measured=measure(value=value), key=key)


@task(cache=True, cache_version="1", cache_serialize=True)
def slow(key: str) -> str:
    time.sleep(2)
    return f"{key} {uuid.uuid4().hex}"


@workflow
def serialised(key: str) -> str:
    return slow(key=key)


class Named:
    """A policy that tells versions by the function's name."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        return salt + params.func.__name__


@task(cache=Cache(policies=[Named()], salt="salt"))
def versioned(key: str) -> str:
    return f"{key} {uuid.uuid4().hex}"


@workflow
def policies(key: str) -> str:
    return versioned(key=key)


@task(cache=True, cache_version="1")
def each(x: int, key: str) -> str:
    return f"{x} {key} {uuid.uuid4().hex}"


@workflow
def mapped(xs: typing.List[int], key: str) -> typing.List[str]:
    return map_task(functools.partial(each, key=key))(x=xs)


@task(retries=0, cache=True, cache_version="1")
def inverse(x: float, key: str) -> float:
    return 1 / x


@workflow
def failed(x: float, key: str) -> float:
    return inverse(x=x, key=key)
