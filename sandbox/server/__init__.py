"""Composes roles into one process behind the edge port."""

from __future__ import annotations
