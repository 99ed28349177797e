"""What a forked process must not have in common with its runner, nor with its siblings.

A library that was imported before the fork made up its mind there about temporary directories, random numbers
and what to remove at exit. Two tasks that share a temporary directory would exchange their outputs.
"""

from __future__ import annotations

import os
import pathlib
import random
import sys
import tempfile
import time
import types
import typing
import weakref

_PROVIDER = frozenset({"_local_sandbox_dir", "_raw_output_prefix", "_data_config", "_default_protocol"})
"""What flytekit's file access keeps since it uses fsspec; an older one keeps more and is made anew."""


def take_environment(env: dict[str, str]) -> None:
    """Have exactly this environment, and let what was derived from the old one follow."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    # Where the environment says, without the file that the first use would write there to try it.
    tempfile.tempdir = env.get("TMPDIR")


def renew(work: str, scratch: str) -> None:
    """Make this process one of its own: `work` leads its import path, libraries may write in `scratch`."""
    extra = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [work, *(entry for entry in extra if entry != work), *sys.path]
    # multiprocessing's "spawn" looks up the main module's file and would run the runner's.
    sys.modules["__main__"] = types.ModuleType("__main__")
    _keep_what_the_runner_has()
    _reseed()
    _move_flytekit(scratch)
    _keep_event_loops()


def _keep_what_the_runner_has() -> None:
    """The runner's temporary directories are not this process's to remove when it ends."""
    registered: typing.Any = getattr(weakref.finalize, "_registry", {})
    for finalizer in list(registered):
        finalizer.atexit = False


def _reseed() -> None:
    """Python's own generator reseeds itself on a fork; these do not."""
    flyte_random: typing.Any = getattr(sys.modules.get("flytekit.interfaces.random"), "random", None)
    if isinstance(flyte_random, random.Random):
        flyte_random.seed()
    # By its full name: numpy imports it only when it is asked for, and that would cost every task 10 ms.
    numpy_random: typing.Any = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _move_flytekit(scratch: str) -> None:
    """flytekit makes a directory when it is imported; older ones put every task's outputs together there."""
    persistence: typing.Any = sys.modules.get("flytekit.core.data_persistence")
    provider: typing.Any = getattr(persistence, "default_local_file_access_provider", None)
    if provider is None:
        return
    # In place, because contexts that exist already hold this very object.
    if vars(provider).keys() >= _PROVIDER:
        provider._local_sandbox_dir = pathlib.Path(scratch)
        provider._raw_output_prefix = os.path.join(scratch, "raw", "")
        provider._data_config = type(provider._data_config).auto()
    else:
        provider.__init__(local_sandbox_dir=scratch, raw_output_prefix=os.path.join(scratch, "raw"))


def _keep_event_loops() -> None:
    """flytekit stops its loops at exit, while the controller of an eager task may still wait for one.

    It would wait for ever: what was registered last runs first, and the controller is joined after its loop
    was stopped. The loops run in daemon threads, which end with the process all the same.
    """
    asyn: typing.Any = sys.modules.get("flytekit.utils.asyn")
    runner: typing.Any = getattr(asyn, "_TaskRunner", None)
    if hasattr(runner, "_close"):
        runner._close = lambda self: None
