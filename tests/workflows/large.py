"""Values of a mebibyte and more: a sandbox that offloads keeps them in files of their own."""

import typing
import uuid
from dataclasses import dataclass

from flytekit import LaunchPlan, conditional, dynamic, map_task, task, workflow


@task
def text(kib: int) -> str:
    return "x" * (kib * 1024)


@task
def length(s: str) -> int:
    return len(s)


@task
def texts(n: int, kib: int) -> typing.List[str]:
    return [str(i) + "y" * (kib * 1024) for i in range(n)]


@task
def named(kib: int) -> typing.Dict[str, str]:
    return {"large": "x" * kib * 1024, "small": "short"}


@dataclass
class Letter:
    to: str
    body: str


@task
def letter(kib: int) -> Letter:
    return Letter(to="ada", body="z" * kib * 1024)


@task
def say(s: str) -> str:
    return f"said {s}"


@task(cache=True, cache_version="1")
def remembered(s: str, salt: str) -> str:
    return f"{len(s)} {uuid.uuid4()}"


@workflow
def inner(s: str) -> int:
    return length(s=s)


plan = LaunchPlan.get_or_create(inner, name="large.plan")


@dynamic
def made(s: str) -> typing.Tuple[int, str]:
    return length(s=s), s


@workflow
def passed(kib: int) -> typing.Tuple[int, int, int, int, int, str]:
    large = text(kib=kib)
    n, same = made(s=large)
    return length(s=large), inner(s=large), plan(s=large), n, length(s=same), large


@workflow
def reached(kib: int) -> typing.Tuple[str, str, int]:
    written = letter(kib=kib)
    return say(s=named(kib=kib)["small"]), say(s=written.to), length(s=written.body)


@workflow
def mapped(kib: int) -> typing.Tuple[typing.List[int], typing.List[int], int]:
    bodies = map_task(text)(kib=[kib, kib, 1])
    return map_task(length)(s=texts(n=3, kib=kib)), map_task(length)(s=bodies), length(s=bodies[1])


@workflow
def compared(kib: int) -> str:
    large = text(kib=kib)
    return conditional("is it").if_(large == "x").then(say(s="short")).else_().then(say(s="long"))


@workflow
def cached(kib: int, salt: str) -> typing.Tuple[str, str]:
    first = remembered(s=text(kib=kib), salt=salt)
    second = remembered(s=text(kib=kib), salt=salt)
    first >> second
    return first, second
