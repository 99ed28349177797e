"""Kubernetes quantities of memory."""

from __future__ import annotations

import pytest

from sandbox.executors import quantities


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("200Mi", 200 << 20),
        ("1.5Gi", 3 << 29),
        ("1G", 10**9),
        ("128974848", 128974848),
        ("1e3", 1000),
        ("500m", 1),
        ("2k", 2000),
    ],
)
def test_a_quantity_is_so_many_bytes(quantity: str, size: int) -> None:
    assert quantities.to_bytes(quantity) == size


@pytest.mark.parametrize("quantity", ["", "lots", "1.2.3Mi", "10mb", "Mi"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="quantity of memory"):
        quantities.to_bytes(quantity)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (2048, "2 KiB"), (312 << 20, "312 MiB"), (3 << 29, "1.5 GiB")]
)
def test_people_read_sizes_in_binary_units(size: int, text: str) -> None:
    assert quantities.for_people(size) == text


@pytest.mark.parametrize(("quantity", "number"), [("500m", 0.5), ("2", 2.0), ("1.5", 1.5), ("100u", None)])
def test_processors_are_counted_in_parts(quantity: str, number: float | None) -> None:
    if number is None:
        with pytest.raises(ValueError, match="500m"):
            quantities.to_number(quantity)
    else:
        assert quantities.to_number(quantity) == number
