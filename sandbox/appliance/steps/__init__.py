"""The boot, one module a step: `TITLE` for people, `execute(context)` does it and returns a line of detail."""

from __future__ import annotations
