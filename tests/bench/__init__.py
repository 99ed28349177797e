"""The bench: every claim about speed or memory has a row here. Run with `make bench`."""

from __future__ import annotations
