"""Whole workflows through the real SDK against a real embedded sandbox."""

from __future__ import annotations
