"""A house a test."""

from __future__ import annotations

import pytest

from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore
from tests.integration.propeller.house import House


@pytest.fixture
def house(database: Database, objects: ObjectStore) -> House:
    return House(database, objects)
