"""Flyte projects that the acceptance tests and the bench register with the real SDK."""

from __future__ import annotations
