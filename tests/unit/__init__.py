"""Tests of pure code: nothing outside the process is reached."""

from __future__ import annotations
