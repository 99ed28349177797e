"""`eventually` waits, and fails at its deadline."""

from __future__ import annotations

import pytest

from tests.waiting import eventually


def test_the_first_true_answer_is_returned() -> None:
    answers = iter([0, "", "yes"])
    assert eventually(lambda: next(answers), interval=0) == "yes"


def test_a_failed_assertion_means_not_yet() -> None:
    answers = iter([1, 2, 3])

    def three() -> bool:
        assert next(answers) == 3
        return True

    assert eventually(three, interval=0)


def test_the_deadline_fails_and_tells_the_last_answer() -> None:
    with pytest.raises(TimeoutError, match="last answer was 0"):
        eventually(lambda: 0, timeout=0.01, interval=0.001)


def test_other_errors_are_not_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0)
