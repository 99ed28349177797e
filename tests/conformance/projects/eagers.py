"""Eager workflows: Python decides, and every call is an execution."""

import asyncio
import typing

from flytekit import TaskMetadata, Workflow, eager, task
from flytekit.exceptions.user import FlyteRecoverableException

from projects import parts, subworkflows


@task
async def stamp_later(after: str) -> str:
    return parts.here()


@task
async def linger_later(seconds: int) -> str:
    await asyncio.sleep(seconds)
    return "nobody came"


@task
async def divide_later(a: int, b: int) -> float:
    return a / b


@eager
async def happy(x: int) -> int:
    doubled = parts.add(a=x, b=x)
    return subworkflows.doubled(x=doubled) if doubled > 0 else doubled


@eager(metadata=TaskMetadata(retries=1))
async def retry() -> typing.Tuple[int, str]:
    stamp = await stamp_later(after="")
    if parts.attempt() == 0:
        raise FlyteRecoverableException("the first attempt thinks again")
    return parts.attempt(), stamp


@eager
async def fail(b: int) -> float:
    quotient, _ = await asyncio.gather(divide_later(a=1, b=b), linger_later(seconds=600))
    return quotient


@eager
async def abort(seconds: int) -> str:
    return await linger_later(seconds=seconds)


@eager
async def stamps() -> str:
    return await stamp_later(after="")


recover = Workflow(name="projects.eagers.recover")
recover.add_workflow_input("doomed", str)
_stamp = recover.add_entity(stamps)
_stumble = recover.add_entity(
    parts.stumble, doomed=recover.inputs["doomed"], after=_stamp.outputs["o0"]
)
recover.add_workflow_output("first", _stamp.outputs["o0"])
recover.add_workflow_output("second", _stumble.outputs["o0"])


@eager
async def cache(key: str) -> str:
    return parts.remembered(key=key)
