"""The connector executor over real connections."""

from __future__ import annotations
