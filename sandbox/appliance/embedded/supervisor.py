"""The process that keeps an embedded sandbox running.

    python -I -S -c 'import sys; sys.path.append(ROOT); …; supervisor.main([CONFIG, RECORD, LOG])'

It starts the components of `sandbox.json`, starts again what dies (at once, then more and more slowly, and
gives up on what keeps dying), and stops them in reverse order when it is told to. If it dies itself nothing
else does: the next one adopts what it finds running, by the pid and start time in each component's record.

Signals: SIGTERM stops everything; SIGHUP reads the configuration again and starts whatever is not running.

Only light parts of the standard library are imported, for its memory counts as the sandbox's own. Every
decision about a component is in `_Child`; `_Supervisor.turn` is one pass of the loop.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import sys
import time

from sandbox.appliance.pids import Identity, identify, is_alive

STABLE_SECONDS = 10.0
"""A component that lived this long is started again at once when it dies."""
BACKOFF = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0)
"""Seconds before each start after a death that came sooner; after the last one the supervisor gives up."""
ABANDONED_SECONDS = 5.0
"""How often it looks whether its sandbox's directory still exists; without it, there is nothing to run."""
LOG_LIMIT = 32 * 1024 * 1024
"""Bytes: a component's log that is longer is set aside (`.1`) when the component starts."""


def say(message: str) -> None:
    """A line in the supervisor's own log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stdout.write(f"{stamp} {message}\n")
    sys.stdout.flush()


class _Child:
    """A component: its process, or why there is none."""

    def __init__(self, spec: dict) -> None:  # type: ignore[type-arg]
        self.spec = spec
        self.name: str = spec["name"]
        self.identity: Identity | None = None
        self.pidfd = -1
        self.restarts = 0
        self.last_exit = ""
        self.failed = False
        self.start_at: float | None = None
        """When to start it (monotonic); None: not now."""
        self._early_deaths = 0
        self._started_at = 0.0

    def adopt(self) -> bool:
        """Take over the process of the record, if it still runs."""
        try:
            with open(self.spec["record"], "rb") as file:
                record = json.load(file)
            found = Identity(record["pid"], record["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        self.restarts = record.get("restarts", 0)
        if not is_alive(found):
            return False
        self._watch(found)
        say(f"{self.name}: adopted pid {found.pid}")
        return True

    def wake(self, now: float) -> None:
        """Start it soon if it does not run, forgetting earlier failures."""
        if self.identity is None:
            self.failed = False
            self._early_deaths = 0
            self.start_at = now

    def start_if_due(self, now: float) -> None:
        if self.start_at is None or now < self.start_at:
            return
        needs = self.spec["needs"]
        if needs and not os.path.exists(needs):
            self.start_at = None  # SIGHUP will tell
            return
        self.start_at = None
        for pid_file in self.spec["pid_files"]:
            _remove_stale(pid_file, os.path.dirname(self.spec["pid_files"][0]))
        pid = _spawn(self.spec)
        self._started_at = now
        found = identify(pid)
        if found is None:
            self.died(now, _how_it_ended(pid))
            return
        self._watch(found)
        say(f"{self.name}: started as pid {pid}")
        self.save()

    def died(self, now: float, how: str) -> None:
        """Its process is gone: decide when to start it again."""
        self._unwatch()
        self.last_exit = how
        if now - self._started_at >= STABLE_SECONDS:
            self._early_deaths = 0
        if self._early_deaths >= len(BACKOFF):
            self.failed = True
            self.start_at = None
            say(f"{self.name}: {how}; it died {self._early_deaths + 1} times in a row: giving up")
        else:
            delay = BACKOFF[self._early_deaths]
            self._early_deaths += 1
            self.restarts += 1
            self.start_at = now + delay
            say(f"{self.name}: {how}; starting it again" + (f" in {delay} s" if delay else ""))
        self.save()

    def stop(self) -> None:
        """End it: politely, then not."""
        self.start_at = None
        if self.identity is None:
            self._forget()
            return
        pid = self.identity.pid
        _kill(pid, getattr(signal, self.spec["stop_signal"]))
        if not _wait(self.pidfd, self.identity, self.spec["stop_timeout"]):
            say(f"{self.name}: did not stop in {self.spec['stop_timeout']} s: killing it")
            _kill_group(pid)
            _wait(self.pidfd, self.identity, 5.0)
        say(f"{self.name}: stopped ({_how_it_ended(pid)})")
        self._unwatch()
        self._forget()

    def save(self) -> None:
        """Write the record that status, and the next supervisor, read."""
        identity = self.identity
        _write(
            self.spec["record"],
            {
                "name": self.name,
                "pid": identity.pid if identity else None,
                "started": identity.started if identity else None,
                "restarts": self.restarts,
                "failed": self.failed,
                "last_exit": self.last_exit,
            },
        )

    def _watch(self, identity: Identity) -> None:
        self.identity = identity
        self.pidfd = os.pidfd_open(identity.pid)

    def _unwatch(self) -> None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.pidfd = -1
        self.identity = None

    def _forget(self) -> None:
        _unlink(self.spec["record"])


class _Supervisor:
    """All components and the loop that watches them."""

    def __init__(self, config: str) -> None:
        self._config = config
        self._children: list[_Child] = []
        self._signals: list[int] = []
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Until SIGTERM, or until the sandbox's directory is deleted under it."""
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._signals.append(received))
        self.reload(time.monotonic())
        while self.turn():
            pass
        for child in reversed(self._children):
            child.stop()
        say("stopped")

    def reload(self, now: float) -> None:
        """Take the configuration as it is on disk: adopt or start what does not run, stop what is no more."""
        with open(self._config, "rb") as file:
            specs = json.load(file)["components"]
        known = {child.name: child for child in self._children}
        self._children = []
        for spec in specs:
            child = known.get(spec["name"]) or _Child(spec)
            child.spec = spec
            self._children.append(child)
            if child.identity is None and (child.name in known or not child.adopt()):
                child.wake(now)
        wanted = {child.name for child in self._children}
        for name, child in known.items():
            if name not in wanted:
                child.stop()

    def turn(self) -> bool:
        """Start what is due, then wait for a death, a signal or the next start; False when it is time to
        stop."""
        now = time.monotonic()
        for child in self._children:
            child.start_if_due(now)
        self._wait_for_news(now)
        now = time.monotonic()
        for child in self._children:
            if child.identity is not None and not is_alive(child.identity):
                child.died(now, _how_it_ended(child.identity.pid))
        while self._signals:
            if self._signals.pop(0) == signal.SIGHUP:
                self.reload(now)
            else:
                return False
        if not os.path.exists(self._config):
            say(f"{self._config} is gone: stopping")
            return False
        return True

    def _wait_for_news(self, now: float) -> None:
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        for child in self._children:
            if child.pidfd >= 0:
                poller.register(child.pidfd, select.POLLIN)
        due = [child.start_at for child in self._children if child.start_at is not None]
        poller.poll(max(0.0, min([ABANDONED_SECONDS, *(at - now for at in due)])) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 512)


def _spawn(spec: dict) -> int:  # type: ignore[type-arg]
    """Start a component in a session of its own."""
    mark = os.environ.get("SANDBOX_STATE", "")
    environment = {**os.environ, **spec["env"], "SANDBOX_COMPONENT_OF": mark}
    log = _open_log(spec["log"])
    pid = os.fork()
    if pid:
        os.close(log)
        return pid
    try:
        _become(spec, environment, log)
    except Exception as exc:
        os.write(log, f"can't start {spec['argv'][0]}: {exc}\n".encode())
    finally:
        os._exit(127)  # the child must never return into the parent's code


def _become(spec: dict, environment: dict, log: int) -> None:  # type: ignore[type-arg]
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(spec["directory"])
    if spec["user"]:
        user, group = spec["user"]
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    os.execve(spec["argv"][0], spec["argv"], environment)


def _remove_stale(pid_file: str, directory: str) -> None:
    """Remove the lock of a dead program, once nothing that it had started works in its directory either."""
    try:
        with open(pid_file) as file:
            pid = int(file.readline())
    except (OSError, ValueError):
        return
    if identify(pid) is not None:
        return
    directory = os.path.realpath(directory)
    if any(_works_in(directory, int(name)) for name in os.listdir("/proc") if name.isdigit()):
        return
    say(f"removing {pid_file}: pid {pid} is dead")
    os.unlink(pid_file)


def _works_in(directory: str, pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == directory
    except OSError:
        return False  # gone, buried or somebody else's


def _open_log(path: str) -> int:
    try:
        if os.stat(path).st_size > LOG_LIMIT:
            os.replace(path, path + ".1")
    except FileNotFoundError:
        pass
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _how_it_ended(pid: int) -> str:
    """The exit of a process that is gone; only a parent is told."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return "ended"
    if reaped == 0:
        return "ended"
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError as exc:
        if exc.errno != errno.ESRCH:
            raise


def _wait(pidfd: int, identity: Identity, timeout: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    deadline = time.monotonic() + timeout
    while is_alive(identity):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        poller.poll(left * 1000)
    return True


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _write(path: str, record: dict) -> None:  # type: ignore[type-arg]
    with open(path + ".new", "w") as file:
        json.dump(record, file)
    os.replace(path + ".new", path)


def _detach(log: str) -> None:
    """Leave the caller's session, terminal and standard streams; the caller's call returns."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    output = _open_log(log)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(null)
    os.close(output)


def main(arguments: list[str]) -> None:
    """`config record log`: become a daemon and supervise."""
    config, record, log = arguments
    _detach(log)
    os.chdir(os.path.dirname(config))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    me = identify(os.getpid())
    if me is None:
        raise RuntimeError("/proc does not show this process: the supervisor needs Linux's /proc")
    _write(
        record, {"name": "supervisor", "pid": me.pid, "started": me.started, "restarts": 0, "failed": False}
    )
    say(f"supervising {config} as pid {me.pid}")
    try:
        _Supervisor(config).run()
    finally:
        _unlink(record)
