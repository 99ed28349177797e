"""Conditions."""

import typing

from flytekit import conditional, workflow

from projects import parts


@workflow
def happy(x: int) -> int:
    return (
        conditional("size")
        .if_((x >= 0) & (x < 10))
        .then(parts.add(a=x, b=1))
        .elif_(x >= 10)
        .then(parts.add(a=x, b=100))
        .else_()
        .fail("x must be positive")
    )


@workflow
def retry(failures: int) -> int:
    return (
        conditional("patience")
        .if_(failures > 0)
        .then(parts.flaky(failures=failures))
        .else_()
        .then(parts.add(a=failures, b=0))
    )


@workflow
def fail(b: int) -> float:
    return conditional("zero").if_(b == 0).then(parts.divide(a=1, b=b)).else_().then(parts.divide(a=2, b=b))


@workflow
def abort(seconds: int = 600) -> str:
    return (
        conditional("long").if_(seconds > 1).then(parts.linger(seconds=seconds)).else_().then(parts.stamp())
    )


@workflow
def recover(doomed: str) -> str:
    first = parts.stamp()
    return (
        conditional("doom")
        .if_(first != "")
        .then(parts.stumble(doomed=doomed, after=first))
        .else_()
        .then(parts.stamp())
    )


@workflow
def cache(key: str) -> str:
    return (
        conditional("key").if_(key != "").then(parts.remembered(key=key)).else_().then(parts.stamp())
    )


@workflow
def inner(doomed: str, x: int) -> typing.Tuple[str, str]:
    first = parts.stamp()
    second = (
        conditional("inner")
        .if_(x > 10)
        .then(parts.stamp(after=first))
        .else_()
        .then(parts.stumble(doomed=doomed, after=first))
    )
    return first, second


@workflow
def deep(doomed: str, x: int) -> typing.Tuple[str, str]:
    """Conditions inside of a condition's subworkflow."""
    return (
        conditional("outer")
        .if_(x > 0)
        .then(inner(doomed=doomed, x=x))
        .else_()
        .fail("x must be positive")
    )
