"""One module with a workflow for each thing that the first engine must do; written as a Flyte user writes.

Tasks that take `journal` append one line to that file, so that a test can count how often they really ran.
"""

import os
import time
import typing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dataclasses_json import dataclass_json
from flytekit import LaunchPlan, Resources, conditional, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile


def _note(journal: str, line: str) -> None:
    with open(journal, "a") as file:
        file.write(line + "\n")


# --- the smallest things -------------------------------------------------------------------------------------


@task
def say_hello(name: str) -> str:
    return f"Hello, {name}!"


@workflow
def hello(name: str = "world") -> str:
    return say_hello(name=name)


@task
def increment(x: int) -> int:
    return x + 1


@workflow
def chain_of_20(x: int = 0) -> int:
    for _ in range(20):
        x = increment(x=x)
    return x


@task
def total(xs: typing.List[int]) -> int:
    return sum(xs)


@workflow
def fan_out_of_100(x: int = 0) -> int:
    return total(xs=[increment(x=x) for _ in range(100)])


# --- a run that lasts long enough to be interrupted -----------------------------------------------------------


@task
def slow_increment(x: int, seconds: float, journal: str) -> int:
    execution = os.environ["FLYTE_INTERNAL_EXECUTION_ID"]
    _note(journal, f"start {execution} {os.getpid()}")
    time.sleep(seconds)
    _note(journal, f"end {execution} {os.getpid()}")
    return x + 1


@workflow
def fifty_slow_tasks(seconds: float, journal: str) -> int:
    first = [slow_increment(x=i, seconds=seconds, journal=journal) for i in range(25)]
    second = [slow_increment(x=x, seconds=seconds, journal=journal) for x in first]
    return total(xs=second)


# --- kinds of nodes -------------------------------------------------------------------------------------------


@workflow
def twice(x: int) -> int:
    return increment(x=increment(x=x))


@workflow
def nested(x: int = 1) -> int:
    return twice(x=twice(x=x))


@task
def describe(label: str, x: int) -> str:
    return f"{label} {x}"


@workflow
def branching(x: int) -> str:
    doubled = twice(x=x)  # a case is one node: flytekit drops nodes that are made inside of it
    return (
        conditional("size")
        .if_((x > 0) & (x < 10))
        .then(describe(label="small", x=x))
        .elif_(x >= 10)
        .then(describe(label="large", x=doubled))
        .else_()
        .fail("x must be positive")
    )


twice_plan = LaunchPlan.get_or_create(twice, name="basics.twice_fixed", fixed_inputs={"x": 40})


@workflow
def launching() -> int:
    return increment(x=twice_plan())


named_plan = LaunchPlan.get_or_create(hello, name="basics.hello_plan", default_inputs={"name": "launch plan"})


# --- retries, failures, cache ---------------------------------------------------------------------------------


@task(retries=2)
def fails_until(attempt: int, journal: str) -> int:
    seen = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    _note(journal, f"attempt {seen}")
    if seen < attempt:
        from flytekit.exceptions.user import FlyteRecoverableException

        raise FlyteRecoverableException(f"not yet: {seen} of {attempt}")
    return seen


@workflow
def retrying(attempt: int, journal: str) -> int:
    return fails_until(attempt=attempt, journal=journal)


@task
def divide(a: int, b: int) -> float:
    return a / b


@workflow
def failing() -> float:
    return divide(a=increment(x=0), b=0)


@task(cache=True, cache_version="1")
def remembered(x: int, journal: str) -> int:
    _note(journal, f"computed {x}")
    return x * x


@workflow
def caching(x: int, journal: str) -> int:
    return increment(x=remembered(x=x, journal=journal))


# --- types ----------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    GREEN = "green"


@dataclass_json
@dataclass
class Shape:
    name: str
    corners: int
    sides: typing.List[float]


@task
def make_shape(colour: Colour, corners: int) -> Shape:
    return Shape(name=colour.value, corners=corners, sides=[1.5] * corners)


@task
def write_report(shape: Shape, extra: typing.Optional[str] = None) -> FlyteFile:
    path = Path("report.txt")
    path.write_text(f"{shape.name} {shape.corners} {sum(shape.sides)} {extra}")
    return FlyteFile(str(path))


@task
def copy_into_directory(report: FlyteFile) -> FlyteDirectory:
    folder = Path("out")
    folder.mkdir()
    (folder / "copy.txt").write_text(Path(report.download()).read_text())
    return FlyteDirectory(str(folder))


@task
def read_directory(folder: FlyteDirectory) -> typing.Dict[str, str]:
    path = Path(folder.download())
    return {file.name: file.read_text() for file in path.iterdir()}


@workflow
def types(colour: Colour = Colour.GREEN, corners: int = 4) -> typing.Dict[str, str]:
    return read_directory(
        folder=copy_into_directory(report=write_report(shape=make_shape(colour=colour, corners=corners)))
    )


@task
def read_file(file: FlyteFile) -> str:
    return Path(file.download()).read_text()


@workflow
def file_input(file: FlyteFile) -> str:
    return read_file(file=file)


# --- resources, logs, decks ------------------------------------------------------------------------------------


@task(limits=Resources(mem="200Mi"))
def hungry(megabytes: int) -> int:
    print(f"allocating {megabytes} MB", flush=True)
    block = bytearray(megabytes * 1_000_000)
    block[::4096] = b"x" * len(block[::4096])
    return len(block)


@workflow
def memory(megabytes: int) -> int:
    return hungry(megabytes=megabytes)


@task(enable_deck=True)
def with_deck() -> str:
    from flytekit import Deck

    Deck("numbers", "<b>forty-two</b>")
    return "done"


@workflow
def deck() -> str:
    return with_deck()
