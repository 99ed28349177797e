"""Control planes that come and go while attempts run."""

from __future__ import annotations

import random
import time

from sandbox.executors.api import AttemptPhase
from tests.cluster.executor.conftest import Engine, Stage
from tests.waiting import eventually


def test_no_attempt_is_started_twice_or_lost_while_control_planes_come_and_go(stage: Stage) -> None:
    chance = random.Random(7)
    engine = Engine()
    requests = [stage.request("sh", "-c", f"sleep {number % 3}; exit {number % 2}") for number in range(12)]
    births: dict[str, set[str]] = {}

    def missing() -> list[str]:
        """Whose end nobody was told; notes every pod that there ever was."""
        for request in requests:
            pod = stage.pod(request)
            if pod:
                births.setdefault(request.unique_name, set()).add(pod["metadata"]["uid"])
        told = {update.key for update in engine.told if update.phase.is_terminal}
        return [request.unique_name for request in requests if request.key not in told]

    executor = stage.executor(engine)
    for request in requests:
        executor.start(request)
    deadline = time.monotonic() + 240
    while missing() and time.monotonic() < deadline:
        alive_until = time.monotonic() + chance.uniform(0.1, 4)
        eventually(lambda until=alive_until: not missing() or time.monotonic() > until, timeout=10)
        executor.close()
        executor = stage.executor(engine)
        over = {update.key for update in engine.told if update.phase.is_terminal}
        for request in requests:
            if request.key not in over:
                executor.start(request)
        for key in executor.remembered():
            if key in over:
                executor.abort(key, "its execution is over")
                executor.forget(key)
    assert missing() == []
    assert all(len(found) == 1 for found in births.values()), births
    for number, request in enumerate(requests):
        ends = {update.phase for update in engine.of(request.key) if update.phase.is_terminal}
        assert ends == {AttemptPhase.FAILED if number % 2 else AttemptPhase.SUCCEEDED}
    eventually(lambda: not any(stage.pod(request) for request in requests), timeout=120)
