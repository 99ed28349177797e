from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sandbox.console import times


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.084, "84 ms"),
        (3.21, "3.2 s"),
        (59.6, "1 min"),
        (252, "4 min 12 s"),
        (7500, "2 h 5 min"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
        (-1, "0 ms"),
    ],
)
def test_a_length_is_told_in_the_two_largest_units(seconds: float, expected: str) -> None:
    assert times.words(timedelta(seconds=seconds)) == expected


def test_a_missing_length_is_a_dash() -> None:
    assert times.words(None) == "–"


def test_a_timestamp_that_was_never_set_is_no_moment() -> None:
    assert times.moment(Timestamp()) is None


def test_a_timestamp_keeps_its_microseconds() -> None:
    assert times.moment(Timestamp(seconds=1, nanos=5000)) == datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)
