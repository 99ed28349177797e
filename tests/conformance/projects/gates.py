"""Nodes that wait: for somebody's approval, for a value that somebody gives, for time to pass."""

import datetime
import typing

from flytekit import approve, sleep, wait_for_input, workflow

from projects import parts

DAY = datetime.timedelta(days=1)


@workflow
def approval() -> str:
    return parts.join(parts=[approve(parts.stamp(), "review", timeout=DAY), "approved"])


@workflow
def value() -> int:
    return parts.add(a=wait_for_input("answer", timeout=DAY, expected_type=int), b=1)


@workflow
def pause() -> str:
    rest = sleep(datetime.timedelta(seconds=1))
    last = parts.stamp()
    rest >> last
    return last


@workflow
def impatient() -> int:
    return wait_for_input("answer", timeout=datetime.timedelta(seconds=1), expected_type=int)


@workflow
def recover(doomed: str) -> typing.Tuple[int, str]:
    answer = wait_for_input("answer", timeout=DAY, expected_type=int)
    last = parts.stumble(doomed=doomed)
    answer >> last
    return answer, last
