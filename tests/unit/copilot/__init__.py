"""The executors' pure parts."""

from __future__ import annotations
