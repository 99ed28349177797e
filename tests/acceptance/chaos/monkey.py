"""The monkey: kills processes of a sandbox, one every few seconds, by a seed."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from sandbox.executors.process import shutdown
from sandbox.executors.process.links import RunnerHome
from sandbox.executors.process.runner import processes

COMPONENTS = ("control-plane", "postgres", "object-store")
VICTIMS = (*COMPONENTS, "runner", "task", "task")
"""Drawn from with equal chances."""
PAUSE = (1.0, 4.0)
"""Seconds between two kills, at least and at most."""


PATIENCE = 3.0
"""Seconds that it waits for a victim to appear."""


class Monkey(threading.Thread):
    """Kills until it is told to stop."""

    def __init__(self, root: Path, seed: int, *, mercy: float) -> None:
        """`mercy`: seconds that a component has before it is killed again; a slow machine needs more."""
        super().__init__(name="monkey", daemon=True)
        self._mercy = mercy
        self._killed: dict[str, float] = {}
        self._root = root
        self._chance = random.Random(seed)
        self._enough = threading.Event()
        self._began = time.monotonic()
        self.kills: list[str] = []
        """Who was killed when."""
        self.counts: Counter[str] = Counter()

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def run(self) -> None:
        while not self._enough.wait(self._chance.uniform(*PAUSE)):
            self.kill(self._chance.choice([one for one in VICTIMS if self._is_fair(one)]))

    def stop(self) -> None:
        """Leave the sandbox alone from now on."""
        self._enough.set()
        self.join()

    def kill(self, victim: str) -> None:
        """Kill one; nothing happens when none lives, and none begins for a while."""
        until = time.monotonic() + PATIENCE
        while (pid := self._find(victim)) is None:
            if time.monotonic() > until or self._enough.wait(0.05):
                return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._killed[victim] = self.age
        self.counts[victim] += 1
        self.kills.append(f"{self.age:7.2f} s  {victim} {pid}")

    def _is_fair(self, victim: str) -> bool:
        return victim not in COMPONENTS or self.age - self._killed.get(victim, -self._mercy) >= self._mercy

    def _find(self, victim: str) -> int | None:
        if victim in COMPONENTS:
            return self._component(victim)
        runners = living_runners(self._root)
        if victim == "task":
            runners = [child for runner in runners for child in processes.children(runner)]
        return self._chance.choice(sorted(runners)) if runners else None

    def _component(self, name: str) -> int | None:
        try:
            record = json.loads((self._root / "run" / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        found = processes.stat(record["pid"]) if record["pid"] else None
        return found.pid if found is not None and found.started == record["started"] else None


def living_runners(root: Path) -> list[int]:
    """The process ids of a sandbox's runners."""
    folder = root / "tasks" / "runners"
    homes = [RunnerHome(home) for home in folder.iterdir()] if folder.is_dir() else []
    return [pid for home in homes if (pid := shutdown.running_pid(home)) is not None]
