"""Dynamic workflows: tasks that decide, while they run, what is to be run."""

import os
import time
import typing

from flytekit import LaunchPlan, conditional, dynamic, task, workflow


@task
def square(x: int) -> int:
    return x * x


@task
def total(values: typing.List[int]) -> int:
    return sum(values)


@task
def divide(a: int, b: int) -> float:
    return a / b


@workflow
def square_twice(x: int) -> int:
    return square(x=square(x=x))


square_plan = LaunchPlan.get_or_create(square_twice, "dynamics.square_plan", default_inputs={"x": 2})


# --- a static graph whose size is an input -------------------------------------------------------------------


@dynamic
def sum_of_squares(n: int) -> int:
    return total(values=[square(x=i) for i in range(n)])


@workflow
def squares(n: int) -> int:
    return sum_of_squares(n=n)


# --- with everything inside ----------------------------------------------------------------------------------


@dynamic
def everything(x: int) -> typing.List[int]:
    inside = square_twice(x=x)
    child = square_plan(x=x + 1)
    nested = sum_of_squares(n=x)
    chosen = conditional("size").if_(nested < 3).then(square(x=2)).else_().then(square(x=nested))
    return [inside, child, nested, chosen]


@workflow
def mixed(x: int) -> typing.List[int]:
    return everything(x=x)


# --- recursion: every level decides whether there is another one ---------------------------------------------


@dynamic
def countdown(n: int) -> int:
    if n == 0:
        return square(x=7)
    return countdown(n=n - 1)


@workflow
def recursion(n: int) -> int:
    return countdown(n=n)


# --- nothing to run: the outputs come at once ----------------------------------------------------------------


@dynamic
def nothing(x: int) -> int:
    return x


@workflow
def empty(x: int) -> int:
    return square(x=nothing(x=x))


# --- failures ------------------------------------------------------------------------------------------------


@dynamic(retries=2)
def divides(b: int) -> float:
    return divide(a=1, b=b)


@workflow
def failing_inside(b: int) -> float:
    return divides(b=b)


@dynamic
def raises(text: str) -> int:
    if text:
        raise ValueError(text)
    return square(x=0)


@workflow
def failing_itself(text: str) -> int:
    return raises(text=text)


# --- cached as a whole ---------------------------------------------------------------------------------------


@task
def note(x: int, journal: str) -> int:
    with open(journal, "a") as file:
        file.write(f"computed {x}\n")
    return x * 10


@dynamic(cache=True, cache_version="1.0")
def computed(x: int, journal: str) -> int:
    return total(values=[note(x=x, journal=journal), note(x=x + 1, journal=journal)])


@workflow
def cached_dynamic(x: int, journal: str) -> int:
    return computed(x=x, journal=journal)


# --- slow enough to be hurt while it runs --------------------------------------------------------------------


@task
def slow_square(x: int, seconds: float, journal: str) -> int:
    with open(journal, "a") as file:
        file.write(f"start {x} {os.getpid()}\n")
    time.sleep(seconds)
    with open(journal, "a") as file:
        file.write(f"end {x} {os.getpid()}\n")
    return x * x


@dynamic
def slow_part(first: int, seconds: float, journal: str) -> int:
    return total(values=[slow_square(x=first + i, seconds=seconds, journal=journal) for i in range(5)])


@dynamic
def slow_parts(seconds: float, journal: str) -> int:
    return total(values=[slow_part(first=5 * i, seconds=seconds, journal=journal) for i in range(4)])


@workflow
def slow_squares(seconds: float, journal: str) -> int:
    return slow_parts(seconds=seconds, journal=journal)
