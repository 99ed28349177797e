"""Workflows that pods run: everything a task can be refused, denied or killed for."""

from __future__ import annotations

import os
import time

from flytekit import Resources, Secret, current_context, task, workflow


@task
def double(x: int) -> int:
    return 2 * x


@workflow
def doubled(x: int) -> int:
    return double(x=x)


@task(secret_requests=[Secret(group="db", key="password")])
def read_secret() -> str:
    return current_context().secrets.get("db", "password")


@workflow
def secretive() -> str:
    return read_secret()


@task(limits=Resources(mem="200Mi"), requests=Resources(mem="100Mi"))
def devour() -> int:
    eaten = bytearray(600 * 2**20)
    for at in range(0, len(eaten), 4096):
        eaten[at] = 1
    return len(eaten)


@workflow
def hungry() -> int:
    return devour()


@task(container_image="flyte-sandbox/no-such-image:v0")
def imageless(x: int) -> int:
    return x


@workflow
def without_image(x: int) -> int:
    return imageless(x=x)


@task(retries=3)
def linger(seconds: float) -> str:
    time.sleep(seconds)
    return os.environ["HOSTNAME"]


@workflow
def lingering(seconds: float) -> str:
    return linger(seconds=seconds)
