"""Budgets and priorities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.core import execution_pb2
from google.protobuf import duration_pb2

from sandbox.idl import quality

Quality = execution_pb2.QualityOfService


def custom(seconds: int) -> Quality:
    budget = duration_pb2.Duration(seconds=seconds)
    return Quality(spec=execution_pb2.QualityOfServiceSpec(queueing_budget=budget))


def test_the_first_that_says_something_counts() -> None:
    high, low = Quality(tier=Quality.HIGH), Quality(tier=Quality.LOW)
    assert quality.budget(Quality(), high, low) == timedelta(minutes=1)
    assert quality.budget(custom(5), high) == timedelta(seconds=5)
    assert quality.budget(Quality(), Quality()) == timedelta(minutes=10)
    assert [quality.is_said(one) for one in (Quality(), high, custom(0))] == [False, True, True]


@pytest.mark.parametrize("seconds", [-(2**62), -1, 2**62])
def test_no_budget_is_too_large_or_negative(seconds: int) -> None:
    budget = quality.budget(custom(seconds))
    assert timedelta() <= budget <= timedelta(days=365)


def test_an_earlier_deadline_is_a_higher_priority_of_31_bits() -> None:
    now = datetime.now(UTC)
    late = quality.priority(now, timedelta(days=365))
    soon = quality.priority(now, timedelta(minutes=1))
    assert -(2**31) < late < soon < 0
    assert quality.priority(now - timedelta(minutes=30), timedelta(minutes=10)) > soon
