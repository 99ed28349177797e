"""What differs between two registrations."""

from __future__ import annotations

from flyteidl.core import tasks_pb2

from sandbox.admin import differences


def container(**fields: object) -> tasks_pb2.Container:
    return tasks_pb2.Container(**fields)


def test_changed_added_and_removed_places_are_named_with_both_values() -> None:
    old = container(image="a:1", args=["x", "y"], env=[{"key": "A", "value": "1"}])
    new = container(image="a:2", args=["x"], config=[{"key": "B", "value": "2"}])
    assert differences.describe(old, new) == (
        "/args/1:\n\t- y\n\t+ (absent)\n"
        "/config:\n\t- (absent)\n\t+ [{'key': 'B', 'value': '2'}]\n"
        "/env:\n\t- [{'key': 'A', 'value': '1'}]\n\t+ (absent)\n"
        "/image:\n\t- a:1\n\t+ a:2"
    )


def test_equal_messages_do_not_differ() -> None:
    assert differences.describe(container(image="a"), container(image="a")) == ""


def test_many_and_long_differences_are_cut() -> None:
    old = container(args=["a" * 500] * 100)
    new = container(args=["b" * 500] * 100)
    text = differences.describe(old, new)
    assert text.endswith("… and 88 more differences")
    assert len(text) < 4000
