"""Launch plans, mapped: every element is an execution of its own."""

import typing

from flytekit import map_task, workflow

from projects import launch_plans


@workflow
def happy(xs: typing.List[int]) -> typing.List[int]:
    return map_task(launch_plans.sum_plan)(x=xs)


@workflow
def retry(failures: typing.List[int]) -> typing.List[int]:
    return map_task(launch_plans.retry_plan)(failures=failures)


@workflow
def fail(bs: typing.List[int]) -> typing.List[float]:
    return map_task(launch_plans.quotient_plan)(b=bs)


@workflow
def tolerate(bs: typing.List[int]) -> typing.List[typing.Optional[float]]:
    return map_task(launch_plans.quotient_plan, min_successes=1)(b=bs)


@workflow
def abort(seconds: typing.List[int]) -> typing.List[str]:
    return map_task(launch_plans.abort_plan)(seconds=seconds)


@workflow
def recover(doomed: typing.List[str]) -> typing.List[str]:
    return map_task(launch_plans.doom_plan, concurrency=1)(doomed=doomed)


@workflow
def cache(keys: typing.List[str]) -> typing.List[str]:
    return map_task(launch_plans.cache_plan)(key=keys)
