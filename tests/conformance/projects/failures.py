"""Every way in which a task can end badly."""

import ctypes
import os
import sys

from flytekit import Deck, task, workflow
from flytekit.exceptions.system import FlyteNonRecoverableSystemException
from flytekit.exceptions.user import FlyteRecoverableException


class Unpicklable(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.handle = lambda: text

    def __reduce__(self):
        raise TypeError("not to be pickled")


def recurse(n: int) -> int:
    return recurse(n + 1) + 1


def _raise(error: BaseException) -> None:
    raise error


def _caused() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        raise ValueError("the outer one") from error


def _write_bytes() -> None:
    os.write(1, b"\xff\xfe no text\n")
    raise ValueError("after the bytes")


WAYS = {
    "value": lambda: _raise(ValueError("a value")),
    "recoverable": lambda: _raise(FlyteRecoverableException("once more")),
    "system": lambda: _raise(FlyteNonRecoverableSystemException(ValueError("inner"))),
    "caused": _caused,
    "recursion": lambda: recurse(0),
    "unpicklable": lambda: _raise(Unpicklable("odd")),
    "bytes": _write_bytes,
    "gigantic": lambda: _raise(ValueError("begin " + "x " * 60_000 + "end")),
    "surrogate": lambda: _raise(ValueError("half a \udcff character")),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "exit 0": lambda: sys.exit(0),
    "exit 3": lambda: sys.exit(3),
    "exit text": lambda: sys.exit("with words"),
    "os exit 0": lambda: os._exit(0),
    "os exit 7": lambda: os._exit(7),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "none": lambda: None,
}


@task(retries=1)
def end(how: str) -> int:
    WAYS[how]()
    return 1 if how != "none" else "text"


@workflow
def ending(how: str) -> int:
    return end(how=how)


@task(enable_deck=True)
def show(b: int) -> float:
    Deck("before", "<b>before</b>").publish()
    return 1 / b


@workflow
def showing(b: int) -> float:
    return show(b=b)


@task
def large(mib: int) -> str:
    return "x" * (mib * 1024 * 1024)


@task
def length(text: str) -> int:
    return len(text)


@workflow
def larger(mib: int) -> int:
    return length(text=large(mib=mib))
