"""The embedded profile: every component a process on this machine."""

from __future__ import annotations
