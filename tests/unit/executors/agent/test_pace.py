"""How soon a task is looked at again."""

from __future__ import annotations

from sandbox.executors.agent import pace


def test_a_young_task_is_looked_at_often_and_an_old_one_now_and_then() -> None:
    ages = [0.0, 0.1, 1.0, 10.0, 100.0, 10_000.0]
    intervals = [pace.interval(age, 1) for age in ages]
    assert intervals == sorted(intervals)
    assert intervals[0] == pace.FIRST
    assert intervals[-1] == pace.SLOWEST


def test_all_looks_together_are_bounded() -> None:
    waiting = 5000
    assert waiting / pace.interval(10_000.0, waiting) <= 50


def test_pauses_grow_and_end_at_the_longest() -> None:
    pauses = [pace.pause(failures) for failures in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0
    assert pauses[-1] == 5.0
