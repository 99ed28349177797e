"""Task nodes."""

import time
import typing
from datetime import timedelta

from flytekit import Secret, WorkflowFailurePolicy, current_context, task, workflow

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


@task(timeout=timedelta(seconds=8))
def too_slow() -> str:
    time.sleep(600)
    return "nobody came"


@workflow
def late() -> str:
    return too_slow()


@workflow
def late_again() -> str:
    return too_slow().with_overrides(retries=5)


@task(secret_requests=[Secret(group="conformance", key="password")])
def length_of_the_password() -> int:
    return len(current_context().secrets.get("conformance", "password"))


@workflow
def secret() -> int:
    return length_of_the_password()


@workflow
def side_by_side(b: int, seconds: int) -> typing.Tuple[float, str]:
    """One task fails while another runs."""
    return parts.divide(a=1, b=b), parts.linger(seconds=seconds)


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def patient(b: int) -> typing.Tuple[str, str]:
    """What does not depend on the failure is finished, what does is never begun."""
    failed = parts.divide(a=1, b=b)
    never = parts.stamp()
    failed >> never
    return parts.stamp(after=parts.linger(seconds=1)), never


@task(cache=True, cache_version="1", cache_serialize=True)
def one_at_a_time(key: str) -> str:
    time.sleep(1)
    return parts.here()


@workflow
def together(key: str) -> str:
    return one_at_a_time(key=key)
