"""Tasks that behave and misbehave, as a Flyte user would write them."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from flytekit import task
from flytekit.interfaces.random import random
from flytekit.types.file import FlyteFile
from flytekit.utils.asyn import loop_manager


@task
def increment(x: int) -> int:
    print(f"incrementing {x}")
    return x + 1


@task
def refuse(x: int) -> int:
    raise ValueError(f"{x} is no good")


@task
def leave(code: int) -> int:
    print("leaving without a word to flytekit")
    sys.stdout.flush()
    os._exit(code)
    return code


@task
def kill_itself(number: int) -> int:
    os.kill(os.getpid(), number)
    time.sleep(30)
    return number


@task
def sleep(seconds: float) -> float:
    print(f"sleeping as {os.getpid()}", flush=True)
    time.sleep(seconds)
    return seconds


@task
def sleep_deeply(seconds: float) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(f"sleeping as {os.getpid()}", flush=True)
    time.sleep(seconds)
    return seconds


@task
def start_a_daemon(seconds: float) -> float:
    daemon = subprocess.Popen(["sleep", str(seconds)], start_new_session=True)
    print(f"daemon {daemon.pid}", flush=True)
    return seconds


@task
def take_memory(mebibytes: int) -> int:
    held = bytearray(os.urandom(1024) * 1024 * mebibytes)
    time.sleep(0.6)
    return len(held)


@task
def say_where(x: int) -> str:
    with open("note.txt", "w") as file:
        file.write("mine")
    return "|".join(
        [os.getcwd(), tempfile.gettempdir(), os.environ["HOME"], ",".join(sorted(os.listdir(".")))]
    )


@task
def write_file(text: str) -> FlyteFile:
    with open("out.txt", "w") as file:
        file.write(text)
    return FlyteFile("out.txt")


@task
def read_file(file: FlyteFile) -> str:
    with open(file) as opened:
        return opened.read()


@task
def draw(x: int) -> str:
    return str(random.getrandbits(64))


@task(enable_deck=True)
def decorate(x: int) -> int:
    return x


@task
def scribble(text: str) -> str:
    with open("data/notes.txt") as file:
        before = file.read()
    with open("data/notes.txt", "w") as file:
        file.write(text)
    return before


@task
def give_away(x: int) -> FlyteFile:
    return FlyteFile("data/notes.txt")


@task
def use_a_heavy_library(x: int) -> int:
    import pandas  # noqa: PLC0415

    return int(pandas.Series([x]).sum())


@task
def end_while_a_loop_is_wanted(x: int) -> int:
    """As an eager task does, whose controller is joined at exit and may be writing a deck just then."""
    begun, ending = threading.Event(), threading.Event()

    def controller() -> None:
        loop_manager.run_sync(asyncio.sleep, 0)
        begun.set()
        ending.wait()
        loop_manager.run_sync(asyncio.sleep, 0.2)

    thread = threading.Thread(target=controller, daemon=True)
    atexit.register(thread.join)
    atexit.register(ending.set)
    thread.start()
    begun.wait()
    return x
