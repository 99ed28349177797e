"""The DataCatalog service against a real Postgres."""

from __future__ import annotations
