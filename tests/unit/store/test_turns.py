"""Turns are taken in the order of asking."""

from __future__ import annotations

import threading

from sandbox.store.turns import Turns
from tests.waiting import eventually


def test_a_free_turn_is_taken_at_once_and_no_more_than_there_are() -> None:
    turns = Turns(2)
    assert turns.acquire(0)
    assert turns.acquire(0)
    assert not turns.acquire(0.01)
    turns.release()
    assert turns.acquire(0)


def test_who_waits_longest_is_next_even_if_the_holder_comes_back_at_once() -> None:
    turns = Turns(1)
    turns.acquire(0)
    order: list[int] = []

    def wait(number: int) -> None:
        turns.acquire(10)
        order.append(number)
        turns.release()

    threads = []
    for number in range(3):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        eventually(lambda: len(turns._waiting) == len(threads))
    turns.release()
    turns.acquire(10)
    order.append(99)
    turns.release()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 99]


def test_a_turn_that_was_not_waited_for_goes_to_the_next() -> None:
    turns = Turns(1)
    turns.acquire(0)
    assert not turns.acquire(0.01)
    turns.release()
    assert turns.acquire(0)
