"""The schema's history: Alembic migrations in `versions/`, numbered. Boots call `store.migrate.upgrade`."""

from __future__ import annotations
