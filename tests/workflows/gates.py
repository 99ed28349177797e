"""Workflows that wait for people and for time, written as a Flyte user writes them."""

import datetime
import typing

from flytekit import approve, conditional, dynamic, sleep, task, wait_for_input, workflow

HOUR = datetime.timedelta(hours=1)


@task
def report(n: int) -> str:
    return f"report {n}"


@task
def publish(text: str, title: str) -> str:
    return f"{title}: {text}"


@task
def total(xs: typing.List[int]) -> int:
    return sum(xs)


@workflow
def reviewed(n: int) -> str:
    """The documentation's example: a title is asked for, then the result is to be approved."""
    title = wait_for_input("title", timeout=HOUR, expected_type=str)
    text = publish(text=report(n=n), title=title)
    return publish(text=approve(text, "review", timeout=HOUR), title="approved")


@workflow
def inner_gate(n: int) -> str:
    return approve(report(n=n), "inner", timeout=HOUR)


@workflow
def small() -> str:
    return publish(text=report(n=1), title="small")


@workflow
def chosen() -> str:
    """A person's answer decides what runs; what runs waits for another answer."""
    x = wait_for_input("x", timeout=HOUR, expected_type=int)
    return conditional("size").if_(x < 10).then(small()).else_().then(inner_gate(n=x))


@dynamic
def ask(names: typing.List[str]) -> int:
    return total(xs=[wait_for_input(name, timeout=HOUR, expected_type=int) for name in names])


@workflow
def asked(names: typing.List[str]) -> int:
    return ask(names=names)


@workflow
def typed() -> typing.Tuple[typing.List[int], bool, float, datetime.datetime]:
    return (
        wait_for_input("list", timeout=HOUR, expected_type=typing.List[int]),
        wait_for_input("flag", timeout=HOUR, expected_type=bool),
        wait_for_input("number", timeout=HOUR, expected_type=float),
        wait_for_input("moment", timeout=HOUR, expected_type=datetime.datetime),
    )


@workflow
def slept(n: int) -> str:
    text = report(n=n)
    pause = sleep(datetime.timedelta(seconds=1))
    last = publish(text=text, title="slept")
    pause >> last
    return last


@workflow
def impatient() -> int:
    return wait_for_input("hurry", timeout=datetime.timedelta(seconds=1), expected_type=int)
