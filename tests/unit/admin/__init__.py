"""The admin room's pure parts."""

from __future__ import annotations
