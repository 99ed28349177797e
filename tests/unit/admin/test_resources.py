"""Kubernetes quantities and a task's resources."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from flyteidl.core import tasks_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.admin import errors, resources
from sandbox.admin.settings import PlatformResources
from sandbox.idl import quantities

Resources = tasks_pb2.Resources
CPU, GPU, MEMORY = Resources.CPU, Resources.GPU, Resources.MEMORY


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", "2"), ("500m", "0.5"), ("0.5", "0.5"), (".5", "0.5"), ("1Gi", "1073741824"), ("1G", "1000000000"),
     ("2e3", "2000"), ("1E", "1000000000000000000"), ("1Ki", "1024"), ("-1", "-1"), ("1.", "1")],
)  # fmt: skip
def test_a_quantity_is_read(text: str, value: str) -> None:
    assert quantities.parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "lots", "1 Gi", "1gi", "٣", "1K", "--1", "1e", "0x10", "1Gi\n"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(quantities.NotAQuantity):
        quantities.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with contextlib.suppress(quantities.NotAQuantity):
        assert isinstance(quantities.parse(text), Decimal)


def asking(requests: dict[int, str], limits: dict[int, str] | None = None) -> Resources:
    return Resources(
        requests=[Resources.ResourceEntry(name=name, value=value) for name, value in requests.items()],
        limits=[Resources.ResourceEntry(name=name, value=value) for name, value in (limits or {}).items()],
    )


def test_requests_within_their_limits_are_fine() -> None:
    asked = asking({CPU: "500m", MEMORY: "1Gi", GPU: "1"}, {CPU: "1", MEMORY: "1Gi", GPU: "1"})
    resources.check("t", asked, PlatformResources())


@pytest.mark.parametrize(
    ("asked", "fragment"),
    [
        (asking({MEMORY: "2Gi"}, {MEMORY: "1Gi"}), "MEMORY"),
        (asking({GPU: "0.5"}), "whole number"),
        (asking({GPU: "1"}, {GPU: "2"}), "must equal the limit"),
        (asking({CPU: "much"}), "'much' is no quantity"),
        (asking({CPU: "3"}), "platform's limit"),
        (asking({}, {CPU: "3"}), "platform's limit"),
    ],
)
def test_resources_that_cannot_be_given_are_refused(asked: Resources, fragment: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        resources.check("t", asked, PlatformResources(limit_cpu="2"))
    assert fragment in str(caught.value)


def test_naming_a_resource_twice_is_refused() -> None:
    asked = asking({CPU: "1"})
    asked.requests.add(name=CPU, value="2")
    with pytest.raises(errors.InvalidRequest, match="multiple times"):
        resources.check("t", asked, PlatformResources())
