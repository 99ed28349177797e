"""The store against a real Postgres and a real nanio."""

from __future__ import annotations
