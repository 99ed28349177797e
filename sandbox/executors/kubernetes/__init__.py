"""Attempts as pods: `pods` builds them, `verdicts` reads them, `executor` watches them."""

from __future__ import annotations
