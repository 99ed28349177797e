"""The runner's queue: so many at once, the earliest deadline first."""

from __future__ import annotations

from sandbox.executors.process.runner import admission, protocol, timers


def order(name: str, start_by: float = 0.0) -> protocol.Order:
    return protocol.Order(name, [], {}, code=None, timeout=None, memory_limit=None, start_by=start_by)


class Runner:
    """Counts what runs."""

    def __init__(self, most: int) -> None:
        self.started: list[str] = []
        self.running = 0
        self.queue = admission.Admission(most, timers.Timers(), lambda: self.running, self.start)

    def start(self, one: protocol.Order) -> None:
        self.started.append(one.directory)
        self.running += 1

    def end(self) -> None:
        self.running -= 1
        self.queue.admit()


def test_a_full_runner_starts_the_earliest_deadline_first_and_equals_as_they_came() -> None:
    runner = Runner(1)
    runner.queue.add(order("first", 99))
    for name, deadline in (("late", 30), ("soon", 10), ("middle", 20), ("soon too", 10)):
        runner.queue.add(order(name, deadline))
    while runner.running:
        runner.end()
    assert runner.started == ["first", "soon", "soon too", "middle", "late"]


def test_one_that_is_taken_out_does_not_disturb_the_order() -> None:
    runner = Runner(0)
    for number in (5, 1, 4, 2, 3):
        runner.queue.add(order(str(number), number))
    assert runner.queue.remove("1") == order("1", 1)
    assert runner.queue.remove("1") is None
    runner.running = -10
    runner.queue.admit()
    assert runner.started == ["2", "3", "4", "5"]
