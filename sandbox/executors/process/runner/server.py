"""The runner's loop: takes orders, forks, waits, measures, reports. One thread, no polling but of memory.

Everything that must survive this process is in the attempts' directories (`records`); what is kept here is
only what a living child needs. When this process dies, its children die with it.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import heapq
import itertools
import json
import os
import selectors
import signal
import socket
import sys
import time
import typing

from . import child, connections, entry, learning, measuring, preload, processes, protocol, records

_STARVED_AFTER = 0.5
"""Seconds without a start after which one more is admitted: tasks may wait for tasks that they started."""
_MEASURE_EVERY = 0.25
_HOUSEKEEPING_EVERY = 15.0
_LEARN_AFTER = 0.3
_SHRINK_AFTER = 180.0
"""Seconds of idleness after which what was learned is dropped again: it may be hundreds of megabytes."""
_LOCK_PATIENCE = 3.0
"""Seconds that a predecessor is given to end."""


class _Task:
    """A living child."""

    def __init__(self, order: protocol.Order, pid: int, started_at: float, memory: measuring.Memory) -> None:
        self.order = order
        self.pid = pid
        self.started_at = started_at
        self.memory = memory
        self.ending = ""
        """`aborted`, `timeout` or `memory` once this runner has begun to end it."""


class Runner:
    """One per directory; see `main`."""

    def __init__(self, directory: str, config: protocol.Config, lock: int, listener: socket.socket) -> None:
        self._directory = directory
        self._lock = lock
        self._config = config
        self._tasks: dict[int, _Task] = {}
        self._queue: collections.deque[protocol.Order] = collections.deque()
        self._known: dict[str, str] = {}
        self._timers: list[tuple[float, int, typing.Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._connections: set[connections.Connection] = set()
        self._hello: dict[str, typing.Any] = {}
        self._last_start = time.monotonic()
        self._last_end = time.monotonic()
        self._last_client = time.monotonic()
        self._measuring = False
        self._starving = False
        self._lessons: learning.Lessons
        self._trial: tuple[int, list[str]] | None = None
        self._idle_action: typing.Callable[[], None] | None = None
        self._stopping = False
        self._retired = False
        self._wake_read, self._wake_write = os.pipe()
        self._listener = listener

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
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_wake)
        self._selector.register(self._listener, selectors.EVENT_READ, self._on_connect)
        self._lessons = learning.Lessons()
        self._selector.register(self._lessons.descriptors()[0], selectors.EVENT_READ, self._on_lesson)
        self._after(self._config.linger or _HOUSEKEEPING_EVERY, self._keep_house)
        while not self._finished():
            for key, mask in self._selector.select(self._next_timer()):
                key.data(mask)
            self._run_timers()
        # Before the connections end: then whoever waits for that may put a new socket there.
        _unlink(self._config.socket)
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
            self._queue.append(order)
            self._known[directory] = protocol.QUEUED
            self._admit()
            if self._known.get(directory) == protocol.QUEUED:
                self._tell(protocol.QUEUED, directory)

    def _abort(self, directory: str) -> None:
        for order in self._queue:
            if order.directory == directory:
                self._queue.remove(order)
                self._finish_unstarted(order, "aborted")
                return
        for task in self._tasks.values():
            if task.order.directory == directory:
                self._end(task, "aborted")
                return

    # Admission

    def _admit(self) -> None:
        while self._queue and len(self._tasks) < self._config.max_running and not self._stopping:
            self._start(self._queue.popleft())
        if self._queue and not self._starving:
            self._starving = True
            self._after(_STARVED_AFTER, self._relieve)

    def _relieve(self) -> None:
        self._starving = False
        idle = time.monotonic() - self._last_start
        if self._queue and idle >= _STARVED_AFTER and not self._stopping:
            self._start(self._queue.popleft())
        self._admit()

    def _start(self, order: protocol.Order) -> None:
        self._last_start = time.monotonic()
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
        inherited = 0 if entry.runs_here(order.argv) else measuring.own_peak()
        task = _Task(order, pid, started_at, measuring.Memory(pid, inherited))
        self._tasks[pid] = task
        self._known[order.directory] = protocol.RUNNING
        self._tell(protocol.RUNNING, order.directory)
        if order.timeout is not None:
            self._after(order.timeout, lambda: self._time_out(task))
        if not self._measuring:
            self._measuring = True
            self._after(_MEASURE_EVERY, self._measure)

    def _descriptors(self) -> list[int]:
        """What a child must close: the runner's own files, above all its lock, which would outlive it."""
        poll: typing.Any = self._selector
        mine = [self._lock, self._wake_read, self._wake_write, self._listener.fileno(), poll.fileno()]
        return mine + [connection.fileno() for connection in self._connections]

    # Ends

    def _time_out(self, task: _Task) -> None:
        if self._tasks.get(task.pid) is task:
            self._end(task, "timeout")

    def _end(self, task: _Task, why: str) -> None:
        """Begin to end a task: a polite signal, and after the grace a deadly one."""
        if task.ending:
            return
        task.ending = why
        if why == "memory":
            processes.signal_session(task.pid, signal.SIGKILL)
            return
        processes.signal_session(task.pid, signal.SIGTERM)
        self._after(self._config.grace, lambda: self._kill(task))

    def _kill(self, task: _Task) -> None:
        if self._tasks.get(task.pid) is task:
            processes.signal_session(task.pid, signal.SIGKILL)

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
            if self._trial is not None and pid == self._trial[0]:
                self._conclude(status)
            task = self._tasks.pop(pid, None)
            if task is not None:
                self._ended(task, status, measuring.usage_bytes(usage))
        self._last_end = time.monotonic()
        self._admit()

    def _ended(self, task: _Task, status: int, largest: int) -> None:
        self._sweep(task)
        peak = task.memory.peak(largest)
        outcome = task.ending or "exited"
        limit = task.order.memory_limit
        if outcome == "exited" and limit is not None and peak is not None and peak > limit:
            outcome = "memory"
        killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        exit_code = None if killed_by is not None else os.WEXITSTATUS(status)
        result = records.Result(outcome, exit_code, killed_by, task.started_at, time.time(), peak, "")
        self._record(task.order.directory, result)

    def _sweep(self, task: _Task) -> None:
        """End what a task left behind: its session, and processes that left the session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(task.pid, signal.SIGKILL)
        trial = self._trial[0] if self._trial is not None else 0
        mine = [pid for pid in processes.children(os.getpid()) if pid not in self._tasks and pid != trial]
        for pid in mine:
            found = processes.stat(pid)
            if found is not None and found.state != "Z" and self._belongs(found, task):
                processes.send(pid, signal.SIGKILL)

    def _belongs(self, found: processes.Stat, task: _Task) -> bool:
        if found.session == task.pid or not self._tasks:
            return True
        return processes.environment_has(found.pid, f"{child.ATTEMPT_VARIABLE}={task.order.directory}")

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
        # Where the attempt's directory was removed under the task, there is nobody left who would ask.
        with contextlib.suppress(FileNotFoundError):
            records.write_result(directory, result)
        self._known.pop(directory, None)
        self._tell(protocol.FINISHED, directory, result=result._asdict())

    # Memory

    def _measure(self) -> None:
        self._measuring = bool(self._tasks)
        if not self._tasks:
            return
        measuring.sample(task.memory for task in self._tasks.values())
        for task in list(self._tasks.values()):
            limit = task.order.memory_limit
            if limit is not None and task.memory.largest > limit:
                self._end(task, "memory")
        self._after(_MEASURE_EVERY, self._measure)

    # Learning

    def _on_lesson(self, _: int) -> None:
        self._lessons.hear()
        self._when_idle(self._try_out)

    def _when_idle(self, action: typing.Callable[[], None]) -> None:
        """Do one thing once nothing has been running for a while."""
        if self._idle_action is None:
            self._after(_LEARN_AFTER, self._run_idle_action)
        self._idle_action = action

    def _run_idle_action(self) -> None:
        if self._tasks or self._queue:
            self._after(_LEARN_AFTER, self._run_idle_action)
            return
        action, self._idle_action = self._idle_action, None
        if action is not None and not self._stopping:
            action()

    def _try_out(self) -> None:
        """Have a forked process import what tasks have imported."""
        if self._trial is not None:
            return
        names = self._lessons.next()
        if names:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                child.leave_runner(self._descriptors(), parent)
                learning.try_out(names)
            self._trial = (pid, names)

    def _conclude(self, status: int) -> None:
        names = self._trial[1] if self._trial is not None else []
        self._trial = None
        if status == 0:
            self._when_idle(lambda: self._lessons.learn(names))

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
        for task in list(self._tasks.values()):
            self._end(task, "lost")

    def _finished(self) -> bool:
        if self._tasks:
            return False
        return self._stopping or (self._retired and not self._queue)

    def _keep_house(self) -> None:
        """End this process when nobody needs it: no client and no work for long, or its directory is gone."""
        if self._connections:
            self._last_client = time.monotonic()
        alone = min(self._quiet_for(), time.monotonic() - self._last_client)
        if alone > self._config.idle_exit or not os.path.exists(os.path.join(self._directory, protocol.LOCK)):
            self._stop()
        if self._config.linger is not None and self._quiet_for() > self._config.linger:
            self._retired = True
        if self._lessons.learned and self._quiet_for() > _SHRINK_AFTER:
            for connection in self._connections:
                connection.send(protocol.encode(protocol.RENEW, {}))
            self._retired = True
        self._after(self._config.linger or _HOUSEKEEPING_EVERY, self._keep_house)

    def _quiet_for(self) -> float:
        """Seconds since there was anything to run."""
        busy = bool(self._tasks or self._queue)
        return 0.0 if busy else time.monotonic() - max(self._last_start, self._last_end)

    def _tell(self, kind: str, directory: str, **more: typing.Any) -> None:
        message = _message(kind, directory, **more)
        for connection in list(self._connections):
            connection.send(message)

    # Timers

    def _after(self, seconds: float, action: typing.Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._sequence), action))

    def _next_timer(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _run_timers(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()


def main(directory: str, listening: int) -> None:
    """Be the runner of a directory, unless it has one already. `listening`: the descriptor of its socket."""
    lock = os.open(os.path.join(directory, protocol.LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if not _take(lock):
        return
    with open(os.path.join(directory, protocol.CONFIG), encoding="utf-8") as file:
        config = protocol.Config(**json.load(file))
    listener = socket.socket(fileno=listening)
    listener.setblocking(False)
    os.set_inheritable(listening, False)
    runner = Runner(directory, config, lock, listener)
    _write_status(directory)
    runner.run()


def _take(lock: int) -> bool:
    """Take the lock, waiting a moment for a predecessor that is about to end; whether that worked."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def _write_status(directory: str) -> None:
    me = processes.stat(os.getpid())
    path = os.path.join(directory, protocol.STATUS)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "started": me.started if me else 0}, file)
    os.replace(f"{path}.new", path)


def _message(kind: str, directory: str, **more: typing.Any) -> bytes:
    return protocol.encode(kind, {"directory": directory, **more})


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
