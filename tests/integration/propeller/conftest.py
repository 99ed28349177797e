"""A house a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore
from tests.integration.propeller.house import House


@pytest.fixture
def house(database: Database, objects: ObjectStore) -> Iterator[House]:
    """Once the test is done, every execution that is over must be what its history says."""
    house = House(database, objects)
    yield house
    house.audit()
