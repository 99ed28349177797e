"""What the runner does before it forks, so that no task has to: imports flytekit and warms its caches.

Nothing here may start a thread or keep an event loop: a fork copies only the thread that forks.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import linecache
import mimetypes
import os
import sys
import traceback
import typing

from . import arguments, entry, hugepages, legacy

_MODULES = (
    "flytekit",
    "flytekit.bin.entrypoint",
    "flytekit.core.python_auto_container",
    "flytekit.core.map_task",
    "flytekit.types.file",
    "flytekit.types.directory",
    "flytekit.types.schema",
    "flytekit.extras.persistence",
    # What flytekit imports for the first data class that it sees.
    "mashumaro.jsonschema",
    "marshmallow_jsonschema",
    "s3fs",
    "aiobotocore.session",
)

_s3_models: typing.Any = None
"""botocore's loader, shared by all sessions."""
_s3_warm = False


def preload() -> str:
    """Import flytekit and what its tasks use; returns its version, empty if the environment has none."""
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            # An environment without flytekit runs plain commands; an older one lacks some of these modules.
            continue
    flytekit: typing.Any = sys.modules.get("flytekit")
    if flytekit is not None:
        legacy.register()
        for warm in (_warm_types, _warm_task, _warm_commands, _warm_file_system, _share_s3_models):
            try:
                warm(flytekit)
            # It is only about speed, and each version of flytekit is different inside.
            except Exception:
                traceback.print_exc()
    settle()
    return str(getattr(flytekit, "__version__", "")) if flytekit is not None else ""


def settle() -> None:
    """Make what is loaded cheap to share: no fork's collector touches it, and it lies in few pages."""
    gc.collect()
    gc.freeze()
    hugepages.collapse()


def threads() -> int:
    """How many threads this process has: forking is safe with one."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return 1


def _warm_types(flytekit: typing.Any) -> None:
    """The type transformers that flytekit imports when the first type is asked for."""
    engine = sys.modules["flytekit.core.type_engine"]
    if hasattr(engine, "TypeEngine") and hasattr(engine.TypeEngine, "lazy_import_transformers"):
        engine.TypeEngine.lazy_import_transformers()


def _warm_task(flytekit: typing.Any) -> None:
    """What the declaration of a task compiles and caches; the task itself is taken back."""
    entities = sys.modules["flytekit.core.context_manager"].FlyteEntities.entities
    before = len(entities)
    flytekit.task(warm_task)
    del entities[before:]


def warm_task(a: int) -> int:
    """A task that is never run.

    Args:
        a: a number
    """
    return a


def _warm_commands(flytekit: typing.Any) -> None:
    """The commands' shapes, and the source lines that flytekit remembers with every context of a task."""
    entrypoint: typing.Any = sys.modules["flytekit.bin.entrypoint"]
    for command in entry.commands(entrypoint):
        arguments.learn(command)
    for module in (entrypoint, sys.modules["flytekit.core.context_manager"], contextlib):
        linecache.getlines(str(module.__file__))


def _warm_file_system(flytekit: typing.Any) -> None:
    """What the first file system of a class makes of that class; an asynchronous one starts no thread."""
    s3fs: typing.Any = sys.modules.get("s3fs")
    if s3fs is not None:
        s3fs.S3FileSystem(key="-", secret="-", asynchronous=True, skip_instance_cache=True)


def _share_s3_models(flytekit: typing.Any) -> None:
    """One store of botocore's models for all its sessions; each would read megabytes of JSON for itself.

    It is only ever read from, within one session as well as among several. Nothing is loaded yet.
    """
    global _s3_models
    session: typing.Any = sys.modules.get("botocore.session")
    if session is None:
        return
    make_loader = session.create_loader
    shared = _s3_models = make_loader()
    session.create_loader = lambda path=None: make_loader(path) if path else shared


def used_s3() -> bool:
    """Whether this process has made an S3 client that was not warm."""
    return _s3_models is not None and bool(_s3_models._cache) and not _s3_warm


def warm_s3_client() -> None:
    """What botocore reads and compiles for its first client: 0.1 s for a process that does it alone."""
    global _s3_warm
    session: typing.Any = sys.modules.get("botocore.session")
    if session is None or _s3_warm:
        return
    _s3_warm = True
    mimetypes.init()
    hooks: typing.Any = importlib.import_module("botocore.hooks")
    hooks.accepts_kwargs = functools.lru_cache(maxsize=None)(hooks.accepts_kwargs)
    session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1",
        aws_access_key_id="-",
        aws_secret_access_key="-",
    )
