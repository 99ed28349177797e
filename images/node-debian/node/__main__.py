"""The first process of the node's container: prepares, starts the components, starts them again, ends them.

A component that ends is started again, after a delay that grows while it keeps ending. SIGTERM ends all in
the reverse order, so that pods are ended by Docker, and etcd writes what it has, before the container goes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from node import cgroups, components, pki, preparing
from node.components import Component
from node.settings import LOGS, Settings

_TICK = 0.05
_LONGEST_DELAY = 10.0
_GRACE = 20.0
READY = Path("/run/node-ready")
"""There once every component has worked."""
_STARTED = time.monotonic()


class Supervised:
    """A component, and its process if it has one."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.was_ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._delay = 0.0
        self._not_before = 0.0

    def start_if_due(self) -> None:
        if self._process is not None or time.monotonic() < self._not_before:
            return
        if self.component.once and self.was_ready:
            return
        self._delay = min(_LONGEST_DELAY, max(0.5, 2 * self._delay))
        command = self.component.command
        with (LOGS / f"{self.component.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def ended(self, pid: int, status: int) -> None:
        if self._process is None or self._process.pid != pid:
            return
        code = os.waitstatus_to_exitcode(status)
        self._process = None
        if self.component.once and code == 0:
            self._is_ready()
            return
        self._not_before = time.monotonic() + self._delay
        say(f"{self.component.name} ended with {code}; again in {self._delay:g} s")

    def look(self) -> None:
        """Find out whether it is ready, until it is."""
        if self._process is None or self.was_ready or self.component.once:
            return
        if self.component.ready():
            self._is_ready()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _is_ready(self) -> None:
        self.was_ready = True
        self._delay = 0.0
        say(f"{self.component.name} is ready")


def say(text: str) -> None:
    """A line of the container's log."""
    print(f"{time.monotonic() - _STARTED:8.2f} s  {text}", flush=True)


def main() -> int:
    settings = Settings.read()
    cgroups.prepare()
    preparing.prepare(settings)
    pki.prepare(settings)
    say("prepared")
    all_ = [Supervised(component) for component in components.of(settings)]
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    while not stopping:
        _turn(all_)
        time.sleep(_TICK)
    READY.unlink(missing_ok=True)
    for one in reversed(all_):
        one.stop()
    say("stopped")
    return 0


def _turn(all_: list[Supervised]) -> None:
    _reap(all_)
    ready = {one.component.name for one in all_ if one.was_ready}
    for one in all_:
        if ready.issuperset(one.component.after):
            one.start_if_due()
            one.look()
    if len(ready) == len(all_) and not READY.exists():
        READY.touch()
        say("all components are ready")


def _reap(all_: list[Supervised]) -> None:
    """Take in every child that ended, of ours and of those whose parents are gone."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for one in all_:
            one.ended(pid, status)


if __name__ == "__main__":
    sys.exit(main())
