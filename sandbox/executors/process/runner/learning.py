"""What tasks import beyond flytekit, so that the runner can import it once for all that follow.

A task tells at its end which libraries it loaded. When nothing runs, the runner tries them in a forked
process; if importing them leaves no thread behind, it imports them too. Only libraries that are known to bear
a fork are considered: a fork copies memory but no threads, devices or connections.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import traceback
import typing

from . import preload

_ORDER = ("numpy", "pyarrow", "pandas", "scipy", "joblib", "sklearn", "xgboost", "lightgbm", "flytekit")
"""In the order of their dependencies; flytekit's own modules last, since they come with the others."""
_PIPE_ATOMIC = 4096
"""Bytes that a pipe takes whole or not at all."""
S3 = "s3"
"""Not a module: the task has used an S3 client."""


class Lessons:
    """What was heard and not yet tried."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._known = frozenset(sys.modules)
        self._waiting: list[str] = []
        self._settled: set[str] = set()
        self.learned = False
        """Whether this process has become bigger than it was at its start."""

    def descriptors(self) -> tuple[int, int]:
        """The pipe: the runner reads, its children write."""
        return self._read, self._write

    def tell(self) -> None:
        """Called by a task's process at its end: send home what it has loaded."""
        # What was loaded last comes last, and looking at all of it would copy the memory of every name.
        late = itertools.islice(reversed(sys.modules), max(0, len(sys.modules) - len(self._known)))
        modules = [name for name in late if _is_learnable(name) and _is_installed(name)]
        if preload.used_s3():
            modules.append(S3)
        message = ",".join(sorted(modules, key=_rank)).encode()[: _PIPE_ATOMIC - 1]
        if message:
            try:
                os.write(self._write, message + b"\n")
            except OSError:
                # The runner is gone or deaf: the next task will tell it again.
                return

    def hear(self) -> None:
        """Called by the runner when the pipe can be read."""
        for line in os.read(self._read, 1 << 16).decode().splitlines():
            for name in line.split(","):
                if name and name not in self._settled:
                    self._settled.add(name)
                    self._waiting.append(name)
        self._waiting.sort(key=_rank)

    def next(self) -> list[str]:
        """All that is waiting to be tried."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def learn(self, names: list[str]) -> None:
        """Load what was tried and found harmless."""
        _load(names)
        self.learned = True
        self._known = frozenset(sys.modules)
        preload.settle()


def try_out(names: list[str]) -> typing.NoReturn:
    """In a forked process: load everything and end with 0 if a fork afterwards would find a single thread."""
    try:
        _load(names)
        # Some libraries end their threads when they are forked, and start them again when they are used.
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        os._exit(0 if preload.threads() == 1 else 1)
    except BaseException:
        # Whatever it is, it must not get back into the runner's loop.
        traceback.print_exc()
        os._exit(2)


def _load(names: list[str]) -> None:
    # pyarrow's allocator would start a thread to give memory back; without it, that happens in between.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    for name in names:
        if name == S3:
            preload.warm_s3_client()
            continue
        try:
            importlib.import_module(name)
        except ImportError:
            # A module that a task made up, or one of the task's own that is called like a library.
            continue


def _is_learnable(name: str) -> bool:
    parts = name.split(".")
    deep = 4 if parts[0] == "flytekit" else 2
    return parts[0] in _ORDER and len(parts) <= deep and not any(part.startswith("_") for part in parts)


def _is_installed(name: str) -> bool:
    """Whether a module comes from the environment rather than from the task's own code."""
    return str(getattr(sys.modules[name], "__file__", None)).startswith(sys.prefix)


def _rank(name: str) -> tuple[int, str]:
    top = name.partition(".")[0]
    return (_ORDER.index(top) if top in _ORDER else len(_ORDER), name)
