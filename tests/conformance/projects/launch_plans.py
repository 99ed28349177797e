"""Launch plans as nodes: every one of them begins an execution of its own."""

import typing

from flytekit import LaunchPlan, workflow

from projects import parts, subworkflows, tasks

sum_plan = LaunchPlan.get_or_create(
    subworkflows.happy, "projects.launch_plans.sum_plan", default_inputs={"x": 2}
)
retry_plan = LaunchPlan.get_or_create(tasks.retry, "projects.launch_plans.retry_plan")
fail_plan = LaunchPlan.get_or_create(tasks.fail, "projects.launch_plans.fail_plan", fixed_inputs={"b": 0})
quotient_plan = LaunchPlan.get_or_create(tasks.fail, "projects.launch_plans.quotient_plan")
abort_plan = LaunchPlan.get_or_create(tasks.abort, "projects.launch_plans.abort_plan")
recover_plan = LaunchPlan.get_or_create(tasks.recover, "projects.launch_plans.recover_plan")
cache_plan = LaunchPlan.get_or_create(tasks.cache, "projects.launch_plans.cache_plan")


@workflow
def happy(x: int) -> typing.Tuple[int, int]:
    return sum_plan(x=x), sum_plan()


@workflow
def retry(failures: int) -> int:
    return retry_plan(failures=failures)


@workflow
def fail() -> float:
    return fail_plan()


@workflow
def middle() -> str:
    return abort_plan()


middle_plan = LaunchPlan.get_or_create(middle, "projects.launch_plans.middle_plan")


@workflow
def abort() -> str:
    """Three executions deep."""
    return middle_plan()


@workflow
def recover(doomed: str) -> typing.Tuple[str, str]:
    return recover_plan(doomed=doomed)


@workflow
def cache(key: str) -> str:
    return cache_plan(key=key)


@workflow
def stamp_and_linger() -> typing.Tuple[str, str]:
    first = parts.stamp()
    last = parts.linger(seconds=600)
    first >> last
    return first, last


interrupted_plan = LaunchPlan.get_or_create(
    stamp_and_linger, "projects.launch_plans.interrupted_plan"
)


@workflow
def interrupted() -> typing.Tuple[str, str]:
    return interrupted_plan()


@workflow
def doom(doomed: str) -> str:
    return parts.stumble(doomed=doomed, after=parts.stamp())


doom_plan = LaunchPlan.get_or_create(doom, "projects.launch_plans.doom_plan")
