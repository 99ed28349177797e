"""The boot, one module a step: `TITLE` is for people; `execute(context)` returns a line of detail."""

from __future__ import annotations
