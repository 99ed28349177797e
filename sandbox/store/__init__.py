"""Everything that survives: Postgres rows and objects."""

from __future__ import annotations
