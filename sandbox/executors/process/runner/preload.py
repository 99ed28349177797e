"""What the runner imports before it forks, so that no task has to."""

from __future__ import annotations

import gc
import importlib
import os
import typing

_MODULES = (
    "flytekit",
    "flytekit.bin.entrypoint",
    "flytekit.core.python_auto_container",
    "flytekit.core.map_task",
    "flytekit.types.file",
    "flytekit.types.directory",
    "flytekit.types.schema",
    "s3fs",
    "aiobotocore.session",
)


def preload() -> str:
    """Import flytekit and what its tasks use; returns its version, empty if the environment has none."""
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            # An environment without flytekit runs plain commands; an older one lacks some of these modules.
            continue
    gc.collect()
    gc.freeze()
    return _flytekit_version()


def threads() -> int:
    """How many threads this process has: forking is safe with one."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return 1


def _flytekit_version() -> str:
    import sys

    flytekit: typing.Any = sys.modules.get("flytekit")
    return str(getattr(flytekit, "__version__", "")) if flytekit else ""
