"""Workflows that tidy up after themselves when they fail."""

import typing

from flytekit import task, workflow
from flytekit.types.error.error import FlyteError

from projects import parts


@task
def report(b: int, err: typing.Optional[FlyteError] = None) -> str:
    if err is None:
        return "there is no error"
    return f"b was {b}; {err.failed_node_id}: {err.message}"


@workflow(on_failure=report)
def happy(b: int) -> float:
    before = parts.stamp()
    quotient = parts.divide(a=1, b=b)
    before >> quotient
    return quotient


@workflow(on_failure=parts.flaky)
def retry(failures: int) -> float:
    return parts.divide(a=failures, b=0)


@task
def fails_too(b: int) -> None:
    raise ValueError("so does the tidying up")


@workflow(on_failure=fails_too)
def fail(b: int) -> float:
    return parts.divide(a=1, b=b)


@workflow(on_failure=parts.linger)
def abort(seconds: int) -> float:
    return parts.divide(a=seconds, b=0)


@task
def note(doomed: str) -> str:
    return parts.here()


@workflow(on_failure=note)
def recover(doomed: str) -> typing.Tuple[str, str]:
    first = parts.stamp()
    return first, parts.stumble(doomed=doomed, after=first)


@task
def fail_with(key: str) -> None:
    raise ValueError(key)


@workflow(on_failure=parts.remembered)
def cache(key: str) -> None:
    fail_with(key=key)


@workflow
def inside(b: int) -> float:
    return happy(b=b)


@workflow
def tidy(b: int) -> None:
    first = parts.add(a=b, b=1)
    parts.add(a=first, b=1)


@workflow(on_failure=tidy)
def by_a_workflow(b: int) -> float:
    return parts.divide(a=1, b=b)
