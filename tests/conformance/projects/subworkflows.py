"""Workflows inside of workflows."""

import typing

from flytekit import workflow

from projects import parts


@workflow
def doubled(x: int) -> int:
    return parts.add(a=x, b=x)


@workflow
def quadrupled(x: int) -> int:
    return doubled(x=doubled(x=x))


@workflow
def happy(x: int) -> int:
    return quadrupled(x=x)


@workflow
def inner_retry(failures: int) -> int:
    return parts.flaky(failures=failures)


@workflow
def retry(failures: int) -> int:
    return inner_retry(failures=failures)


@workflow
def inner_fail(b: int) -> float:
    return parts.divide(a=1, b=b)


@workflow
def fail(b: int) -> float:
    return inner_fail(b=b)


@workflow
def inner_abort(seconds: int) -> str:
    return parts.linger(seconds=seconds)


@workflow
def abort(seconds: int = 600) -> str:
    return inner_abort(seconds=seconds)


@workflow
def inner_recover(doomed: str) -> typing.Tuple[str, str]:
    first = parts.stamp()
    return first, parts.stumble(doomed=doomed, after=first)


@workflow
def recover(doomed: str) -> typing.Tuple[str, str]:
    return inner_recover(doomed=doomed)


@workflow
def inner_cache(key: str) -> str:
    return parts.remembered(key=key)


@workflow
def cache(key: str) -> str:
    return inner_cache(key=key)
