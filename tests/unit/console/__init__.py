"""The console's pure modules."""

from __future__ import annotations
