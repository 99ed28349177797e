"""Where tasks run: one protocol (`api.py`) and its implementations."""

from __future__ import annotations
