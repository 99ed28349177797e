"""Workflows whose outputs are the names of the pods that ran them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from flytekit import task, workflow

WORD = Path("/tmp/word")


@task
def stay(seconds: float, after: list[str]) -> list[str]:
    """Adds this pod to those before it."""
    time.sleep(seconds)
    return [*after, os.environ["HOSTNAME"]]


@task
def wait_for_word() -> list[str]:
    """Until somebody makes a file in this pod."""
    while not WORD.exists():
        time.sleep(0.2)
    return [os.environ["HOSTNAME"]]


@task
def both(left: list[str], right: list[str]) -> list[str]:
    return [*left, *right, os.environ["HOSTNAME"]]


@workflow
def quick() -> list[str]:
    return stay(seconds=0.0, after=[])


@workflow
def patient() -> list[str]:
    return wait_for_word()


@workflow
def several(seconds: float) -> list[str]:
    """Seven tasks, two at a time."""
    left = stay(seconds=seconds, after=stay(seconds=seconds, after=stay(seconds=seconds, after=[])))
    right = stay(seconds=seconds, after=stay(seconds=seconds, after=stay(seconds=seconds, after=[])))
    return both(left=left, right=right)
