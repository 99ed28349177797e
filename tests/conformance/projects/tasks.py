"""Task nodes."""

import typing

from flytekit import workflow

from projects import parts


@workflow
def happy(name: str = "world") -> str:
    return parts.join(parts=["hello", name])


@workflow
def retry(failures: int) -> int:
    return parts.flaky(failures=failures)


@workflow
def fail(b: int) -> float:
    return parts.divide(a=1, b=b)


@workflow
def abort(seconds: int = 600) -> str:
    return parts.linger(seconds=seconds)


@workflow
def recover(doomed: str) -> typing.Tuple[str, str]:
    first = parts.stamp()
    return first, parts.stumble(doomed=doomed, after=first)


@workflow
def cache(key: str) -> str:
    return parts.remembered(key=key)
