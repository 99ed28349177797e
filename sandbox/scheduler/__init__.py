"""Cron and fixed-rate launch plans."""

from __future__ import annotations
