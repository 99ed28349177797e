"""The runner's loop: takes orders, forks, waits, reports. One thread, no polling but of memory.

Everything that must survive this process is in the attempts' directories (`records`); what is kept here is
only what a living child needs. When this process dies, its children die with it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import typing

from . import (
    admission,
    child,
    connections,
    home,
    learning,
    preload,
    processes,
    protocol,
    records,
    secrets,
    tasks,
    timers,
    trials,
)

_HOUSEKEEPING_EVERY = 15.0
_SHRINK_AFTER = 180.0
"""Seconds of idleness after which what was learned is dropped again: it may be hundreds of megabytes."""


class Runner:
    """One per directory; see `main`."""

    def __init__(self, directory: str, config: protocol.Config, lock: int, listener: socket.socket) -> None:
        self._directory = directory
        self._lock = lock
        self._config = config
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._connections: set[connections.Connection] = set()
        self._known: dict[str, str] = {}
        """What was last told of the attempts that are not over."""
        self._timers = timers.Timers()
        self._tasks = tasks.Tasks(self._timers, config.grace, self._record)
        self._admission = admission.Admission(
            config.max_running, self._timers, self._tasks.__len__, self._start
        )
        self._lessons: learning.Lessons
        self._trials: trials.Trials
        self._hello: dict[str, typing.Any] = {}
        self._last_end = time.monotonic()
        self._last_client = time.monotonic()
        self._stopping = False
        self._retired = False
        self._wake_read, self._wake_write = os.pipe()

    def run(self) -> None:
        """Serve until there is nobody left to serve, or until told to stop."""
        processes.adopt_orphans()
        version = preload.preload() if self._config.preload else ""
        # After the preload, because flytekit sets handlers of its own when it is imported.
        self._catch_signals()
        self._hello = {
            "pid": os.getpid(),
            "python": sys.version.split()[0],
            "flytekit": version,
            "threads": preload.threads(),
        }
        self._lessons = learning.Lessons()
        self._trials = trials.Trials(self._timers, self._lessons, self._is_idle, self._descriptors)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_wake)
        self._selector.register(self._listener, selectors.EVENT_READ, self._on_connect)
        self._selector.register(
            self._lessons.descriptors()[0], selectors.EVENT_READ, lambda _: self._trials.hear()
        )
        self._timers.after(self._config.linger or _HOUSEKEEPING_EVERY, self._keep_house)
        while not self._finished():
            for key, mask in self._selector.select(self._timers.seconds_left()):
                key.data(mask)
            self._timers.run()
        # Before the connections end: then whoever waits for that may put a new socket there.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._config.socket)
        self._listener.close()

    # Orders

    def _on_connect(self, _: int) -> None:
        try:
            stream, _address = self._listener.accept()
        except BlockingIOError:
            return
        connection = connections.Connection(stream, self._selector, self._on_line, self._connections.discard)
        self._connections.add(connection)
        connection.send(protocol.encode(protocol.HELLO, self._hello))

    def _on_line(self, connection: connections.Connection, line: bytes) -> None:
        kind, document = protocol.decode(line)
        if kind == protocol.START:
            self._take(connection, protocol.Order(**document))
        elif kind == protocol.ABORT:
            self._abort(document["directory"])
        elif kind == protocol.RETIRE:
            self._retired = True

    def _take(self, connection: connections.Connection, order: protocol.Order) -> None:
        """Start an attempt or say what has become of it."""
        directory = order.directory
        result = records.read_result(directory)
        if result is not None:
            self._known.pop(directory, None)
            connection.send(_message(protocol.FINISHED, directory, result=result._asdict()))
        elif directory in self._known:
            connection.send(_message(self._known[directory], directory))
        elif records.read_marker(directory) is not None:
            self._lose(directory)
        else:
            self._known[directory] = protocol.QUEUED
            self._admission.add(order)
            if self._known.get(directory) == protocol.QUEUED:
                self._tell(protocol.QUEUED, directory)

    def _abort(self, directory: str) -> None:
        order = self._admission.remove(directory)
        if order is not None:
            self._finish_unstarted(order, "aborted")
        else:
            self._tasks.abort(directory)

    def _tell(self, kind: str, directory: str, **more: typing.Any) -> None:
        message = _message(kind, directory, **more)
        for connection in list(self._connections):
            connection.send(message)

    # Beginnings and ends

    def _start(self, order: protocol.Order) -> None:
        started_at = time.time()
        os.makedirs(order.directory, exist_ok=True)
        marker = records.create_marker(order.directory, self._directory, started_at)
        if marker is None:
            self._lose(order.directory)
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            child.become_task(
                order,
                self._config,
                marker=marker,
                parent=parent,
                inherited=self._descriptors(),
                lessons=self._lessons,
            )
        os.close(marker)
        self._tasks.add(order, pid, started_at)
        self._known[order.directory] = protocol.RUNNING
        self._tell(protocol.RUNNING, order.directory)

    def _descriptors(self) -> list[int]:
        """What a child must close: the runner's own files, above all its lock, which would outlive it."""
        poll: typing.Any = self._selector
        mine = [self._lock, self._wake_read, self._wake_write, self._listener.fileno(), poll.fileno()]
        return mine + [connection.fileno() for connection in self._connections]

    def _on_wake(self, _: int) -> None:
        received = os.read(self._wake_read, 512)
        if signal.SIGTERM in received or signal.SIGINT in received:
            self._stop()
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            self._trials.ended(pid, status)
            self._tasks.ended(pid, status, usage, spared=self._trials.pid)
        self._last_end = time.monotonic()
        self._admission.admit()

    def _finish_unstarted(self, order: protocol.Order, outcome: str) -> None:
        now = time.time()
        os.makedirs(order.directory, exist_ok=True)
        marker = records.create_marker(order.directory, self._directory, now)
        if marker is not None:
            os.close(marker)
        self._record(
            order.directory, records.Result(outcome, None, None, now, now, None, "before it started")
        )

    def _lose(self, directory: str) -> None:
        """An attempt that an earlier runner of this directory started, and took with it when it died."""
        marker = records.read_marker(directory)
        started_at = time.time()
        if marker is not None:
            started_at = marker.started_at or started_at
            if marker.pid:
                processes.signal_session(marker.pid, signal.SIGKILL, not_before=marker.process_started)
        self._record(directory, records.Result("lost", None, None, started_at, time.time(), None, ""))

    def _record(self, directory: str, result: records.Result) -> None:
        secrets.remove(directory)
        # Where the attempt's directory was removed under the task, there is nobody left who would ask.
        with contextlib.suppress(FileNotFoundError):
            records.write_result(directory, result)
        self._known.pop(directory, None)
        self._tell(protocol.FINISHED, directory, result=result._asdict())

    # Living and dying

    def _catch_signals(self) -> None:
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _stop(self) -> None:
        """End every task, then this process."""
        self._stopping = True
        self._admission.close()
        self._trials.close()
        self._tasks.lose_all()

    def _finished(self) -> bool:
        if self._tasks:
            return False
        return self._stopping or (self._retired and not self._admission)

    def _keep_house(self) -> None:
        """End this process when nobody needs it: no client and no work for long, or its directory is gone."""
        if self._connections:
            self._last_client = time.monotonic()
        alone = min(self._quiet_for(), time.monotonic() - self._last_client)
        if alone > self._config.idle_exit or not home.exists(self._directory):
            self._stop()
        if self._config.linger is not None and self._quiet_for() > self._config.linger:
            self._retired = True
        if self._lessons.learned and self._quiet_for() > _SHRINK_AFTER:
            for connection in self._connections:
                connection.send(protocol.encode(protocol.RENEW, {}))
            self._retired = True
        self._timers.after(self._config.linger or _HOUSEKEEPING_EVERY, self._keep_house)

    def _is_idle(self) -> bool:
        return not self._tasks and not self._admission

    def _quiet_for(self) -> float:
        """Seconds since there was anything to run."""
        last = max(self._admission.last_start, self._last_end)
        return time.monotonic() - last if self._is_idle() else 0.0


def main(directory: str, listening: int) -> None:
    """Be the runner of a directory, unless it has one already. `listening`: the descriptor of its socket."""
    lock = home.lock(directory)
    if lock is None:
        return
    config = home.read_config(directory)
    listener = socket.socket(fileno=listening)
    listener.setblocking(False)
    os.set_inheritable(listening, False)
    runner = Runner(directory, config, lock, listener)
    home.write_status(directory)
    runner.run()


def _message(kind: str, directory: str, **more: typing.Any) -> bytes:
    return protocol.encode(kind, {"directory": directory, **more})
