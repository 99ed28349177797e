"""Every type of value between tasks, and promises that reach into values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.backends import Backend
from tests.conformance.cells import case
from tests.conformance.seen import run

START = datetime(2024, 1, 1, tzinfo=UTC)


@case()
@pytest.mark.parametrize(
    ("workflow", "inputs", "expected"),
    [
        ("data_class", {"n": 3}, ["1 1.0 poly [1, 2, 3] 7 green None", "in a data class"]),
        ("pydantic_model", {"deep": True}, ["outer 4 0.1 inner inner"]),
        ("mixed", {}, ["1 2.0"]),
        ("compared", {"n": 2}, ["number 1"]),
        ("mapped_structures", {"n": 3}, [[0.0, 1.5, 3.0]]),
        ("unions", {"flag": True}, ["int 1", "int 5", "list [1, 2]"]),
        ("unions", {"flag": False, "x": "s"}, ["str one", "str s", "list [1, 2]"]),
        ("optionals", {}, ["None", "None", "1"]),
        ("optionals", {"x": 4}, ["4", "None", "1"]),
        ("times", {}, [START + timedelta(days=1, microseconds=1)]),
        ("times", {"at": START, "span": timedelta(hours=1)}, [START + timedelta(hours=1, microseconds=1)]),
        ("pickles", {}, [8]),
        ("stored", {"n": 3}, [14]),
        ("tables", {"n": 4}, [6]),
        ("protobufs", {"word": "n"}, ["n 1"]),
    ],
)
def test_values_arrive_as_they_were_sent(
    backend: Backend, workflow: str, inputs: dict[str, Any], expected: list[Any]
) -> None:
    seen = run(backend, f"values.{workflow}", **inputs)
    got = [seen.output(f"o{n}", kind=type_of(value)) for n, value in enumerate(expected)]
    assert got == expected


def type_of(value: Any) -> Any:
    return list[float] if isinstance(value, list) else type(value)


@case()
def test_the_fields_of_a_named_tuple_are_the_outputs(backend: Backend) -> None:
    seen = run(backend, "values.named_tuple", x=3)
    assert (seen.output("total", kind=int), seen.output("text", kind=str)) == (3, "3")


@case()
@pytest.mark.parametrize(("inputs", "expected"), [({}, "green"), ({"colour": "green"}, "red")])
def test_an_enum_goes_by_its_value(backend: Backend, inputs: dict[str, str], expected: str) -> None:
    assert run(backend, "values.enums", **inputs).output(kind=str) == expected


@case()
@pytest.mark.parametrize(
    ("workflow", "inputs", "words"),
    [
        ("data_class", {"n": 1}, "failed to bind input [x]: index [1] is out of range of a list of 1"),
        ("pydantic_model", {"deep": False}, "failed to bind input [inner]: attribute [name] does not exist"),
    ],
)
def test_a_promise_that_leads_nowhere_says_where_it_ended(
    backend: Backend, workflow: str, inputs: dict[str, Any], words: str
) -> None:
    seen = run(backend, f"values.{workflow}", **inputs)
    assert seen.phase == "FAILED"
    assert seen.error.code == "PromiseAttributeResolveError"
    assert words in seen.error.message
