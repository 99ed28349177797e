"""The connector executor's pure parts."""

from __future__ import annotations
