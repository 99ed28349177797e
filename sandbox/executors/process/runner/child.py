"""What a forked process does from its first instant to its end: it becomes the task."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
import typing

from . import code, entry, learning, processes, protocol, records, renewal, s3, secrets

ATTEMPT_VARIABLE = "FLYTE_SANDBOX_ATTEMPT"
"""In the environment of everything a task starts: the attempt's directory."""


def become_task(
    order: protocol.Order,
    config: protocol.Config,
    *,
    marker: int,
    parent: int,
    inherited: list[int],
    lessons: learning.Lessons,
) -> typing.NoReturn:
    """Run one attempt in this forked process and end it. `inherited` are the runner's own descriptors."""
    exit_code = records.CANNOT_PREPARE
    try:
        os.setsid()
        leave_runner(inherited, parent)
        _redirect(order.directory)
        _claim(marker)
        scratch = records.scratch_directory(config.tasks_root, order.directory)
        work = _enter(order.directory, scratch)
        secrets.write(order.directory, order.secrets or {})
        renewal.take_environment(_environment(order, work, scratch))
        renewal.renew(work, scratch)
        command = _bring_code(order, config, work)
        exit_code = entry.execute(command)
        lessons.tell()
    except (code.CodeError, s3.StoreError, OSError) as exc:
        print(f"The task could not be prepared: {exc}", file=sys.stderr)
    except BaseException:
        # Whatever it is, it must not get back into the runner's loop, of which this process holds a copy.
        traceback.print_exc()
    finally:
        _end(exit_code)


def leave_runner(inherited: list[int], parent: int) -> None:
    """Have nothing to do with the runner's files and signals any more, but die when it does."""
    processes.die_with_parent(parent)
    _reset_signals()
    for descriptor in inherited:
        os.close(descriptor)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _redirect(directory: str) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(os.path.join(directory, records.LOG), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(null)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]


def _claim(marker: int) -> None:
    me = processes.stat(os.getpid())
    records.add_process(marker, os.getpid(), me.started if me else 0)
    os.close(marker)


def _enter(directory: str, scratch: str) -> str:
    work = os.path.join(directory, records.WORK)
    os.makedirs(work, exist_ok=True)
    os.makedirs(scratch, exist_ok=True)
    os.chdir(work)
    return work


def _environment(order: protocol.Order, work: str, scratch: str) -> dict[str, str]:
    """The order's environment; programs that the task starts import the task's code too."""
    path = order.env.get("PYTHONPATH")
    return {
        **order.env,
        "PYTHONPATH": f"{work}{os.pathsep}{path}" if path else work,
        "TMPDIR": scratch,
        ATTEMPT_VARIABLE: order.directory,
    }


def _bring_code(order: protocol.Order, config: protocol.Config, work: str) -> list[str]:
    sources = [order.code] if order.code is not None else []
    fast = entry.split_fast(order.argv)
    if fast is not None and fast.distribution is not None:
        store = s3.Store(
            config.s3_endpoint, config.s3_access_key, config.s3_secret_key, roots=config.object_roots
        )
        cache = os.path.join(config.tasks_root, "code")
        sources.append(code.fetch(fast.distribution, cache, store))
    code.overlay(work, *sources)
    return order.argv if fast is None else fast.command


def _end(exit_code: int) -> typing.NoReturn:
    """End as the interpreter does, but for freeing memory object by object."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(exit_code)
