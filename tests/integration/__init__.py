"""Tests against real servers: Postgres, nanio, flytekit."""

from __future__ import annotations
