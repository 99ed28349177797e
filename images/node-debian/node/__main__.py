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

_TICK = 0.1
_LONGEST_DELAY = 10.0
_GRACE = 20.0
READY = Path("/run/node-ready")
"""There once every component has worked."""


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
        self._delay = min(_LONGEST_DELAY, max(0.5, 2 * self._delay))
        with (LOGS / f"{self.component.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.component.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self, pid: int, status: int) -> None:
        if self._process is None or self._process.pid != pid:
            return
        code = os.waitstatus_to_exitcode(status)
        print(f"{self.component.name} ended with {code}; again in {self._delay:g} s", flush=True)
        self._process = None
        self._not_before = time.monotonic() + self._delay

    def look(self) -> None:
        """Find out whether it is ready, until it is."""
        if self._process is None or self.was_ready:
            return
        self.was_ready = self.component.ready()
        if self.was_ready:
            self._delay = 0.0
            print(f"{self.component.name} is ready", flush=True)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()


def main() -> int:
    settings = Settings.read()
    cgroups.prepare()
    preparing.prepare(settings)
    pki.prepare(settings)
    all_ = [Supervised(component) for component in components.of(settings)]
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    while not stopping:
        _turn(all_)
        time.sleep(_TICK)
    for one in reversed(all_):
        one.stop()
    return 0


def _turn(all_: list[Supervised]) -> None:
    _reap(all_)
    ready = {one.component.name for one in all_ if one.was_ready}
    for one in all_:
        if ready.issuperset(one.component.after):
            one.start_if_due()
            one.look()
    if len(ready) == len(all_) and not READY.exists():
        preparing.load_pause_image()
        READY.touch()


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
